#include <errno.h>
#include <unistd.h>

#include "bytes.h"
#include "extents.h"

static bool write_piece(int fd, const uint8_t *bytes, size_t size, off_t offset) {
  while (size != 0) {
    ssize_t written = pwrite(fd, bytes, size, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= (size_t)written;
    offset += written;
  }
  return true;
}

static enum extents_result write_extent(struct reader *reader, int fd, off_t offset, size_t length) {
  while (length != 0) {
    uint8_t *bytes;
    size_t size = reader_take_some(reader, length, &bytes);
    if (size == 0) return EXTENTS_CLOSED;
    if (!write_piece(fd, bytes, size, offset)) return EXTENTS_FAILED;
    offset += (off_t)size;
    length -= size;
  }
  return EXTENTS_DONE;
}

enum extents_result extents_write(struct reader *reader, int fd) {
  uint64_t end = 0;
  for (;;) {
    const uint8_t *header = reader_take(reader, EXTENT_HEADER);
    if (header == NULL) return EXTENTS_CLOSED;
    uint64_t offset = get_u64(header);
    uint64_t length = get_u64(header + 8);
    if (offset < end || length > MAX_EXTENT || offset > INT64_MAX - length) return EXTENTS_INVALID;
    if (length == 0) {
      /* A hole at the end. */
      return offset == end || ftruncate(fd, (off_t)offset) == 0 ? EXTENTS_DONE : EXTENTS_FAILED;
    }
    enum extents_result result = write_extent(reader, fd, (off_t)offset, (size_t)length);
    if (result != EXTENTS_DONE) return result;
    end = offset + length;
  }
}
