#include "ring.h"

#include <string.h>
#include <unistd.h>

void ring_push(struct ring *ring, const void *bytes, size_t size) {
  const uint8_t *from = bytes;
  while (size != 0) {
    size_t tail = (ring->head + ring->used) & (ring->size - 1);
    size_t piece = ring->size - tail;
    if (piece > size) piece = size;
    memcpy(ring->bytes + tail, from, piece);
    ring->used += piece;
    from += piece;
    size -= piece;
  }
}

int ring_spans(const struct ring *ring, size_t skipped, size_t size, struct iovec spans[2]) {
  size_t start = (ring->head + ring->used + skipped) & (ring->size - 1);
  size_t first = ring->size - start < size ? ring->size - start : size;
  spans[0] = (struct iovec){.iov_base = ring->bytes + start, .iov_len = first};
  spans[1] = (struct iovec){.iov_base = ring->bytes, .iov_len = size - first};
  return first < size ? 2 : 1;
}

ssize_t ring_write(struct ring *ring, int fd) {
  size_t piece = ring->size - ring->head;
  if (piece > ring->used) piece = ring->used;
  if (piece == 0) return 0;
  ssize_t written = write(fd, ring->bytes + ring->head, piece);
  if (written > 0) {
    ring->head = (ring->head + (size_t)written) & (ring->size - 1);
    ring->used -= (size_t)written;
    /* An empty ring starts over, so that a port with little traffic touches one page only. */
    if (ring->used == 0) ring->head = 0;
  }
  return written;
}
