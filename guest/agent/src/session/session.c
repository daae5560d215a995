#include "session.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"

/* One port's input may not keep the others waiting: this many reads a turn. */
enum { READS_A_TURN = 4 };

/*
 * The kernel may hand out a new client's first bytes before it knows that a client is there: bytes come by interrupt, the
 * news by a work queue. So a port that reports no host right after a HELLO is asked again after this time.
 */
enum { DOUBT_US = 1000000 };

/* Whole pages, which go back to the kernel when a session has ended. */
static _Alignas(4096) uint8_t output_rings[MAX_PORTS][OUTPUT_RING];

void session_open(struct session *session, uint8_t number, int fd) {
  session->fd = fd;
  session->number = number;
  session->readable = session->writable = true;
  session->hung_up = false;
  session->output = (struct ring){.bytes = output_rings[number], .size = OUTPUT_RING};
}

void session_send(struct session *session, uint32_t id, uint8_t type, uint8_t stream, const void *payload, size_t size) {
  uint8_t header[HEADER_SIZE];
  frame_header(header, (uint32_t)size, id, type, stream);
  ring_push(&session->output, header, sizeof header);
  ring_push(&session->output, payload, size);
}

static void session_hunt(struct session *session) {
  session_end(session);
  receiver_hunt(&session->receiver);
}

void session_goaway(struct session *session, enum status status, const char *message) {
  struct outcome outcome;
  struct answer answer;
  session_hunt(session);
  fail(&outcome, status, 0, "%s", message);
  answer_begin(&answer);
  answer_put_outcome(&answer, &outcome);
  answer_send(session, 0, TYPE_GOAWAY, &answer);
}

/* Nobody is there to take it. */
static void drop_output(struct session *session) {
  session_hunt(session);
  ring_clear(&session->output);
  madvise(session->output.bytes, OUTPUT_RING, MADV_DONTNEED);
}

/* False: the answers to more frames would not fit; the port has to take some first. */
static bool handle_received(struct session *session) {
  struct frame frame;
  for (;;) {
    if (ring_room(&session->output) < MAX_CONTROL) return false;
    switch (receiver_next(&session->receiver, &frame)) {
      case RECEIVED_NOTHING:
        return true;
      case RECEIVED_FRAME:
        session_frame(session, &frame);
        break;
      case RECEIVED_SYNC:
        session_end(session);
        ring_clear(&session->output);
        break;
      case RECEIVED_TOO_LONG:
        session_goaway(session, STATUS_PROTOCOL, "a frame of over 65536 bytes");
        break;
    }
  }
}

/* A report may be old by now: the next client may be there already. */
static bool is_hung_up(const struct session *session) {
  struct pollfd port = {.fd = session->fd};
  return session->hung_up && poll(&port, 1, 0) == 1 && (port.revents & POLLHUP) != 0;
}

/* The port has nothing to read and no host. True: unlike a hang-up that poll reports, that is no older than what was read. */
static bool has_lost_host(struct session *session) {
  if (!session->greeted || session->proven) return true;
  uint64_t now = monotonic_us();
  if (session->doubt_until_us == 0) session->doubt_until_us = now + DOUBT_US;
  return now >= session->doubt_until_us;
}

/* True: more may be waiting. */
static bool receive(struct session *session) {
  for (int reads = 0; reads < READS_A_TURN; reads++) {
    if (!handle_received(session)) {
      if (!is_hung_up(session)) return session->writable;
      /* Nobody is there to take the answers. A session that begins behind them in the buffer is found all the same. */
      drop_output(session);
      continue;
    }
    if (!session->readable) return false;
    size_t space;
    uint8_t *at = receiver_space(&session->receiver, &space);
    ssize_t size = read(session->fd, at, space);
    if (size > 0) {
      receiver_filled(&session->receiver, (size_t)size);
    } else if (size < 0 && errno == EAGAIN) {
      session->readable = session->hung_up = false;
      session->proven = true;
      session->doubt_until_us = 0;
    } else if (size == 0 || errno != EINTR) {
      session->readable = false;
      if (size == 0 && !has_lost_host(session)) continue;
      session->doubt_until_us = 0;
      drop_output(session);
    }
  }
  return true;
}

void session_flush(struct session *session) {
  while (session->writable && session->output.used != 0) {
    ssize_t written = ring_write(&session->output, session->fd);
    if (written >= 0 || errno == EINTR) continue;
    session->writable = false;
    /* Asked for only now: else each buffer that the host takes would wake the agent. */
    loop_change(session->fd, READY_READ | READY_WRITE, (struct watch){.kind = WATCH_PORT, .session = session->number});
  }
}

bool session_turn(struct session *session) {
  if (session->doubt_until_us != 0 && monotonic_us() >= session->doubt_until_us) session->readable = true;
  bool more = receive(session);
  if (requests_turn(session)) more = true;
  if (session->patient) session->patient = false;
  else session_flush(session);
  /* Those who lacked room are still due, and the port has just made some. */
  return more || (!set_is_empty(&session->due) && ring_room(&session->output) >= ROOM_FOR_DATA);
}
