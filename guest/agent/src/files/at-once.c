#include "at-once.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "parents.h"
#include "rename.h"
#include "stat-fields.h"
#include "trail.h"

bool file_stat(const struct file_request *file, struct field_writer *fields, struct outcome *outcome) {
  struct stat status;
  int flags = (file->flags & FILE_NO_FOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0;
  if (fstatat(AT_FDCWD, file->path, &status, flags) < 0) return fail_path(outcome, errno, file->path);
  stat_put(fields, &status, AT_FDCWD, file->path);
  return true;
}

bool file_rename(const struct file_request *file, struct outcome *outcome) {
  struct parents parents = {0};
  bool exclusive = (file->flags & FILE_EXCLUSIVE) != 0;
  if (file->target == NULL || file->target[0] != '/') {
    return fail(outcome, STATUS_BAD_REQUEST, 0, "TARGET is not absolute");
  }
  if ((file->flags & FILE_PARENTS) != 0 && !parents_make(&parents, file->target)) {
    return fail_path(outcome, errno, file->target);
  }
  if (rename_at(AT_FDCWD, file->path, AT_FDCWD, file->target, exclusive)) return true;
  bool target_is_in_the_way = errno == EEXIST || errno == ENOTEMPTY;
  parents_undo(&parents, file->target);
  return fail_path(outcome, errno, target_is_in_the_way ? file->target : file->path);
}

bool file_symlink(const struct file_request *file, struct outcome *outcome) {
  if (file->target == NULL) return fail(outcome, STATUS_BAD_REQUEST, 0, "FILE_SYMLINK without TARGET");
  return symlink(file->target, file->path) == 0 || fail_path(outcome, errno, file->path);
}
