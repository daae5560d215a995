/* Tree streams of a hostile host, written into a directory of their own: nothing may appear beside it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remove.h"
#include "tree.h"

static char base[] = "/dev/shm/smolvm-fuzz-tree.XXXXXX";
static char outside[64];
static char path[64];

static void clean(void) {
  rmdir(outside);
  rmdir(base);
}

static void begin(void) {
  if (mkdtemp(base) == NULL) abort();
  snprintf(outside, sizeof outside, "%s/outside", base);
  snprintf(path, sizeof path, "%s/tree", base);
  if (mkdir(outside, 0700) < 0) abort();
  atexit(clean);
}

/* What the seed's names meet: a file, a link to a directory, and one to nothing. */
static void put_something(void) {
  if (mkdir(path, 0755) < 0) abort();
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int file = openat(fd, "\xc3\xbc", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || symlinkat("../outside", fd, "inner") < 0 || symlinkat("../outside/nothing", fd, "holes") < 0) abort();
  close(file);
  close(fd);
}

static int count_names(const char *directory) {
  DIR *entries = opendir(directory);
  int count = 0;
  if (entries == NULL) abort();
  while (readdir(entries) != NULL) count++;
  closedir(entries);
  return count - 2;
}

static bool is_harmless(void) {
  struct stat status;
  /* `tree` may be there or not. */
  return count_names(outside) == 0 && count_names(base) <= 2 && stat(outside, &status) == 0 &&
         status.st_mode == (S_IFDIR | 0700);
}

static int file_of(const uint8_t *bytes, size_t size) {
  int fd = memfd_create("stream", MFD_CLOEXEC);
  if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0) abort();
  return fd;
}

/* What was written can be read, and what was read can be written over it. */
static void read_back(void) {
  struct outcome outcome;
  int fd = memfd_create("stream", MFD_CLOEXEC);
  if (!tree_read(path, fd, &outcome) || lseek(fd, 0, SEEK_SET) != 0) abort();
  if (!tree_write(path, getuid(), getgid(), fd, &outcome)) abort();
  close(fd);
}

static bool is_link(void) {
  char target[1];
  return readlink(path, target, sizeof target) >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct outcome outcome = {.status = STATUS_OK};
  if (path[0] == '\0') begin();
  if (size % 2 != 0) put_something();
  int fd = file_of(data, size);
  bool good = tree_write(path, getuid(), getgid(), fd, &outcome);
  close(fd);
  if (good == (outcome.status != STATUS_OK)) abort();
  if (!is_harmless()) abort();
  if (good && !is_link()) read_back();
  if (access(path, F_OK) == 0 || is_link()) {
    if (!remove_path(path) && !remove_tree(path, &outcome)) abort();
  }
  return 0;
}
