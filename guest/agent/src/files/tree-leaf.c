#include "tree-leaf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "temporary.h"
#include "unfinished.h"

/* Only what is new can be removed by its name; what is replaced is made under a name of its own. */
static int make_file(int directory, const char **name, mode_t mode, char temporary[TEMPORARY_NAME]) {
  unfinished_hold();
  int fd = openat(directory, *name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  bool is_taken = fd < 0 && errno == EEXIST;
  if (fd >= 0) unfinished_begin(directory, *name);
  unfinished_release();
  if (is_taken) {
    *name = temporary;
    unfinished_begin(directory, temporary);
    fd = temporary_file(directory, temporary);
  }
  return fd;
}

static enum extents_result fill(int fd, struct reader *reader, const struct attributes *attributes) {
  enum extents_result result = extents_write(reader, fd);
  if (result == EXTENTS_DONE && !attributes_set(fd, attributes)) result = EXTENTS_FAILED;
  int error = errno;
  /* A filesystem of the network may know only now that it has no room. */
  if (close(fd) < 0 && result == EXTENTS_DONE) return EXTENTS_FAILED;
  errno = error;
  return result;
}

enum extents_result leaf_file(int directory, const char *name, struct reader *reader,
                              const struct attributes *attributes) {
  char temporary[TEMPORARY_NAME] = "";
  const char *made = name;
  enum extents_result result = EXTENTS_FAILED;
  /* Bits like set-user-id only once the owner is right. */
  int fd = make_file(directory, &made, attributes->mode & 0777, temporary);
  if (fd >= 0) {
    result = fill(fd, reader, attributes);
    if (result == EXTENTS_DONE && made != name && renameat(directory, made, directory, name) < 0) {
      result = EXTENTS_FAILED;
    }
    int error = errno;
    if (result != EXTENTS_DONE) unlinkat(directory, made, 0);
    errno = error;
  }
  unfinished_end();
  return result;
}

static bool make_link(int directory, const char **name, const char *target, char temporary[TEMPORARY_NAME]) {
  if (symlinkat(target, directory, *name) == 0) return true;
  if (errno != EEXIST) return false;
  *name = temporary;
  unfinished_begin(directory, temporary);
  return temporary_link(directory, temporary, target);
}

bool leaf_link(int directory, const char *name, const char *target, const struct attributes *attributes) {
  char temporary[TEMPORARY_NAME] = "";
  const char *made = name;
  bool good = make_link(directory, &made, target, temporary);
  if (good) {
    good = attributes_set_link(directory, made, attributes) &&
           (made == name || renameat(directory, made, directory, name) == 0);
    int error = errno;
    if (!good) unlinkat(directory, made, 0);
    errno = error;
  }
  unfinished_end();
  return good;
}
