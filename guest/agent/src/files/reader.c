#include "reader.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static bool fill(struct reader *reader) {
  ssize_t size;
  do {
    size = read(reader->fd, reader->bytes + reader->filled, sizeof reader->bytes - reader->filled);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  reader->filled += (size_t)size;
  return true;
}

/* Moves what is left to the front where `size` bytes would not fit behind it. */
static void make_room(struct reader *reader, size_t size) {
  size_t left = reader->filled - reader->at;
  if (left != 0 && sizeof reader->bytes - reader->at >= size) return;
  if (left != 0) memmove(reader->bytes, reader->bytes + reader->at, left);
  reader->at = 0;
  reader->filled = left;
}

uint8_t *reader_take(struct reader *reader, size_t size) {
  make_room(reader, size);
  while (reader->filled - reader->at < size) {
    if (!fill(reader)) return NULL;
  }
  uint8_t *bytes = reader->bytes + reader->at;
  reader->at += size;
  return bytes;
}

size_t reader_take_some(struct reader *reader, size_t most, uint8_t **bytes) {
  make_room(reader, 1);
  if (reader->filled == reader->at && !fill(reader)) return 0;
  size_t size = reader->filled - reader->at;
  if (size > most) size = most;
  *bytes = reader->bytes + reader->at;
  reader->at += size;
  return size;
}
