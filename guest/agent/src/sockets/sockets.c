#include "sockets.h"

#include "answer.h"

void sockets_request(struct session *session, const struct frame *frame, uint32_t method) {
  (void)method;
  answer_status(session, frame->id, STATUS_UNKNOWN_METHOD, "this agent does not know the METHOD");
}
