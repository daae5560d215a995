/*
 * PREPARE_FREEZE: the machine is about to be paused, copied and continued. In the copy all sessions hang up at once, and the
 * processes of their requests go on nevertheless.
 */
#ifndef SMOLVM_FREEZE_H
#define SMOLVM_FREEZE_H

#include "frame.h"
#include "session.h"

void freeze_request(struct session *session, const struct frame *frame);
/* The sessions that are open end as any other from now on. */
void freeze_thaw(void);

#endif
