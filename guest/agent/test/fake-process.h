/* Processes that are never started. */
#ifndef SMOLVM_FAKE_PROCESS_H
#define SMOLVM_FAKE_PROCESS_H

#include "session.h"

/* Tells the session of those that were killed since the last call. */
void fake_process_exits(struct session *session);

#endif
