#include "session.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "clock.h"
#include "fields.h"
#include "sync.h"
#include "version.h"

/* One port's input may not keep the others waiting: this many reads a turn. */
enum { READS_A_TURN = 4 };

/*
 * The kernel may hand out a new client's first bytes before it knows that a client is there: bytes come by interrupt, the
 * news by a work queue. So a port that reports no host right after a HELLO is asked again after this time.
 */
enum { DOUBT_US = 1000000 };

static uint8_t output_rings[MAX_PORTS][OUTPUT_RING];

void session_open(struct session *session, uint8_t number, int fd) {
  session->fd = fd;
  session->number = number;
  session->readable = session->writable = true;
  session->hung_up = false;
  session->output = (struct ring){.bytes = output_rings[number], .size = OUTPUT_RING};
}

void session_send(struct session *session, uint32_t id, uint8_t type, const uint8_t *payload, size_t size) {
  uint8_t header[HEADER_SIZE];
  frame_header(header, (uint32_t)size, id, type, 0);
  ring_push(&session->output, header, sizeof header);
  ring_push(&session->output, payload, size);
}

static void session_hunt(struct session *session) {
  session_end(session);
  receiver_hunt(&session->receiver);
}

void session_goaway(struct session *session, enum status status, const char *message) {
  uint8_t payload[MAX_CONTROL];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  session_hunt(session);
  fields_put_u32(&fields, TAG_STATUS, status);
  fields_put(&fields, TAG_MESSAGE, message, __builtin_strlen(message));
  session_send(session, 0, TYPE_GOAWAY, payload, fields.used);
}

/* Before a WELCOME the host hears only what follows a sync word: all else may be of a session that is over. */
static void refuse_hello(struct session *session, enum status status, const char *message) {
  ring_push(&session->output, sync_word, SYNC_SIZE);
  session_goaway(session, status, message);
}

static void answer_hello(struct session *session, const struct frame *frame) {
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  uint32_t version = 0;
  const uint8_t *nonce = NULL;
  bool has_version = false;
  while (fields_next(&reader, &field)) {
    if (field.tag == TAG_VERSION) has_version = field_u32(&field, &version);
    if (field.tag == TAG_NONCE && field.length == NONCE_SIZE) nonce = field.bytes;
  }
  if (!has_version || nonce == NULL) {
    refuse_hello(session, STATUS_PROTOCOL, "HELLO without VERSION or NONCE");
    return;
  }
  if (version < PROTOCOL_VERSION) {
    refuse_hello(session, STATUS_UNSUPPORTED_VERSION, "this agent speaks version 1");
    return;
  }
  uint8_t payload[MAX_CONTROL];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u32(&fields, TAG_VERSION, PROTOCOL_VERSION);
  fields_put(&fields, TAG_NONCE, nonce, NONCE_SIZE);
  fields_put(&fields, TAG_AGENT, AGENT_VERSION, sizeof AGENT_VERSION - 1);
  fields_put_u32(&fields, TAG_MAX_REQUESTS, MAX_REQUESTS);
  fields_put_u32(&fields, TAG_WINDOW, INPUT_WINDOW);
  ring_push(&session->output, sync_word, SYNC_SIZE);
  session_send(session, 0, TYPE_WELCOME, payload, fields.used);
  session->greeted = true;
  session->proven = false;
  session->doubt_until_us = 0;
}

static void handle_stream(struct session *session, const struct frame *frame) {
  struct request *request = session_find(session, frame->id);
  if (request == NULL) return;
  if (frame->type == TYPE_END) {
    request->input.ended = true;
  } else if (!input_take(request, frame)) {
    session_goaway(session, STATUS_PROTOCOL, "DATA beyond its credit or its END");
  }
}

static void handle_credit(struct session *session, const struct frame *frame) {
  struct field credit = {.length = frame->length, .bytes = frame->payload};
  struct request *request = session_find(session, frame->id);
  uint32_t more;
  if (!field_u32(&credit, &more)) {
    session_goaway(session, STATUS_PROTOCOL, "CREDIT is not one u32");
    return;
  }
  if (request == NULL) return;
  struct output *output = &request->outputs[frame->stream - 1];
  if (more > MAX_CREDIT || output->credit > MAX_CREDIT - more) {
    session_goaway(session, STATUS_PROTOCOL, "CREDIT over 2147483647 in sum");
    return;
  }
  output->credit += more;
}

static void handle_control(struct session *session, const struct frame *frame) {
  struct request *request = session_find(session, frame->id);
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  uint32_t signal;
  while (fields_next(&reader, &field)) {
    if (field.tag != TAG_SIGNAL) continue;
    if (!field_u32(&field, &signal)) {
      session_goaway(session, STATUS_PROTOCOL, "SIGNAL is not one u32");
      return;
    }
    /* Once it is reaped, its number may be somebody else's. */
    if (request != NULL && request->pid != 0 && signal >= 1 && signal <= 64) kill_group(request->pid, (int)signal);
  }
}

/* What is wrong with a frame that a host may not send, or NULL. */
static const char *objection(const struct session *session, const struct frame *frame) {
  bool has_fields = frame->type == TYPE_HELLO || frame->type == TYPE_REQUEST || frame->type == TYPE_CONTROL;
  bool credit = frame->type == TYPE_CREDIT;
  if (frame->reserved != 0) return "reserved bytes are not 0";
  if (credit ? frame->stream < STREAM_OUTPUT || frame->stream > STREAM_ERRORS : frame->stream != 0) {
    return "a stream that the host may not use";
  }
  if (has_fields && !fields_valid(frame->payload, frame->length)) return "malformed fields";
  if ((frame->type == TYPE_HELLO) == session->greeted) return "HELLO comes first, and once";
  if ((frame->type == TYPE_HELLO) != (frame->id == 0)) return "id 0 belongs to the session";
  if ((frame->type == TYPE_END || frame->type == TYPE_CANCEL) && frame->length != 0) return "a payload where none belongs";
  return NULL;
}

static void handle_frame(struct session *session, const struct frame *frame) {
  const char *wrong = objection(session, frame);
  struct request *request;
  if (wrong != NULL) {
    session_goaway(session, STATUS_PROTOCOL, wrong);
    return;
  }
  switch (frame->type) {
    case TYPE_HELLO:
      answer_hello(session, frame);
      break;
    case TYPE_REQUEST:
      session_request(session, frame);
      break;
    case TYPE_CONTROL:
      handle_control(session, frame);
      break;
    case TYPE_CANCEL:
      request = session_find(session, frame->id);
      if (request != NULL) session_cancel(session, request);
      break;
    case TYPE_DATA:
    case TYPE_END:
      handle_stream(session, frame);
      break;
    case TYPE_CREDIT:
      handle_credit(session, frame);
      break;
    default:
      session_goaway(session, STATUS_PROTOCOL, "unknown frame type");
  }
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
        handle_frame(session, &frame);
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
      session_hunt(session);
      ring_clear(&session->output);
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
      session_hunt(session);
      ring_clear(&session->output);
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
  if (session->open != 0 && requests_turn(session)) more = true;
  if (session->patient) session->patient = false;
  else session_flush(session);
  return more;
}
