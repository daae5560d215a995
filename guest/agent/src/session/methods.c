/* A REQUEST by its METHOD. */
#include "configure.h"
#include "fields.h"
#include "poweroff.h"
#include "session.h"

static bool find_number(const struct frame *frame, uint16_t tag, uint32_t *value) {
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  while (fields_next(&reader, &field)) {
    if (field.tag == tag) return field_u32(&field, value);
  }
  return false;
}

static void answer(struct session *session, uint32_t id, enum status status, const char *message) {
  struct outcome outcome = {.status = STATUS_OK};
  if (status != STATUS_OK) fail(&outcome, status, 0, "%s", message);
  session_result(session, id, &outcome);
}

static void power_off(struct session *session, const struct frame *frame) {
  uint32_t grace_ms = DEFAULT_GRACE_MS;
  find_number(frame, TAG_GRACE_MS, &grace_ms);
  answer(session, frame->id, STATUS_OK, NULL);
  session_flush(session);
  poweroff_begin(grace_ms);
}

static void configure(struct session *session, const struct frame *frame) {
  struct outcome outcome = {.status = STATUS_OK};
  struct configuration configuration;
  if (configuration_parse(&configuration, frame, &outcome)) configuration_apply(&configuration, &outcome);
  session_result(session, frame->id, &outcome);
}

void session_request(struct session *session, const struct frame *frame) {
  uint32_t method = 0;
  if (session_find(session, frame->id) != NULL) {
    session_goaway(session, STATUS_PROTOCOL, "an id that is in use");
    return;
  }
  if (!find_number(frame, TAG_METHOD, &method)) {
    answer(session, frame->id, STATUS_BAD_REQUEST, "METHOD is missing or not one u32");
    return;
  }
  if (session->open == UINT64_MAX) {
    answer(session, frame->id, STATUS_BUSY, "as many requests as MAX_REQUESTS are open");
    return;
  }
  switch (method) {
    case METHOD_PING:
      answer(session, frame->id, STATUS_OK, NULL);
      break;
    case METHOD_CONFIGURE:
      configure(session, frame);
      break;
    case METHOD_EXEC:
      session_execute(session, frame);
      break;
    case METHOD_POWEROFF:
      power_off(session, frame);
      break;
    default:
      answer(session, frame->id, STATUS_UNKNOWN_METHOD, "this agent does not know the METHOD");
  }
}
