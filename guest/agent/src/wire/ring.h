/* A byte queue of fixed size whose storage the caller owns. */
#ifndef SMOLVM_RING_H
#define SMOLVM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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
/* One write() of what is contiguous: its result, or 0 with an empty ring. */
ssize_t ring_write(struct ring *ring, int fd);

#endif
