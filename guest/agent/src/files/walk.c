#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As getdents64(2) writes it. */
struct entry {
  uint64_t inode;
  int64_t next;
  uint16_t size;
  unsigned char type;
  char name[];
};

/* A level is a page, so one that is not reached costs nothing. A page holds a hundred names. */
enum { LEVEL = 4096, ENTRIES = LEVEL - 4 * sizeof(uint64_t) };

struct walk_level {
  int fd;
  size_t trail; /* length of the trail up to this directory */
  size_t at;
  size_t filled;
  _Alignas(struct entry) uint8_t entries[ENTRIES];
};

_Static_assert(sizeof(struct walk_level) == LEVEL, "a level is a page");

/* A worker is a process of its own, and makes one walk at a time. */
static struct walk the_walk;

static void add_level(struct walk *walk, int fd) {
  struct walk_level *level = &walk->levels[walk->depth++];
  level->fd = fd;
  level->trail = walk->trail.length;
  level->at = level->filled = 0;
}

static bool is_dots(const char *name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* The next name of the directory; NULL: its end, or a failure with an errno that is not 0. */
static const struct entry *next_entry(struct walk_level *level) {
  for (;;) {
    if (level->at == level->filled) {
      errno = 0;
      long size = syscall(SYS_getdents64, level->fd, level->entries, sizeof level->entries);
      /* The directory itself was removed. */
      if (size < 0 && errno == ENOENT) errno = 0;
      if (size <= 0) return NULL;
      level->at = 0;
      level->filled = (size_t)size;
    }
    const struct entry *entry = (const struct entry *)(level->entries + level->at);
    level->at += entry->size;
    if (!is_dots(entry->name)) return entry;
  }
}

/* At the component of the trail that is in the directory of `level`. */
static void point_at(struct walk *walk, const struct walk_level *level, unsigned char type) {
  walk->directory = level->fd;
  walk->name = walk->trail.text + level->trail + 1;
  walk->type = type;
}

static bool leave(struct walk *walk, const struct visitor *visitor, struct outcome *outcome) {
  struct walk_level *level = &walk->levels[--walk->depth];
  close(level->fd);
  if (walk->depth == 0 || visitor->leave == NULL) return true;
  point_at(walk, level - 1, DT_DIR);
  return visitor->leave(walk, visitor->context, outcome);
}

static bool step(struct walk *walk, const struct visitor *visitor, struct outcome *outcome) {
  struct walk_level *level = &walk->levels[walk->depth - 1];
  trail_cut(&walk->trail, level->trail);
  const struct entry *entry = next_entry(level);
  if (entry == NULL && errno != 0) return fail_trail(outcome, errno, &walk->trail);
  if (entry == NULL) return leave(walk, visitor, outcome);
  if (!trail_push(&walk->trail, entry->name)) return fail_trail(outcome, ENAMETOOLONG, &walk->trail);
  point_at(walk, level, entry->type);
  return visitor->entry(walk, visitor->context, outcome);
}

bool walk_tree(int directory, const char *path, const struct visitor *visitor, struct outcome *outcome) {
  struct walk *walk = &the_walk;
  size_t size = MAX_DEPTH * sizeof *walk->levels;
  walk->levels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (walk->levels == MAP_FAILED) {
    close(directory);
    return fail_path(outcome, ENOMEM, path);
  }
  walk->depth = 0;
  trail_begin(&walk->trail, path);
  add_level(walk, directory);
  bool good = true;
  while (good && walk->depth != 0) good = step(walk, visitor, outcome);
  while (walk->depth != 0) close(walk->levels[--walk->depth].fd);
  munmap(walk->levels, size);
  return good;
}

int walk_enter(struct walk *walk) {
  if (walk->depth == MAX_DEPTH) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int fd = openat(walk->directory, walk->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) add_level(walk, fd);
  return fd;
}

bool walk_is_stale(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENXIO; }
