#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parents.h"
#include "place.h"
#include "tree-leaf.h"
#include "tree-record.h"
#include "walk.h"

struct level {
  int fd;
  size_t trail; /* length of the trail up to this directory */
  bool made;    /* else it was there, and stays as it is */
  struct attributes attributes;
};

/* A worker is a process of its own: nobody else uses these. */
static struct reader reader;
static struct trail trail;
static struct level levels[MAX_DEPTH];
static unsigned depth;

static bool refuse(const char *why, struct outcome *outcome) {
  return fail(outcome, STATUS_BAD_REQUEST, 0, "%s: the tree stream has %s", path_shown(trail_path(&trail)), why);
}

static bool cut(struct outcome *outcome) {
  return fail(outcome, STATUS_BAD_REQUEST, 0, "%s: the tree stream ends too early", path_shown(trail_path(&trail)));
}

/* The directory that is entered is the one that was made or found: a link is followed as the root only. */
static bool enter(int directory, const char *name, const struct attributes *attributes, struct outcome *outcome) {
  if (depth == MAX_DEPTH) return refuse("directories nested over 512 deep", outcome);
  struct level *level = &levels[depth];
  /* Nobody else writes to it before its owner and mode are set. */
  level->made = mkdirat(directory, name, attributes->mode & 0755) == 0;
  if (!level->made && errno != EEXIST) return fail_trail(outcome, errno, &trail);
  level->fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth == 0 ? 0 : O_NOFOLLOW));
  if (level->fd < 0) return fail_trail(outcome, errno, &trail);
  level->trail = trail.length;
  level->attributes = *attributes;
  depth++;
  return true;
}

static bool leave(struct outcome *outcome) {
  struct level *level = &levels[--depth];
  trail_cut(&trail, level->trail);
  bool good = !level->made || attributes_set(level->fd, &level->attributes) || fail_trail(outcome, errno, &trail);
  close(level->fd);
  return good;
}

static bool write_leaf(int directory, const char *name, const struct tree_entry *entry,
                       const struct attributes *attributes, struct outcome *outcome) {
  if (S_ISLNK(entry->mode)) {
    return leaf_link(directory, name, entry->target, attributes) || fail_trail(outcome, errno, &trail);
  }
  switch (leaf_file(directory, name, &reader, attributes)) {
    case EXTENTS_DONE:
      return true;
    case EXTENTS_FAILED:
      return fail_trail(outcome, errno, &trail);
    case EXTENTS_CLOSED:
      return cut(outcome);
    case EXTENTS_INVALID:
      return refuse("extents that overlap, run backwards or are too long", outcome);
  }
  return false;
}

/* `name` is not in the reader's buffer, which the content of a file overwrites. */
static bool write_entry(int directory, const char *name, const struct tree_entry *entry, struct attributes attributes,
                        struct outcome *outcome) {
  attributes.mode = entry->mode & 07777;
  attributes.has_time = entry->has_time;
  attributes.mtime_ns = entry->mtime_ns;
  return S_ISDIR(entry->mode) ? enter(directory, name, &attributes, outcome)
                              : write_leaf(directory, name, entry, &attributes, outcome);
}

static bool write_below(const struct attributes *owner, struct outcome *outcome) {
  struct tree_entry entry;
  while (depth != 0) {
    const struct level *level = &levels[depth - 1];
    trail_cut(&trail, level->trail);
    switch (tree_record_read(&reader, &entry)) {
      case TREE_RECORD_ENTRY:
        if (entry.name == NULL) return refuse("an entry without NAME", outcome);
        if (!trail_push(&trail, entry.name)) return fail_trail(outcome, ENAMETOOLONG, &trail);
        if (!write_entry(level->fd, trail.text + level->trail + 1, &entry, *owner, outcome)) return false;
        break;
      case TREE_RECORD_LEAVE:
        if (!leave(outcome)) return false;
        break;
      case TREE_RECORD_END:
        return refuse("its end inside a directory", outcome);
      case TREE_RECORD_CUT:
        return cut(outcome);
      case TREE_RECORD_INVALID:
        return refuse(entry.objection, outcome);
    }
  }
  return true;
}

static bool write_root(const char *path, const struct tree_entry *entry, const struct attributes *owner,
                       struct outcome *outcome) {
  struct parents parents;
  struct place place;
  if (!parents_make(&parents, path) || !place_open(&place, path)) return fail_path(outcome, errno, path);
  bool good = write_entry(place.directory, place.name, entry, *owner, outcome) && write_below(owner, outcome);
  place_close(&place);
  return good;
}

static bool write_stream(const char *path, const struct attributes *owner, struct outcome *outcome) {
  struct tree_entry entry;
  switch (tree_record_read(&reader, &entry)) {
    case TREE_RECORD_ENTRY:
      if (entry.name != NULL) return refuse("a root with a NAME", outcome);
      if (!write_root(path, &entry, owner, outcome)) return false;
      break;
    case TREE_RECORD_CUT:
      return cut(outcome);
    case TREE_RECORD_INVALID:
      return refuse(entry.objection, outcome);
    default:
      return refuse("no root", outcome);
  }
  enum tree_record last = tree_record_read(&reader, &entry);
  if (last == TREE_RECORD_CUT) return cut(outcome);
  return last == TREE_RECORD_END || refuse("more than one root", outcome);
}

bool tree_write(const char *path, uid_t user, gid_t group, int input, struct outcome *outcome) {
  /* Modes are what the stream says. */
  mode_t mask = umask(0);
  reader_begin(&reader, input);
  trail_begin(&trail, path);
  depth = 0;
  bool good = write_stream(path, &(struct attributes){.user = user, .group = group}, outcome);
  while (depth != 0) close(levels[--depth].fd);
  umask(mask);
  return good;
}
