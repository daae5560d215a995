#include "parents.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0755 };

/* Where the last component begins, trailing slashes aside. */
static size_t length_above(const char *path) {
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] == '/') length--;
  while (length > 0 && path[length - 1] != '/') length--;
  return length;
}

static bool make_one(struct parents *parents, const char *path, size_t length) {
  if (mkdir(path, MODE) < 0) return errno == EEXIST;
  if (parents->first == 0) parents->first = length;
  return true;
}

bool parents_make(struct parents *parents, const char *path) {
  char copy[PATH_MAX];
  size_t length = length_above(path);
  *parents = (struct parents){0};
  if (length >= sizeof copy) {
    errno = ENAMETOOLONG;
    return false;
  }
  memcpy(copy, path, length);
  copy[length] = '\0';
  for (size_t at = 1; at < length; at++) {
    if (copy[at] != '/' || copy[at - 1] == '/') continue;
    copy[at] = '\0';
    if (!make_one(parents, copy, at)) {
      parents_undo(parents, path);
      return false;
    }
    copy[at] = '/';
  }
  return true;
}

void parents_undo(const struct parents *parents, const char *path) {
  char copy[PATH_MAX];
  int error = errno;
  size_t length = length_above(path);
  if (parents->first == 0 || length >= sizeof copy) return;
  memcpy(copy, path, length);
  while (length >= parents->first) {
    copy[length] = '\0';
    rmdir(copy);
    length = length_above(copy);
  }
  errno = error;
}
