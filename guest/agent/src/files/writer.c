#include "writer.h"

#include <errno.h>
#include <unistd.h>

#include "bytes.h"

enum { RECORD_HEADER = 4 };

bool writer_flush(struct writer *writer) {
  size_t sent = 0;
  while (sent < writer->used) {
    ssize_t written = write(writer->fd, writer->bytes + sent, writer->used - sent);
    if (written >= 0) sent += (size_t)written;
    else if (errno != EINTR) return false;
  }
  writer->used = 0;
  return true;
}

uint8_t *writer_room(struct writer *writer, size_t size) {
  if (sizeof writer->bytes - writer->used < size && !writer_flush(writer)) return NULL;
  return writer->bytes + writer->used;
}

bool record_begin(struct writer *writer, struct field_writer *fields) {
  uint8_t *at = writer_room(writer, RECORD_HEADER + MAX_RECORD);
  if (at == NULL) return false;
  *fields = (struct field_writer){.bytes = at + RECORD_HEADER, .size = MAX_RECORD};
  return true;
}

void record_end(struct writer *writer, const struct field_writer *fields) {
  put_u32(writer->bytes + writer->used, (uint32_t)fields->used);
  writer_filled(writer, RECORD_HEADER + fields->used);
}

bool record_empty(struct writer *writer) {
  struct field_writer fields;
  if (!record_begin(writer, &fields)) return false;
  record_end(writer, &fields);
  return true;
}
