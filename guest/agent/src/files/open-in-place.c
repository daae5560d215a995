#include "open-in-place.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "attributes.h"
#include "parents.h"
#include "place.h"
#include "trail.h"

enum { DEFAULT_MODE = 0644 };

static int open_flags(const struct file_request *file) {
  int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  if ((file->flags & FILE_APPEND) != 0) flags |= O_APPEND;
  else if (!file->has_offset) flags |= O_TRUNC;
  if ((file->flags & FILE_NO_FOLLOW) != 0) flags |= O_NOFOLLOW;
  return flags;
}

static bool own(int fd, const struct file_request *file) {
  const struct attributes attributes = {
      .mode = file->has_mode ? file->mode : DEFAULT_MODE,
      .user = file->user,
      .group = file->group,
  };
  return attributes_set(fd, &attributes);
}

/* A new file, where PATH leads: at the end of a link that leads to nothing, too. -1: errno. */
static int make(const struct file_request *file) {
  struct place place;
  int fd = -1;
  bool follow = (file->flags & (FILE_NO_FOLLOW | FILE_EXCLUSIVE)) == 0;
  if (!place_open(&place, file->path)) return -1;
  if (!follow || place_follow(&place)) {
    fd = openat(place.directory, place.name, open_flags(file) | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  }
  int error = errno;
  if (fd >= 0 && !own(fd, file)) {
    error = errno;
    unlinkat(place.directory, place.name, 0);
    close(fd);
    fd = -1;
  }
  place_close(&place);
  errno = error;
  return fd;
}

static int open_or_make(const struct file_request *file) {
  struct parents parents = {0};
  if ((file->flags & FILE_EXCLUSIVE) == 0) {
    int fd = open(file->path, open_flags(file));
    if (fd >= 0 || errno != ENOENT) return fd;
  }
  if ((file->flags & FILE_PARENTS) != 0 && !parents_make(&parents, file->path)) return -1;
  int fd = make(file);
  if (fd < 0) parents_undo(&parents, file->path);
  return fd;
}

int open_in_place(const struct file_request *file, struct outcome *outcome) {
  int fd = open_or_make(file);
  if (fd >= 0 && (!file->has_offset || lseek(fd, (off_t)file->offset, SEEK_SET) >= 0)) return fd;
  fail_path(outcome, errno, file->path);
  if (fd >= 0) close(fd);
  return -1;
}
