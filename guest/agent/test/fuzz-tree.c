/* Tree streams of a hostile host, written into a directory of their own: nothing may appear beside it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "remove.h"
#include "tree.h"

static char base[] = "/dev/shm/smolvm-fuzz-tree.XXXXXX";
static char path[64];

static void clean(void) { rmdir(base); }

static void begin(void) {
  if (mkdtemp(base) == NULL) abort();
  snprintf(path, sizeof path, "%s/tree", base);
  atexit(clean);
}

static int names_beside(void) {
  DIR *entries = opendir(base);
  int count = 0;
  if (entries == NULL) abort();
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (strcmp(entry->d_name, "tree") != 0) count++;
  }
  closedir(entries);
  return count - 2;
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
  int fd = file_of(data, size);
  bool good = tree_write(path, getuid(), getgid(), fd, &outcome);
  close(fd);
  if (good == (outcome.status != STATUS_OK)) abort();
  if (names_beside() != 0) abort();
  if (good && !is_link()) read_back();
  if (access(path, F_OK) == 0 || is_link()) {
    if (!remove_path(path) && !remove_tree(path, &outcome)) abort();
  }
  return 0;
}
