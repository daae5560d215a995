/* A REQUEST by its METHOD. */
#include "activity.h"
#include "answer.h"
#include "clock.h"
#include "configure.h"
#include "files.h"
#include "freeze.h"
#include "poweroff.h"
#include "processes.h"
#include "sockets.h"

static bool find_number(const struct frame *frame, uint16_t tag, uint32_t *value) {
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  while (fields_next(&reader, &field)) {
    if (field.tag == tag) return field_u32(&field, value);
  }
  return false;
}

static void power_off(struct session *session, const struct frame *frame) {
  uint32_t grace_ms = DEFAULT_GRACE_MS;
  find_number(frame, TAG_GRACE_MS, &grace_ms);
  answer_status(session, frame->id, STATUS_OK, NULL);
  session_flush(session);
  poweroff_begin(grace_ms);
}

static void configure(struct session *session, const struct frame *frame) {
  struct outcome outcome = {.status = STATUS_OK};
  struct configuration configuration;
  if (configuration_parse(&configuration, frame, &outcome)) configuration_apply(&configuration, &outcome);
  /* It was not copied, or this session would have ended; or the copy is to be done with already. */
  if (session->keeps_processes) freeze_thaw();
  struct answer answer;
  answer_begin(&answer);
  answer_put_outcome(&answer, &outcome);
  if (configuration.has_clock) fields_put_u64(&answer.fields, TAG_CLOCK_NS, realtime_ns());
  answer_send(session, frame->id, TYPE_RESULT, &answer);
}

void session_request(struct session *session, const struct frame *frame) {
  uint32_t method = 0;
  if (session_find(session, frame->id) != NULL) {
    session_goaway(session, STATUS_PROTOCOL, "an id that is in use");
    return;
  }
  if (!find_number(frame, TAG_METHOD, &method)) {
    answer_status(session, frame->id, STATUS_BAD_REQUEST, "METHOD is missing or not one u32");
    return;
  }
  if (set_first_absent(&session->open) == MAX_REQUESTS) {
    answer_status(session, frame->id, STATUS_BUSY, "as many requests as MAX_REQUESTS are open");
    return;
  }
  if (method != METHOD_PING && method != METHOD_ACTIVITY) activity_note();
  switch (method) {
    case METHOD_PING:
      answer_status(session, frame->id, STATUS_OK, NULL);
      break;
    case METHOD_CONFIGURE:
      configure(session, frame);
      break;
    case METHOD_EXEC:
      exec_request(session, frame);
      break;
    case METHOD_POWEROFF:
      power_off(session, frame);
      break;
    case METHOD_PREPARE_FREEZE:
      freeze_request(session, frame);
      break;
    case METHOD_ACTIVITY:
      activity_request(session, frame);
      break;
    case METHOD_FILE_READ ... METHOD_TREE_WRITE:
      files_request(session, frame, method);
      break;
    case METHOD_CONNECT ... METHOD_WAIT_PORT:
      sockets_request(session, frame, method);
      break;
    case METHOD_PROCESS_LIST ... METHOD_PROCESS_SIGNAL:
      processes_request(session, frame, method);
      break;
    default:
      answer_status(session, frame->id, STATUS_UNKNOWN_METHOD, "this agent does not know the METHOD");
  }
}
