#include "answer.h"

#include <string.h>

void answer_begin(struct answer *answer) {
  answer->fields = (struct field_writer){.bytes = answer->payload, .size = sizeof answer->payload};
}

void answer_put_outcome(struct answer *answer, const struct outcome *outcome) {
  struct field_writer *fields = &answer->fields;
  fields_put_u32(fields, TAG_STATUS, outcome->status);
  if (outcome->error != 0) fields_put_u32(fields, TAG_ERRNO, (uint32_t)outcome->error);
  if (outcome->message[0] != '\0') fields_put(fields, TAG_MESSAGE, outcome->message, strlen(outcome->message));
}

void answer_send(struct session *session, uint32_t id, enum frame_type type, const struct answer *answer) {
  session_send(session, id, (uint8_t)type, 0, answer->payload, answer->fields.used);
}

void answer_outcome(struct session *session, uint32_t id, const struct outcome *outcome) {
  struct answer answer;
  answer_begin(&answer);
  answer_put_outcome(&answer, outcome);
  answer_send(session, id, TYPE_RESULT, &answer);
}

void answer_status(struct session *session, uint32_t id, enum status status, const char *message) {
  struct outcome outcome = {.status = status};
  if (message != NULL) fail(&outcome, status, 0, "%s", message);
  answer_outcome(session, id, &outcome);
}

void answer_started(struct session *session, uint32_t id) { session_send(session, id, TYPE_STARTED, 0, NULL, 0); }

void answer_end(struct session *session, uint32_t id, enum stream_number stream) {
  session_send(session, id, TYPE_END, (uint8_t)stream, NULL, 0);
}
