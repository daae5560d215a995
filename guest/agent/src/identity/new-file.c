#include "new-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void new_file_begin(struct new_file *file, const char *path, mode_t mode) {
  file->path = path;
  file->error = 0;
  file->used = 0;
  snprintf(file->temporary, sizeof file->temporary, "%s.smolvm", path);
  file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
  /* One that was left behind may have another mode. */
  if (file->fd < 0 || fchmod(file->fd, mode) < 0) file->error = errno;
}

static void flush(struct new_file *file) {
  size_t sent = 0;
  while (file->error == 0 && sent < file->used) {
    ssize_t written = write(file->fd, file->buffer + sent, file->used - sent);
    if (written >= 0) sent += (size_t)written;
    else if (errno != EINTR) file->error = errno;
  }
  file->used = 0;
}

void new_file_put(struct new_file *file, const char *text, size_t size) {
  while (size != 0) {
    size_t room = sizeof file->buffer - file->used;
    size_t piece = size < room ? size : room;
    memcpy(file->buffer + file->used, text, piece);
    file->used += piece;
    text += piece;
    size -= piece;
    if (file->used == sizeof file->buffer) flush(file);
  }
}

bool new_file_finish(struct new_file *file, struct outcome *outcome) {
  flush(file);
  if (file->fd >= 0) close(file->fd);
  if (file->error == 0 && rename(file->temporary, file->path) < 0) file->error = errno;
  if (file->error == 0) return true;
  if (file->fd >= 0) unlink(file->temporary);
  return fail(outcome, STATUS_SYSTEM, file->error, "%s: %s", file->path, strerror(file->error));
}
