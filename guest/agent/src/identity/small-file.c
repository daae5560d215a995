#include "small-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "new-file.h"

static bool says(int fd, off_t file_size, const char *text, size_t size) {
  char present[MAX_SMALL_FILE];
  if (file_size != (off_t)size) return false;
  return pread(fd, present, size, 0) == (ssize_t)size && memcmp(present, text, size) == 0;
}

/* False: there is no regular file of its own that allows no more than this mode, or the disk is full. */
static bool write_in_place(int fd, mode_t mode, const char *text, size_t size) {
  struct stat stat;
  if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode) || stat.st_nlink != 1) return false;
  if ((stat.st_mode & 07777 & ~mode) != 0) return false;
  if (says(fd, stat.st_size, text, size)) return true;
  if (pwrite(fd, text, size, 0) != (ssize_t)size) return false;
  return stat.st_size <= (off_t)size || ftruncate(fd, (off_t)size) == 0;
}

/*
 * In place where it can be: a rename over a file makes ext4 write the new one's blocks to the disk at once, which takes
 * longer than all else that a restored guest is told. Nobody reads these files yet, and they fit into one page.
 */
bool small_file_write(struct small_file file, const char *text, size_t size, struct outcome *outcome) {
  static struct new_file replacement;
  int fd = open(file.path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) fd = open(file.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file.mode);
  bool done = fd >= 0 && write_in_place(fd, file.mode, text, size);
  if (fd >= 0) close(fd);
  if (done) return true;
  new_file_begin(&replacement, file.path, file.mode);
  new_file_put(&replacement, text, size);
  return new_file_finish(&replacement, outcome);
}
