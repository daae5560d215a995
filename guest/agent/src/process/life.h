/* The life of a process as far as its end is concerned, and what a RESULT or a record tells of that. */
#ifndef SMOLVM_LIFE_H
#define SMOLVM_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fields.h"

struct life {
  uint64_t started_us;
  uint64_t duration_us;
  uint64_t oom_mark;
  int wait_status;
  bool was_killed; /* by the agent: want of memory did not do it */
  bool oom_killed;
};

struct session;

/* To be called right before the process is started. */
void life_begin(struct life *life);
/* The process has been reaped. */
void life_end(struct life *life, pid_t pid, int wait_status);
void life_put_exit(const struct life *life, struct field_writer *fields);
/* Both ENDs, and the RESULT. */
void life_answer(const struct life *life, struct session *session, uint32_t id);
/* EXITED: all that can be said while output is still to be sent. */
void life_announce(const struct life *life, struct session *session, uint32_t id);

#endif
