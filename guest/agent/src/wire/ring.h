/* A byte queue of fixed size whose storage the caller owns. */
#ifndef SMOLVM_RING_H
#define SMOLVM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct ring {
  uint8_t *bytes;
  size_t size; /* a power of two */
  size_t head; /* next byte to leave */
  size_t used;
};

static inline size_t ring_room(const struct ring *ring) { return ring->size - ring->used; }
static inline void ring_clear(struct ring *ring) { ring->head = ring->used = 0; }

/* The caller has checked ring_room(). */
void ring_push(struct ring *ring, const void *bytes, size_t size);
/* Where `size` bytes go that follow `skipped` bytes to be pushed later, in up to two spans. Returns how many. */
int ring_spans(const struct ring *ring, size_t skipped, size_t size, struct iovec spans[2]);
/* Bytes that were put into the spans belong to the ring now. */
static inline void ring_filled(struct ring *ring, size_t size) { ring->used += size; }
/* One write() of what is contiguous: its result, or 0 with an empty ring. */
ssize_t ring_write(struct ring *ring, int fd);

#endif
