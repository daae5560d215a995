#include "replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parents.h"
#include "place.h"
#include "rename.h"
#include "trail.h"

enum { DEFAULT_MODE = 0644 };

/* The attributes of what stands at the place now, or of something new. */
static bool inspect(const struct place *place, const struct file_request *file, struct attributes *attributes,
                    struct outcome *outcome) {
  struct stat old;
  *attributes = (struct attributes){.mode = DEFAULT_MODE};
  if (fstatat(place->directory, place->name, &old, AT_SYMLINK_NOFOLLOW) == 0) {
    if ((file->flags & FILE_EXCLUSIVE) != 0) return fail_path(outcome, EEXIST, file->path);
    if (S_ISDIR(old.st_mode)) return fail_path(outcome, EISDIR, file->path);
    if (!S_ISREG(old.st_mode)) {
      return fail(outcome, STATUS_NOT_REGULAR, 0, "%s: not a regular file", path_shown(file->path));
    }
    *attributes = (struct attributes){.mode = old.st_mode & 07777, .user = old.st_uid, .group = old.st_gid};
  } else if (errno != ENOENT) {
    return fail_path(outcome, errno, file->path);
  }
  if (file->has_mode) attributes->mode = file->mode;
  if (file->has_group) {
    attributes->user = file->user;
    attributes->group = file->group;
  }
  return true;
}

static int open_at(const struct place *place, struct replacement *replacement, const struct file_request *file,
                   struct outcome *outcome) {
  if (!inspect(place, file, &replacement->attributes, outcome)) return -1;
  strcpy(replacement->name, place->name);
  int fd = temporary_file(place->directory, replacement->temporary);
  if (fd < 0) fail_path(outcome, errno, file->path);
  return fd;
}

static int open_below(struct replacement *replacement, const struct file_request *file, struct outcome *outcome) {
  struct place place;
  if (!place_open(&place, file->path)) {
    fail_path(outcome, errno, file->path);
    return -1;
  }
  int fd = -1;
  /* What must not exist yet is not looked for where a link leads. */
  bool follow = (file->flags & (FILE_NO_FOLLOW | FILE_EXCLUSIVE)) == 0;
  if (!follow || place_follow(&place)) fd = open_at(&place, replacement, file, outcome);
  else fail_path(outcome, errno, file->path);
  if (fd >= 0) replacement->directory = place.directory;
  else place_close(&place);
  return fd;
}

int replacement_open(struct replacement *replacement, const struct file_request *file, struct outcome *outcome) {
  struct parents parents = {0};
  replacement->directory = -1;
  replacement->is_exclusive = (file->flags & FILE_EXCLUSIVE) != 0;
  if ((file->flags & FILE_PARENTS) != 0 && !parents_make(&parents, file->path)) {
    fail_path(outcome, errno, file->path);
    return -1;
  }
  int fd = open_below(replacement, file, outcome);
  if (fd < 0) parents_undo(&parents, file->path);
  return fd;
}

static void close_directory(struct replacement *replacement) {
  close(replacement->directory);
  replacement->directory = -1;
}

bool replacement_finish(struct replacement *replacement, int fd) {
  int directory = replacement->directory;
  if (!attributes_set(fd, &replacement->attributes)) return false;
  if (!rename_at(directory, replacement->temporary, directory, replacement->name, replacement->is_exclusive)) {
    return false;
  }
  close_directory(replacement);
  return true;
}

void replacement_abandon(struct replacement *replacement) {
  if (replacement->directory < 0) return;
  unlinkat(replacement->directory, replacement->temporary, 0);
  close_directory(replacement);
}
