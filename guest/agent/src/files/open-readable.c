#include "open-readable.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "trail.h"

static bool is_readable(const struct stat *status, const char *path, bool directory_too, struct outcome *outcome) {
  if (S_ISREG(status->st_mode)) return true;
  if (S_ISDIR(status->st_mode)) return directory_too || fail_path(outcome, EISDIR, path);
  return fail(outcome, STATUS_NOT_REGULAR, 0, "%s: not a regular file", path);
}

int open_readable(const char *path, bool directory_too, struct stat *status, struct outcome *outcome) {
  int fd = -1;
  if (stat(path, status) == 0) {
    if (!is_readable(status, path, directory_too, outcome)) return -1;
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  }
  if (fd < 0) {
    fail_path(outcome, errno, path);
    return -1;
  }
  /* Again: the path may lead elsewhere by now. */
  bool good = fstat(fd, status) == 0 ? is_readable(status, path, directory_too, outcome)
                                     : fail_path(outcome, errno, path);
  if (good) return fd;
  close(fd);
  return -1;
}
