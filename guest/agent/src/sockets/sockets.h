/* The methods of sockets: CONNECT and WAIT_PORT. */
#ifndef SMOLVM_SOCKETS_H
#define SMOLVM_SOCKETS_H

#include <stdint.h>

#include "session.h"

/* Answers the REQUEST, or opens a request that will. */
void sockets_request(struct session *session, const struct frame *frame, uint32_t method);

#endif
