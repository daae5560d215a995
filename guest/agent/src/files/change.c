#include "change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stat-fields.h"
#include "walk.h"

/*
 * `fd` is an O_PATH: what it was opened as is what is changed, whatever its name leads to by now, and no device is opened.
 * False: errno.
 */
static bool change_descriptor(int fd, const struct change *change, bool link_has_mode) {
  char name[sizeof "/proc/self/fd/" + 10];
  struct stat status;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  if (fstat(fd, &status) < 0) return false;
  bool is_link = S_ISLNK(status.st_mode);
  if (is_link && change->has_mode && link_has_mode) {
    errno = EOPNOTSUPP;
    return false;
  }
  if (change->has_owner && fchownat(fd, "", change->user, change->group, AT_EMPTY_PATH) < 0) return false;
  /* After the owner, whose change clears the set-user-id bit. */
  if (change->has_mode && !is_link && chmod(name, change->mode) < 0) return false;
  if (!change->has_time) return true;
  const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time_of_nanoseconds(change->mtime_ns)};
  return utimensat(AT_FDCWD, name, times, 0) == 0;
}

static bool change_at(int directory, const char *name, bool follow, const struct change *change, bool link_has_mode) {
  int fd = openat(directory, name, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  if (fd < 0) return false;
  bool good = change_descriptor(fd, change, link_has_mode);
  int error = errno;
  close(fd);
  errno = error;
  return good;
}

bool change_path(const char *path, bool follow, const struct change *change, struct outcome *outcome) {
  return change_at(AT_FDCWD, path, follow, change, true) || fail_path(outcome, errno, path);
}

static bool change_entry(struct walk *walk, const void *change, struct outcome *outcome) {
  if (!change_at(walk->directory, walk->name, false, change, false)) {
    return errno == ENOENT || fail_trail(outcome, errno, &walk->trail);
  }
  if (!walk_may_enter(walk) || walk_enter(walk) >= 0) return true;
  return walk_is_stale(errno) || fail_trail(outcome, errno, &walk->trail);
}

bool change_tree(const char *path, bool follow, const struct change *change, struct outcome *outcome) {
  const struct visitor changer = {.entry = change_entry, .context = change};
  if (!change_path(path, follow, change, outcome)) return false;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  /* Nothing is below it. */
  if (fd < 0 && errno == ENOTDIR) return true;
  if (fd < 0) return fail_path(outcome, errno, path);
  return walk_tree(fd, path, &changer, outcome);
}
