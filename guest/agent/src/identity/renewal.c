#include "renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "small-file.h"

/* Who keeps more than this keeps no seed there. */
enum { MAX_SEED = 4096 };

static bool failed(struct outcome *outcome, const char *path) {
  int error = errno;
  return fail(outcome, STATUS_SYSTEM, error, "%s: %s", path, strerror(error));
}

static bool fill(int fd, size_t size) {
  uint8_t bytes[MAX_SEED];
  bool done = true;
  /* The kernel gives up to 256 bytes at a time without being interrupted. */
  for (size_t at = 0; at < size && done; at += 256) done = getrandom(bytes + at, size - at < 256 ? size - at : 256, 0) > 0;
  done = done && pwrite(fd, bytes, size, 0) == (ssize_t)size;
  explicit_bzero(bytes, sizeof bytes);
  return done;
}

bool renew_seeds(const char *const *paths, size_t count, struct outcome *outcome) {
  for (size_t i = 0; i < count; i++) {
    struct stat status;
    int fd = open(paths[i], O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) continue;
    bool is_seed = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= MAX_SEED;
    bool done = !is_seed || fill(fd, (size_t)status.st_size) || failed(outcome, paths[i]);
    close(fd);
    if (!done) return false;
  }
  return true;
}

bool renew_copies(const char *const *paths, size_t count, const char *id, struct outcome *outcome) {
  char text[64];
  int size = snprintf(text, sizeof text, "%s\n", id);
  for (size_t i = 0; i < count; i++) {
    struct stat status;
    if (lstat(paths[i], &status) < 0 || !S_ISREG(status.st_mode)) continue;
    struct small_file file = {.path = paths[i], .mode = 0644};
    if (!small_file_write(file, text, (size_t)size, outcome)) return false;
  }
  return true;
}
