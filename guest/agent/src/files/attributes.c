#include "attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stat-fields.h"

static bool is_owner(const struct stat *now, const struct attributes *attributes) {
  return now->st_uid == attributes->user && now->st_gid == attributes->group;
}

static void times_of(const struct attributes *attributes, struct timespec times[2]) {
  times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
  times[1] = time_of_nanoseconds(attributes->mtime_ns);
}

bool attributes_set(int fd, const struct attributes *attributes) {
  struct stat now;
  struct timespec times[2];
  /* Owner and mode mostly are right from the start, unless the directory has its own mind: a group bit or an ACL. */
  if (fstat(fd, &now) < 0) return false;
  if (!is_owner(&now, attributes) && fchown(fd, attributes->user, attributes->group) < 0) return false;
  /* After the owner, whose change clears the set-user-id bit. */
  if ((now.st_mode & 07777) != attributes->mode && fchmod(fd, attributes->mode) < 0) return false;
  times_of(attributes, times);
  return !attributes->has_time || futimens(fd, times) == 0;
}

/* By descriptor: under its name there may be something else by now, whose owner must not change. */
static bool own_link(int directory, const char *name, const struct attributes *attributes) {
  struct stat now;
  int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  bool good = fstat(fd, &now) == 0;
  if (good && S_ISLNK(now.st_mode) && !is_owner(&now, attributes)) {
    good = fchownat(fd, "", attributes->user, attributes->group, AT_EMPTY_PATH) == 0;
  }
  int error = errno;
  close(fd);
  errno = error;
  return good;
}

bool attributes_set_link(int directory, const char *name, const struct attributes *attributes) {
  struct timespec times[2];
  if (!own_link(directory, name, attributes)) return false;
  times_of(attributes, times);
  return !attributes->has_time || utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) == 0;
}
