#include "history.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bounds.h"
#include "sink.h"

void history_open(struct history *history, int fd) { *history = (struct history){.fd = fd, .left = UINT64_MAX}; }

/* Without memory the bytes are lost, and the process is none the worse. */
static bool has_memory(struct history *history) {
  if (history->bytes != NULL) return true;
  void *bytes = mmap(NULL, HISTORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return false;
  history->bytes = bytes;
  return true;
}

static void keep(struct history *history, const uint8_t *bytes, size_t size) {
  while (size != 0 && has_memory(history)) {
    size_t at = (size_t)(history->end % HISTORY);
    size_t piece = HISTORY - at < size ? HISTORY - at : size;
    memcpy(history->bytes + at, bytes, piece);
    history->end += piece;
    bytes += piece;
    size -= piece;
  }
  history->end += size;
}

/* Who writes on, writes for nobody. */
static void finish(struct history *history) {
  sink_adopt(history->fd);
  history->fd = -1;
}

bool history_read(struct history *history, bool *grown) {
  static uint8_t chunk[CHUNK];
  if (!history->readable || history_is_done(history)) return false;
  size_t most = history->left < sizeof chunk ? (size_t)history->left : sizeof chunk;
  ssize_t size = read(history->fd, chunk, most);
  if (size < 0 && errno == EINTR) return true;
  if (size < 0 && errno == EAGAIN) {
    history->readable = false;
    return false;
  }
  *grown = true;
  if (size > 0) {
    keep(history, chunk, (size_t)size);
    if (history->left != UINT64_MAX) history->left -= (uint64_t)size;
    if (history->left == 0) finish(history);
  } else {
    close(history->fd);
    history->fd = -1;
  }
  return !history_is_done(history);
}

void history_exit(struct history *history) {
  int held = 0;
  if (history_is_done(history)) return;
  if (ioctl(history->fd, FIONREAD, &held) < 0 || held < 0) held = 0;
  history->left = (uint64_t)held;
  history->readable = true;
  if (held == 0) finish(history);
}

void history_free(struct history *history) {
  if (!history_is_done(history)) finish(history);
  if (history->bytes != NULL) munmap(history->bytes, HISTORY);
  *history = (struct history){.fd = -1};
}

uint64_t history_start(const struct history *history) {
  if (history->bytes == NULL) return history->end;
  return history->end < HISTORY ? 0 : history->end - HISTORY;
}

const uint8_t *history_piece(const struct history *history, uint64_t position, size_t most, size_t *size) {
  uint64_t kept = history->end - position;
  size_t at = (size_t)(position % HISTORY);
  *size = HISTORY - at;
  if (*size > kept) *size = (size_t)kept;
  if (*size > most) *size = most;
  return history->bytes + at;
}
