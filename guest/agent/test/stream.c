#include "stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bytes.h"
#include "tree.h"
#include "wire.h"

void stream_begin(struct stream *stream) { stream->size = 0; }

static uint8_t *add(struct stream *stream, size_t size) {
  if (sizeof stream->bytes - stream->size < size) abort();
  stream->size += size;
  return stream->bytes + stream->size - size;
}

void stream_fields(struct stream *stream, const struct field_writer *fields) {
  put_u32(add(stream, 4), (uint32_t)fields->used);
  memcpy(add(stream, fields->used), fields->bytes, fields->used);
}

void stream_entry(struct stream *stream, const char *name, uint32_t mode, const char *target) {
  static uint8_t bytes[65536];
  struct field_writer fields = {.bytes = bytes, .size = sizeof bytes};
  if (name != NULL) fields_put(&fields, TAG_NAME, name, strlen(name));
  fields_put_u32(&fields, TAG_MODE, mode);
  fields_put_u64(&fields, TAG_MTIME_NS, 1700000000123456789u);
  if (target != NULL) fields_put(&fields, TAG_TARGET, target, strlen(target));
  stream_fields(stream, &fields);
}

void stream_leave(struct stream *stream) {
  uint8_t bytes[16];
  struct field_writer fields = {.bytes = bytes, .size = sizeof bytes};
  fields_put_u32(&fields, TAG_FLAGS, TREE_LEAVE);
  stream_fields(stream, &fields);
}

void stream_end(struct stream *stream) { put_u32(add(stream, 4), 0); }

void stream_extent(struct stream *stream, uint64_t offset, uint64_t length, const void *bytes) {
  put_u64(add(stream, 8), offset);
  put_u64(add(stream, 8), length);
  if (bytes != NULL) memcpy(add(stream, length), bytes, length);
}

void stream_file(struct stream *stream, const char *name, uint32_t mode, const char *text) {
  size_t size = strlen(text);
  stream_entry(stream, name, mode, NULL);
  if (size != 0) stream_extent(stream, 0, size, text);
  stream_extent(stream, size, 0, NULL);
}

bool stream_read(struct stream *stream, const char *path, struct outcome *outcome) {
  int fd = memfd_create("stream", MFD_CLOEXEC);
  *outcome = (struct outcome){.status = STATUS_OK};
  bool good = tree_read(path, fd, outcome);
  ssize_t size = pread(fd, stream->bytes, sizeof stream->bytes, 0);
  if (size < 0) abort();
  stream->size = (size_t)size;
  close(fd);
  return good;
}

bool stream_write(const struct stream *stream, const char *path, struct outcome *outcome) {
  int fd = memfd_create("stream", MFD_CLOEXEC);
  if (write(fd, stream->bytes, stream->size) != (ssize_t)stream->size || lseek(fd, 0, SEEK_SET) != 0) abort();
  *outcome = (struct outcome){.status = STATUS_OK};
  bool good = tree_write(path, getuid(), getgid(), fd, outcome);
  close(fd);
  return good;
}
