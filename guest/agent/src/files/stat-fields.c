#include "stat-fields.h"

#include <limits.h>
#include <unistd.h>

#include "wire.h"

struct timespec time_of_nanoseconds(uint64_t nanoseconds) {
  int64_t since_1970 = (int64_t)nanoseconds;
  int64_t seconds = since_1970 / 1000000000;
  int64_t rest = since_1970 % 1000000000;
  if (rest < 0) {
    rest += 1000000000;
    seconds--;
  }
  return (struct timespec){.tv_sec = seconds, .tv_nsec = (long)rest};
}

void target_put(struct field_writer *fields, int directory, const char *name) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(directory, name, target, sizeof target);
  /* Gone since it was looked at: the mode still says what it was. */
  if (length >= 0) fields_put(fields, TAG_TARGET, target, (size_t)length);
}

void stat_put(struct field_writer *fields, const struct stat *status, int directory, const char *name) {
  fields_put_u32(fields, TAG_MODE, status->st_mode);
  fields_put_u64(fields, TAG_SIZE, (uint64_t)status->st_size);
  fields_put_u32(fields, TAG_UID, status->st_uid);
  fields_put_u32(fields, TAG_GID, status->st_gid);
  fields_put_u64(fields, TAG_MTIME_NS, nanoseconds(status->st_mtim));
  fields_put_u64(fields, TAG_CTIME_NS, nanoseconds(status->st_ctim));
  fields_put_u64(fields, TAG_INODE, status->st_ino);
  fields_put_u32(fields, TAG_LINKS, (uint32_t)status->st_nlink);
  if (S_ISLNK(status->st_mode)) target_put(fields, directory, name);
}
