#include <errno.h>
#include <unistd.h>

#include "bytes.h"
#include "extents.h"

enum {
  /* Less than this is not worth a system call that looks for holes. */
  SMALL = 4096,
  /* An extent is at least this long where there is so much data. */
  PIECE = 65536,
  BLOCK = 512,
};

static bool put_header(struct writer *writer, uint64_t offset, uint64_t length) {
  uint8_t *at = writer_room(writer, EXTENT_HEADER);
  if (at == NULL) return false;
  put_u64(at, offset);
  put_u64(at + 8, length);
  writer_filled(writer, EXTENT_HEADER);
  return true;
}

/*
 * An extent of what one read brings, straight into the writer: its length is promised only when its bytes are there, as
 * the file may shrink at any time. `size` becomes 0 at the end of the file.
 */
static enum extents_result read_extent(struct writer *writer, int fd, off_t offset, off_t most, ssize_t *size) {
  uint8_t *at = writer_room(writer, EXTENT_HEADER + (most < PIECE ? (size_t)most : PIECE));
  if (at == NULL) return EXTENTS_CLOSED;
  size_t room = sizeof writer->bytes - writer->used - EXTENT_HEADER;
  do {
    *size = pread(fd, at + EXTENT_HEADER, (size_t)most < room ? (size_t)most : room, offset);
  } while (*size < 0 && errno == EINTR);
  if (*size < 0) return EXTENTS_FAILED;
  if (*size > 0) {
    put_header(writer, (uint64_t)offset, (uint64_t)*size);
    writer_filled(writer, (size_t)*size);
  }
  return EXTENTS_DONE;
}

/* `end` becomes where the file really ends, if that is before `to`. */
static enum extents_result read_range(struct writer *writer, int fd, off_t from, off_t to, off_t *end) {
  while (from < to) {
    ssize_t size;
    enum extents_result result = read_extent(writer, fd, from, to - from, &size);
    if (result != EXTENTS_DONE) return result;
    if (size == 0) {
      *end = from;
      break;
    }
    from += size;
  }
  return EXTENTS_DONE;
}

static enum extents_result read_around_holes(struct writer *writer, int fd, off_t *end) {
  off_t size = *end;
  for (off_t at = 0; at < *end && *end == size;) {
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
    /* A filesystem that does not know is read as a whole. */
    if (data < 0) data = at;
    if (hole < 0 || hole > size) hole = size;
    enum extents_result result = read_range(writer, fd, data, hole, end);
    if (result != EXTENTS_DONE) return result;
    at = hole;
  }
  return EXTENTS_DONE;
}

enum extents_result extents_read(struct writer *writer, int fd, const struct stat *status) {
  off_t end = status->st_size;
  enum extents_result result;
  if (end >= SMALL && status->st_blocks < end / BLOCK) {
    result = read_around_holes(writer, fd, &end);
  } else if (end != 0) {
    result = read_range(writer, fd, 0, end, &end);
  } else {
    /* Asked all the same: files of procfs have a content, but no size. */
    result = read_range(writer, fd, 0, INT64_MAX, &end);
  }
  if (result != EXTENTS_DONE) return result;
  return put_header(writer, (uint64_t)end, 0) ? EXTENTS_DONE : EXTENTS_CLOSED;
}
