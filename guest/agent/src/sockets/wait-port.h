/* WAIT_PORT: answered once somebody listens. */
#ifndef SMOLVM_WAIT_PORT_H
#define SMOLVM_WAIT_PORT_H

#include <stdint.h>

struct session;
struct socket_request;

/* Of an open request. */
struct port_wait {
  uint16_t port;
  uint64_t since_us;
};

void wait_port_request(struct session *session, uint32_t id, const struct socket_request *socket);

#endif
