#include "sockets.h"

#include "answer.h"
#include "connect.h"
#include "socket-request.h"
#include "wait-port.h"

void sockets_request(struct session *session, const struct frame *frame, uint32_t method) {
  struct outcome outcome = {.status = STATUS_OK};
  struct socket_request request;
  if (!socket_request_parse(&request, frame, &outcome)) answer_outcome(session, frame->id, &outcome);
  else if (method == METHOD_CONNECT) connect_request(session, frame->id, &request);
  else wait_port_request(session, frame->id, &request);
}
