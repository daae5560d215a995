/* The fields of a REQUEST that is about a socket. */
#ifndef SMOLVM_SOCKET_REQUEST_H
#define SMOLVM_SOCKET_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "outcome.h"
#include "tcp.h"

struct socket_request {
  struct tcp_address address; /* of the loopback interface, where none was given */
  bool has_address;
  uint32_t window;
};

/* False: BAD_REQUEST. */
bool socket_request_parse(struct socket_request *request, const struct frame *frame, struct outcome *outcome);

#endif
