/* How a session begins: HELLO and WELCOME. */
#include "answer.h"
#include "sync.h"
#include "version.h"

/* Before a WELCOME the host hears only what follows a sync word: all else may be of a session that is over. */
static void refuse_hello(struct session *session, enum status status, const char *message) {
  ring_push(&session->output, sync_word, SYNC_SIZE);
  session_goaway(session, status, message);
}

void session_hello(struct session *session, const struct frame *frame) {
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
  struct answer answer;
  struct field_writer *fields = &answer.fields;
  answer_begin(&answer);
  fields_put_u32(fields, TAG_VERSION, PROTOCOL_VERSION);
  fields_put(fields, TAG_NONCE, nonce, NONCE_SIZE);
  fields_put(fields, TAG_AGENT, AGENT_VERSION, sizeof AGENT_VERSION - 1);
  fields_put_u32(fields, TAG_MAX_REQUESTS, MAX_REQUESTS);
  fields_put_u32(fields, TAG_WINDOW, FIRST_INPUT_WINDOW);
  ring_push(&session->output, sync_word, SYNC_SIZE);
  answer_send(session, 0, TYPE_WELCOME, &answer);
  session->greeted = true;
  session->proven = false;
  session->doubt_until_us = 0;
}
