#include "input.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bytes.h"
#include "session.h"

static unsigned wide_inputs;

void input_open(struct input *input, int fd) {
  *input = (struct input){.fd = fd, .writable = true, .window = FIRST_INPUT_WINDOW, .credit = FIRST_INPUT_WINDOW};
}

void input_widen(struct input *input, uint32_t more) {
  input->window += more;
  input->owed += more;
}

/* The first window is for the many that send little. */
static void widen_if_it_sends_much(struct input *input) {
  if (input->window != FIRST_INPUT_WINDOW || input->credit >= FIRST_INPUT_WINDOW / 2) return;
  /* A buffer of the smaller size has to be empty before it can become a larger one. */
  if (input->ring.bytes != NULL || wide_inputs == MAX_WIDE_INPUTS) return;
  wide_inputs++;
  input->is_wide = true;
  input_widen(input, INPUT_WINDOW - FIRST_INPUT_WINDOW);
}

/* The buffer's pages go back to the kernel as soon as it is of no use. */
static void drop_buffer(struct input *input) {
  if (input->ring.bytes != NULL) munmap(input->ring.bytes, input->ring.size);
  input->ring = (struct ring){0};
}

void input_close(struct input *input) {
  if (input->fd >= 0) close(input->fd);
  input->fd = -1;
  if (input->is_wide) wide_inputs--;
  input->is_wide = false;
  /* Nobody will read it, yet the host gets its credit back: a program may well ignore its input. */
  input->owed += (uint32_t)input->ring.used;
  drop_buffer(input);
}

static bool has_buffer(struct input *input) {
  size_t size = FIRST_INPUT_WINDOW;
  if (input->ring.bytes != NULL) return true;
  while (size < input->window) size *= 2;
  void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return false;
  input->ring = (struct ring){.bytes = bytes, .size = size};
  return true;
}

/* What came of a write(). True: there may be room for more. */
static bool note_written(struct input *input, ssize_t written) {
  if (written > 0) {
    input->owed += (uint32_t)written;
    input->written += (uint64_t)written;
  } else if (written < 0 && errno == EAGAIN) {
    input->writable = false;
  } else if (written < 0 && errno != EINTR) {
    input->error = errno;
    input_close(input);
  }
  return input->fd >= 0 && input->writable;
}

bool input_take(struct input *input, const struct frame *frame) {
  if (input->ended || frame->length > input->credit) return false;
  input->credit -= frame->length;
  const uint8_t *bytes = frame->payload;
  size_t size = frame->length;
  /* Straight to the descriptor where it has room, so that most input is never buffered. */
  bool direct = input->fd >= 0 && input->ring.used == 0 && input->writable;
  while (direct && size != 0) {
    ssize_t written = write(input->fd, bytes, size);
    if (written > 0) {
      bytes += written;
      size -= (size_t)written;
    }
    direct = note_written(input, written);
  }
  if (size == 0) return true;
  if (input->fd >= 0 && !has_buffer(input)) {
    input->error = ENOMEM;
    input_close(input);
  }
  if (input->fd >= 0) ring_push(&input->ring, bytes, size);
  else input->owed += (uint32_t)size;
  return true;
}

static void give_credit(struct session *session, struct request *request) {
  struct input *input = &request->input;
  uint8_t more[4];
  put_u32(more, input->owed);
  session_send(session, request->id, TYPE_CREDIT, STREAM_INPUT, more, sizeof more);
  input->credit += input->owed;
  input->owed = 0;
}

void input_pump(struct session *session, struct request *request) {
  struct input *input = &request->input;
  while (input->fd >= 0 && input->ring.used != 0 && input->writable) {
    note_written(input, ring_write(&input->ring, input->fd));
  }
  if (input->fd >= 0 && input->ring.used == 0) {
    drop_buffer(input);
    bool (*end)(struct session *, struct request *) = request->kind->end_input;
    if (input->ended && input->writable && (end == NULL || end(session, request))) input_close(input);
  }
  if (input->fd >= 0 && !input->writable && !input->watched) {
    /* Only now: most input fits into the pipe and needs no watching. */
    input->watched = loop_add(input->fd, READY_WRITE, request_watch(session, request, WATCH_INPUT, 0)) == 0;
  }
  if (input->fd >= 0 && !input->ended) widen_if_it_sends_much(input);
  /* Fewer, larger CREDIT frames: the host is out of credit only if more than this is owed or still buffered. */
  if (input->owed >= input->window / 4 && !input->ended) give_credit(session, request);
}
