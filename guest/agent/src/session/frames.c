/* What a host may send, and what becomes of it. */
#include "answer.h"
#include "fields.h"

static void handle_stream(struct session *session, const struct frame *frame) {
  struct request *request = session_find(session, frame->id);
  if (request == NULL) return;
  if (frame->type == TYPE_END) {
    request->input.ended = true;
  } else if (!input_take(&request->input, frame)) {
    session_goaway(session, STATUS_PROTOCOL, "DATA beyond its credit or its END");
    return;
  }
  request_wake(session, request);
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
  request_wake(session, request);
}

static bool take_control(struct control *control, const struct field *field) {
  uint32_t value;
  if (field->tag != TAG_SIGNAL && field->tag != TAG_COLUMNS && field->tag != TAG_ROWS) return true;
  if (!field_u32(field, &value)) return false;
  if (field->tag == TAG_SIGNAL && value <= 64) control->signal = (int)value;
  if (field->tag == TAG_COLUMNS && value <= UINT16_MAX) control->columns = (uint16_t)value;
  if (field->tag == TAG_ROWS && value <= UINT16_MAX) control->rows = (uint16_t)value;
  return true;
}

static void handle_control(struct session *session, const struct frame *frame) {
  struct request *request = session_find(session, frame->id);
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct control control = {0};
  struct field field;
  while (fields_next(&reader, &field)) {
    if (take_control(&control, &field)) continue;
    session_goaway(session, STATUS_PROTOCOL, "SIGNAL, COLUMNS and ROWS are one u32 each");
    return;
  }
  if (request != NULL && request->kind->control != NULL) request->kind->control(session, request, &control);
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

void session_frame(struct session *session, const struct frame *frame) {
  const char *wrong = objection(session, frame);
  struct request *request;
  if (wrong != NULL) {
    session_goaway(session, STATUS_PROTOCOL, wrong);
    return;
  }
  switch (frame->type) {
    case TYPE_HELLO:
      session_hello(session, frame);
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
