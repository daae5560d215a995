#include "remove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "place.h"
#include "walk.h"

bool remove_path(const char *path) { return unlink(path) == 0 || (errno == EISDIR && rmdir(path) == 0); }

static bool remove_entry(struct walk *walk, const void *context, struct outcome *outcome) {
  (void)context;
  /* What may not be a directory is not asked: unlink() tells. */
  if (walk->type != DT_DIR) {
    if (unlinkat(walk->directory, walk->name, 0) == 0 || errno == ENOENT) return true;
    if (errno != EISDIR) return fail_trail(outcome, errno, &walk->trail);
  }
  if (walk_enter(walk) >= 0 || errno == ENOENT) return true;
  if (errno == ENOTDIR && unlinkat(walk->directory, walk->name, 0) == 0) return true;
  return fail_trail(outcome, errno, &walk->trail);
}

static bool remove_directory(struct walk *walk, const void *context, struct outcome *outcome) {
  (void)context;
  if (unlinkat(walk->directory, walk->name, AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  return fail_trail(outcome, errno, &walk->trail);
}

/* False: errno. */
static bool open_place(struct place *place, const char *path) {
  if (!place_open(place, path)) return false;
  /* That would be the directory above, which was not meant: rm(1) refuses it, too. */
  if (strcmp(place->name, "..") != 0) return true;
  place_close(place);
  errno = EINVAL;
  return false;
}

bool remove_tree(const char *path, struct outcome *outcome) {
  static const struct visitor remover = {.entry = remove_entry, .leave = remove_directory};
  struct place place;
  if (!open_place(&place, path)) return fail_path(outcome, errno, path);
  int fd = openat(place.directory, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  bool good = fd >= 0 ? walk_tree(fd, path, &remover, outcome) : fail_path(outcome, errno, path);
  if (good && unlinkat(place.directory, place.name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
    good = fail_path(outcome, errno, path);
  }
  place_close(&place);
  return good;
}
