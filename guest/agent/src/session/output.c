#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "request.h"
#include "sync.h"

/* Shared by all: what is read here leaves again before anyone else reads. */
static uint8_t chunk[CHUNK];

static void send_data(struct ring *ring, uint32_t id, uint8_t stream, const uint8_t *bytes, size_t size) {
  uint8_t header[HEADER_SIZE];
  frame_header(header, (uint32_t)size, id, TYPE_DATA, stream);
  ring_push(ring, header, sizeof header);
  ring_push(ring, bytes, size);
}

/* A frame that would hold the sync word ends inside it. */
static void send_without_sync(struct ring *ring, uint32_t id, uint8_t stream, const uint8_t *bytes, size_t size) {
  unsigned matched = 0;
  size_t behind;
  while ((behind = sync_find(&matched, bytes, size)) != 0) {
    size_t piece = behind - SYNC_SIZE / 2;
    send_data(ring, id, stream, bytes, piece);
    bytes += piece;
    size -= piece;
  }
  if (size != 0) send_data(ring, id, stream, bytes, size);
}

/* How much of a chunk surely fits, were it nothing but sync words: each costs one header more. */
static size_t room_for_data(const struct ring *ring) {
  size_t room = ring_room(ring);
  if (room <= CONTROL_RESERVE + HEADER_SIZE) return 0;
  return (room - CONTROL_RESERVE - HEADER_SIZE) / (HEADER_SIZE + SYNC_SIZE / 2) * (SYNC_SIZE / 2);
}

static void close_output(struct output *output) {
  close(output->fd);
  output->fd = -1;
}

bool output_pump(struct output *output, uint32_t id, uint8_t stream, struct ring *ring) {
  if (!output->readable || output_is_done(output) || output->credit == 0) return false;
  size_t most = room_for_data(ring);
  /* Small frames while the ring is nearly full would cost more than the wait for the port. */
  if (most < CHUNK / 4) return false;
  if (most > CHUNK) most = CHUNK;
  if (most > output->credit) most = output->credit;
  if (most > output->left) most = output->left;
  ssize_t size = read(output->fd, chunk, most);
  if (size > 0) {
    send_without_sync(ring, id, stream, chunk, (size_t)size);
    output->credit -= (uint32_t)size;
    if (output->left != UINT32_MAX) output->left -= (uint32_t)size;
    return output->credit != 0 && !output_is_done(output);
  }
  if (size < 0 && errno == EINTR) return true;
  if (size < 0 && errno == EAGAIN) output->readable = false;
  else close_output(output);
  return false;
}

void output_exit(struct output *output) {
  int held = 0;
  if (output->fd < 0) return;
  if (ioctl(output->fd, FIONREAD, &held) < 0 || held < 0) held = 0;
  output->left = (uint32_t)held;
  output->readable = true;
}
