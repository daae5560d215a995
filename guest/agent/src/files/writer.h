/* Bytes for a pipe, gathered: one write() for hundreds of small files. Blocks; for workers only. */
#ifndef SMOLVM_WRITER_H
#define SMOLVM_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fields.h"

enum { WRITER_SIZE = 196608, MAX_RECORD = 65536 };

struct writer {
  int fd;
  size_t used;
  uint8_t bytes[WRITER_SIZE];
};

static inline void writer_begin(struct writer *writer, int fd) {
  writer->fd = fd;
  writer->used = 0;
}

/* Where the next `size` bytes go; what was gathered leaves if it must. NULL: nobody reads any more. */
uint8_t *writer_room(struct writer *writer, size_t size);
static inline void writer_filled(struct writer *writer, size_t size) { writer->used += size; }
/* False: nobody reads any more. */
bool writer_flush(struct writer *writer);

/* A record: put its fields between the two. False: nobody reads any more. */
bool record_begin(struct writer *writer, struct field_writer *fields);
void record_end(struct writer *writer, const struct field_writer *fields);
/* A record without fields. */
bool record_empty(struct writer *writer);

#endif
