/* CONNECT: a TCP connection as the two streams of a request. */
#ifndef SMOLVM_CONNECT_H
#define SMOLVM_CONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp.h"

struct session;
struct socket_request;

/* Of an open request. */
struct connection {
  struct tcp_address address;
  uint32_t window;
  bool has_alternative; /* the loopback address of IPv6, which was not tried yet */
  bool is_established;
  bool has_ended_output; /* the END of the output was sent */
};

void connect_request(struct session *session, uint32_t id, const struct socket_request *socket);

#endif
