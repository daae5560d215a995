#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool lines_open(struct lines *lines, const char *path) {
  struct stat status;
  /* Were it a pipe, a blocking open would wait for its writer. */
  *lines = (struct lines){.fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (lines->fd < 0) return false;
  if (fstat(lines->fd, &status) == 0 && S_ISREG(status.st_mode)) return true;
  lines_close(lines);
  return false;
}

void lines_close(struct lines *lines) {
  if (lines->fd >= 0) close(lines->fd);
  lines->fd = -1;
}

/* False: the file is at its end. */
static bool read_more(struct lines *lines) {
  size_t kept = lines->filled - lines->start;
  if (lines->start != 0) memmove(lines->buffer, lines->buffer + lines->start, kept);
  lines->start = 0;
  lines->filled = kept;
  if (kept == sizeof lines->buffer) {
    lines->is_overlong = true;
    lines->filled = 0;
  }
  if (lines->read >= MAX_LINES_SIZE) return false;
  ssize_t size;
  do {
    size = read(lines->fd, lines->buffer + lines->filled, sizeof lines->buffer - lines->filled);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  lines->filled += (size_t)size;
  lines->read += (size_t)size;
  return true;
}

/* What the file ends with, where that is no end of a line. */
static char *last_line(struct lines *lines) {
  size_t length = lines->filled;
  bool is_line = length != 0 && length < sizeof lines->buffer && !lines->is_overlong;
  lines->filled = 0;
  if (!is_line) return NULL;
  lines->buffer[length] = '\0';
  return lines->buffer;
}

char *lines_next(struct lines *lines) {
  for (;;) {
    char *line = lines->buffer + lines->start;
    char *end = memchr(line, '\n', lines->filled - lines->start);
    if (end == NULL) {
      if (read_more(lines)) continue;
      return last_line(lines);
    }
    bool was_overlong = lines->is_overlong;
    *end = '\0';
    lines->start = (size_t)(end + 1 - lines->buffer);
    lines->is_overlong = false;
    if (!was_overlong) return line;
  }
}
