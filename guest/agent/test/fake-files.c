/* The methods of files without files: a hostile host must not remove those of the machine that runs the fuzzer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "at-once.h"
#include "change.h"
#include "make-directory.h"
#include "open-in-place.h"
#include "open-readable.h"
#include "remove.h"
#include "replacement.h"
#include "trail.h"

/* Every string is read to its end, as the kernel would. The last letter of the path says how it goes. */
static bool go(const struct file_request *file, struct outcome *outcome) {
  size_t length = strlen(file->path) + (file->target != NULL ? strlen(file->target) : 0);
  if (length % 4 == 3) return fail_path(outcome, ENOENT, file->path);
  return true;
}

/* A file of up to 200 KB that nobody else sees. */
static int open_something(const char *path) {
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, (off_t)strlen(path) * 1000 % 200000) < 0) abort();
  return fd;
}

int open_readable(const char *path, bool directory_too, struct stat *status, struct outcome *outcome) {
  if (directory_too || strlen(path) % 4 == 3) {
    fail_path(outcome, EISDIR, path);
    return -1;
  }
  int fd = open_something(path);
  if (fstat(fd, status) < 0) abort();
  return fd;
}

int open_in_place(const struct file_request *file, struct outcome *outcome) {
  if (!go(file, outcome)) return -1;
  /* A device that fails, one that takes some and then nothing more, or a file. */
  if (strlen(file->path) % 4 == 2) return open("/dev/full", O_WRONLY | O_CLOEXEC);
  int ends[2];
  if (strlen(file->path) % 4 == 1 && pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0) {
    if (dup2(ends[0], 1001) >= 0) close(ends[0]);
    return ends[1];
  }
  return open_something(file->path);
}

int replacement_open(struct replacement *replacement, const struct file_request *file, struct outcome *outcome) {
  if (!go(file, outcome)) return -1;
  replacement->directory = open("/", O_PATH | O_CLOEXEC);
  return open_something(file->path);
}

bool replacement_finish(struct replacement *replacement, int fd) {
  if (lseek(fd, 0, SEEK_CUR) % 2 == 0) {
    replacement_abandon(replacement);
    return true;
  }
  errno = EIO;
  return false;
}

void replacement_abandon(struct replacement *replacement) {
  if (replacement->directory >= 0) close(replacement->directory);
  replacement->directory = -1;
}

bool file_stat(const struct file_request *file, struct field_writer *fields, struct outcome *outcome) {
  fields_put(fields, TAG_TARGET, file->path, strnlen(file->path, PATH_MAX - 1));
  return go(file, outcome);
}

bool file_rename(const struct file_request *file, struct outcome *outcome) { return go(file, outcome); }
bool file_symlink(const struct file_request *file, struct outcome *outcome) { return go(file, outcome); }
bool make_directory(const struct file_request *file, struct outcome *outcome) { return go(file, outcome); }

bool change_path(const char *path, bool follow, const struct change *change, struct outcome *outcome) {
  return (follow && change->has_mode) || fail_path(outcome, EPERM, path);
}

bool remove_path(const char *path) {
  errno = strlen(path) % 2 == 0 ? ENOTEMPTY : ENOENT;
  return false;
}

/* What workers do, none of which is ever called. */
bool change_tree(const char *path, bool follow, const struct change *change, struct outcome *outcome) {
  (void)path;
  (void)follow;
  (void)change;
  (void)outcome;
  abort();
}

bool remove_tree(const char *path, struct outcome *outcome) {
  (void)path;
  (void)outcome;
  abort();
}
