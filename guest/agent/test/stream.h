/* Tree streams, built and read record by record. */
#ifndef SMOLVM_STREAM_H
#define SMOLVM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fields.h"
#include "outcome.h"

enum { STREAM_SIZE = 4 << 20 };

struct stream {
  size_t size;
  uint8_t bytes[STREAM_SIZE];
};

void stream_begin(struct stream *stream);
/* `name` and `target` may be NULL. */
void stream_entry(struct stream *stream, const char *name, uint32_t mode, const char *target);
void stream_fields(struct stream *stream, const struct field_writer *fields);
void stream_leave(struct stream *stream);
void stream_end(struct stream *stream);
void stream_extent(struct stream *stream, uint64_t offset, uint64_t length, const void *bytes);
/* A file of one extent. */
void stream_file(struct stream *stream, const char *name, uint32_t mode, const char *text);

/* The worker functions on a stream in memory. */
bool stream_read(struct stream *stream, const char *path, struct outcome *outcome);
bool stream_write(const struct stream *stream, const char *path, struct outcome *outcome);

#endif
