/* The methods of detached processes: 48 to 50. */
#ifndef SMOLVM_PROCESSES_H
#define SMOLVM_PROCESSES_H

#include <stdint.h>

#include "session.h"

void processes_request(struct session *session, const struct frame *frame, uint32_t method);

#endif
