#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* As many as Linux follows. */
enum { MOST_LINKS = 40 };

/* Goes from `from`, which may be AT_FDCWD, to the last component of the path. `path` is cut up. */
static bool go(struct place *place, int from, char *path) {
  size_t length = strlen(path);
  if (length == 0) {
    errno = ENOENT;
    return false;
  }
  while (length > 1 && path[length - 1] == '/') path[--length] = '\0';
  char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  if (*name == '\0') name = ".";
  if (strlen(name) > NAME_MAX) {
    errno = ENAMETOOLONG;
    return false;
  }
  strcpy(place->name, name);
  const char *directory = ".";
  if (slash == path) directory = "/";
  else if (slash != NULL) directory = path;
  if (slash != NULL && slash != path) *slash = '\0';
  place->directory = openat(from, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return place->directory >= 0;
}

bool place_open(struct place *place, const char *path) {
  char copy[PATH_MAX];
  if (strlen(path) >= sizeof copy) {
    errno = ENAMETOOLONG;
    return false;
  }
  strcpy(copy, path);
  return go(place, AT_FDCWD, copy);
}

bool place_follow(struct place *place) {
  for (int links = 0; links < MOST_LINKS; links++) {
    char target[PATH_MAX];
    ssize_t length = readlinkat(place->directory, place->name, target, sizeof target - 1);
    /* No link, or nothing at all. */
    if (length < 0) return errno == EINVAL || errno == ENOENT;
    target[length] = '\0';
    int from = place->directory;
    if (!go(place, from, target)) {
      place->directory = from;
      return false;
    }
    close(from);
  }
  errno = ELOOP;
  return false;
}

void place_close(struct place *place) { close(place->directory); }
