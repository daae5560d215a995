#include "output.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"

/* More than the kernel keeps of a terminal's output: tty_buffer.c has 64 KiB, n_tty.c 4 KiB. */
enum { MAX_TERMINAL_HOLDS = 131072 };

/* Shared by all: what is read here leaves again before anyone else reads. */
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

void output_send(struct session *session, struct output *output, uint32_t id, uint8_t stream, const uint8_t *bytes,
                 size_t size) {
  unsigned matched = 0;
  size_t behind;
  output->credit -= (uint32_t)size;
  if (output->left != OUTPUT_UNLIMITED) output->left -= size;
  /* A frame that would hold the sync word ends inside it. */
  while ((behind = sync_find(&matched, bytes, size)) != 0) {
    size_t piece = behind - OUTPUT_PIECE;
    session_send(session, id, TYPE_DATA, stream, bytes, piece);
    bytes += piece;
    size -= piece;
  }
  if (size != 0) session_send(session, id, TYPE_DATA, stream, bytes, size);
}

static void close_output(struct output *output) {
  close(output->fd);
  output->fd = -1;
}

bool output_pump(struct session *session, struct output *output, uint32_t id, uint8_t stream) {
  if (!output->readable || output_is_done(output)) return false;
  size_t most = output_allowance(session, output);
  if (most == 0) return false;
  ssize_t size = read(output->fd, chunk, most);
  if (size > 0) {
    output_send(session, output, id, stream, chunk, (size_t)size);
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
