#include "output.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"

/* More than the kernel keeps of a terminal's output: tty_buffer.c has 64 KiB, n_tty.c 4 KiB. */
enum { MAX_TERMINAL_HOLDS = 131072 };

/* For what has to be sent in pieces. Shared by all: it leaves again before anyone else needs it. */
static uint8_t chunk[CHUNK];

size_t output_allowance(const struct session *session, const struct output *output) {
  size_t room = ring_room(&session->output);
  if (room < ROOM_FOR_DATA) return 0;
  size_t most = (room - CONTROL_RESERVE - HEADER_SIZE) / (HEADER_SIZE + OUTPUT_PIECE) * OUTPUT_PIECE;
  if (most > CHUNK) most = CHUNK;
  if (most > output->credit) most = output->credit;
  if (most > output->left) most = (size_t)output->left;
  return most;
}

static void take_credit(struct output *output, size_t size) {
  output->credit -= (uint32_t)size;
  if (output->left != OUTPUT_UNLIMITED) output->left -= size;
}

void output_send(struct session *session, struct output *output, uint32_t id, uint8_t stream, const uint8_t *bytes,
                 size_t size) {
  unsigned matched = 0;
  size_t behind;
  take_credit(output, size);
  /* A frame that would hold the sync word ends inside it. */
  while ((behind = sync_find(&matched, bytes, size)) != 0) {
    size_t piece = behind - OUTPUT_PIECE;
    session_send(session, id, TYPE_DATA, stream, bytes, piece);
    bytes += piece;
    size -= piece;
  }
  if (size != 0) session_send(session, id, TYPE_DATA, stream, bytes, size);
}

/* Whether the word ends in the first `size` bytes of the spans, which are no more than these bytes from now on. */
static bool hold_sync(struct iovec spans[2], size_t size) {
  unsigned matched = 0;
  if (spans[0].iov_len > size) spans[0].iov_len = size;
  spans[1].iov_len = size - spans[0].iov_len;
  return sync_find(&matched, spans[0].iov_base, spans[0].iov_len) != 0 ||
         sync_find(&matched, spans[1].iov_base, spans[1].iov_len) != 0;
}

/* What was read stands in the ring where the payload of one frame belongs, and is that if it may be. */
static void send_in_place(struct session *session, struct output *output, uint32_t id, uint8_t stream,
                          struct iovec spans[2], size_t size) {
  uint8_t header[HEADER_SIZE];
  if (hold_sync(spans, size)) {
    memcpy(chunk, spans[0].iov_base, spans[0].iov_len);
    memcpy(chunk + spans[0].iov_len, spans[1].iov_base, spans[1].iov_len);
    output_send(session, output, id, stream, chunk, size);
    return;
  }
  frame_header(header, (uint32_t)size, id, TYPE_DATA, stream);
  ring_push(&session->output, header, sizeof header);
  ring_filled(&session->output, size);
  take_credit(output, size);
}

static void close_output(struct output *output) {
  close(output->fd);
  output->fd = -1;
}

bool output_pump(struct session *session, struct output *output, uint32_t id, uint8_t stream) {
  if (!output->readable || output_is_done(output)) return false;
  size_t most = output_allowance(session, output);
  if (most == 0) return false;
  struct iovec spans[2];
  int count = ring_spans(&session->output, HEADER_SIZE, most, spans);
  ssize_t size = readv(output->fd, spans, count);
  if (size > 0) {
    send_in_place(session, output, id, stream, spans, (size_t)size);
    return output->credit != 0 && !output_is_done(output);
  }
  if (size < 0 && errno == EINTR) return true;
  if (size < 0 && errno == EAGAIN) {
    output->readable = false;
    if (output->is_last) output->left = 0;
    return false;
  }
  if (size < 0) output->error = errno;
  close_output(output);
  return false;
}

void output_exit(struct output *output) {
  int held = 0;
  if (output->fd < 0) return;
  if (ioctl(output->fd, FIONREAD, &held) < 0 || held < 0) held = 0;
  output->left = (uint64_t)held;
  output->readable = true;
}

void output_exit_of_terminal(struct output *output) {
  /* FIONREAD misses what is on its way through the terminal, a read does not. Others may go on writing: a limit it has. */
  output->left = MAX_TERMINAL_HOLDS;
  output->readable = true;
  output->is_last = true;
}
