/* How busy the guest is: so that a host can tell a machine that nobody uses. */
#ifndef SMOLVM_ACTIVITY_H
#define SMOLVM_ACTIVITY_H

#include "frame.h"
#include "session.h"

/* A host wants something, or got what it wanted. */
void activity_note(void);
void activity_request(struct session *session, const struct frame *frame);

#endif
