#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bytes.h"
#include "request.h"

/* Fewer, larger CREDIT frames: the host is out of credit only if more than this is owed or still buffered. */
enum { GRANT = INPUT_WINDOW / 4 };

/* The buffer's pages go back to the kernel as soon as it is of no use. */
static void drop_buffer(struct input *input) {
  if (input->ring.bytes != NULL) munmap(input->ring.bytes, INPUT_WINDOW);
  input->ring = (struct ring){0};
}

void input_close(struct input *input) {
  if (input->fd >= 0) close(input->fd);
  input->fd = -1;
  /* Nobody will read it, yet the host gets its credit back: a program may well ignore its input. */
  input->owed += (uint32_t)input->ring.used;
  drop_buffer(input);
}

static bool has_buffer(struct input *input) {
  if (input->ring.bytes != NULL) return true;
  void *bytes = mmap(NULL, INPUT_WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return false;
  input->ring = (struct ring){.bytes = bytes, .size = INPUT_WINDOW};
  return true;
}

bool input_take(struct request *request, const struct frame *frame) {
  struct input *input = &request->input;
  if (input->ended || frame->length > input->credit) return false;
  input->credit -= frame->length;
  const uint8_t *bytes = frame->payload;
  size_t size = frame->length;
  /* Straight into the pipe where it has room, so that most input is never buffered. */
  if (input->fd >= 0 && input->ring.used == 0 && input->writable && size != 0) {
    ssize_t written = write(input->fd, bytes, size);
    if (written > 0) {
      bytes += written;
      size -= (size_t)written;
      input->owed += (uint32_t)written;
    }
    if (size != 0) input->writable = false;
    if (written < 0 && errno != EAGAIN && errno != EINTR) input_close(input);
  }
  if (size == 0) return true;
  if (input->fd >= 0 && !has_buffer(input)) input_close(input);
  if (input->fd >= 0) ring_push(&input->ring, bytes, size);
  else input->owed += (uint32_t)size;
  return true;
}

static void write_buffer(struct input *input) {
  while (input->ring.used != 0 && input->writable) {
    ssize_t written = ring_write(&input->ring, input->fd);
    if (written > 0) {
      input->owed += (uint32_t)written;
    } else if (written < 0 && errno != EINTR) {
      input->writable = false;
      if (errno != EAGAIN) input_close(input);
    }
  }
}

void input_pump(struct request *request, struct ring *ring, struct watch watch) {
  struct input *input = &request->input;
  if (input->fd >= 0) write_buffer(input);
  if (input->fd >= 0 && input->ring.used == 0) {
    drop_buffer(input);
    if (input->ended) input_close(input);
  }
  if (input->fd >= 0 && !input->writable && !input->watched) {
    /* Only now: most input fits into the pipe and needs no watching. */
    input->watched = loop_add(input->fd, READY_WRITE, watch) == 0;
  }
  if (input->owed >= GRANT && !input->ended && ring_room(ring) >= HEADER_SIZE + 4) {
    uint8_t bytes[HEADER_SIZE + 4];
    frame_header(bytes, 4, request->id, TYPE_CREDIT, STREAM_INPUT);
    put_u32(bytes + HEADER_SIZE, input->owed);
    ring_push(ring, bytes, sizeof bytes);
    input->credit += input->owed;
    input->owed = 0;
  }
}
