/* What a request is answered with. */
#ifndef SMOLVM_ANSWER_H
#define SMOLVM_ANSWER_H

#include <stdint.h>

#include "fields.h"
#include "outcome.h"
#include "session.h"

struct answer {
  struct field_writer fields;
  uint8_t payload[MAX_ANSWER];
};

void answer_begin(struct answer *answer);
/* STATUS, and ERRNO and MESSAGE where there are any. */
void answer_put_outcome(struct answer *answer, const struct outcome *outcome);
void answer_send(struct session *session, uint32_t id, enum frame_type type, const struct answer *answer);

/* A RESULT of nothing but the outcome. */
void answer_outcome(struct session *session, uint32_t id, const struct outcome *outcome);
/* The same with a fixed message; NULL: none. */
void answer_status(struct session *session, uint32_t id, enum status status, const char *message);
/* A STARTED without fields. */
void answer_started(struct session *session, uint32_t id);
void answer_end(struct session *session, uint32_t id, enum stream_number stream);

#endif
