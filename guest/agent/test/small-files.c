/* The files that say who the guest is. */
#include "small-file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char root[] = "/tmp/smolvm-small-files-test.XXXXXX";
static char path[64], other[64];
static struct outcome outcome;

static bool write_text(const char *text) {
  return small_file_write((struct small_file){.path = path, .mode = 0644}, text, strlen(text), &outcome);
}

static bool has(const char *file, const char *text) {
  char got[64] = "";
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : read(fd, got, sizeof got - 1);
  if (fd >= 0) close(fd);
  return size == (ssize_t)strlen(text) && strcmp(got, text) == 0;
}

static struct stat state_of(const char *file) {
  struct stat status = {0};
  if (lstat(file, &status) < 0) status.st_ino = 0;
  return status;
}

int main(void) {
  if (mkdtemp(root) == NULL) abort();
  snprintf(path, sizeof path, "%s/file", root);
  snprintf(other, sizeof other, "%s/other", root);
  fact("what is missing is made, for all to read");
  EXPECT(write_text("first\n") && has(path, "first\n") && (state_of(path).st_mode & 0777) == 0644);
  fact("a file of its own is written in place, and is as long as its text");
  ino_t inode = state_of(path).st_ino;
  EXPECT(write_text("a longer second\n") && has(path, "a longer second\n") && state_of(path).st_ino == inode);
  EXPECT(write_text("3\n") && has(path, "3\n") && state_of(path).st_ino == inode);
  fact("one that says it already is left alone");
  EXPECT(utimensat(AT_FDCWD, path, (struct timespec[2]){{1, 0}, {1, 0}}, 0) == 0);
  EXPECT(write_text("3\n") && state_of(path).st_mtim.tv_sec == 1);
  fact("what has another name, too, is replaced, so that the other keeps what it says");
  EXPECT(link(path, other) == 0 && write_text("four\n") && has(path, "four\n") && has(other, "3\n"));
  fact("a symbolic link is replaced, not followed");
  EXPECT(unlink(path) == 0 && symlink(other, path) == 0);
  EXPECT(write_text("five\n") && has(path, "five\n") && S_ISREG(state_of(path).st_mode) && has(other, "3\n"));
  fact("what cannot be written is told with its path");
  EXPECT(unlink(path) == 0 && mkdir(path, 0755) == 0 && !write_text("six\n"));
  EXPECT(outcome.status == STATUS_SYSTEM && strstr(outcome.message, path) != NULL);
  rmdir(path);
  unlink(other);
  fact("nothing is left behind");
  EXPECT(rmdir(root) == 0);
  return conclude();
}
