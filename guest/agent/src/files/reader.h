/* Bytes from a pipe, in pieces of the caller's size. Blocks; for workers only. */
#ifndef SMOLVM_READER_H
#define SMOLVM_READER_H

#include <stddef.h>
#include <stdint.h>

enum { READER_SIZE = 131072 };

struct reader {
  int fd;
  size_t at;
  size_t filled;
  uint8_t bytes[READER_SIZE];
};

static inline void reader_begin(struct reader *reader, int fd) {
  reader->fd = fd;
  reader->at = reader->filled = 0;
}

/*
 * The next `size` bytes, at most READER_SIZE, in one piece, which is the caller's to overwrite until the next call.
 * NULL: the stream ends before.
 */
uint8_t *reader_take(struct reader *reader, size_t size);
/* What is there of the next `most` bytes: at least one. 0: the stream is at its end. */
size_t reader_take_some(struct reader *reader, size_t most, uint8_t **bytes);

#endif
