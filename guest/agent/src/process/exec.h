/* EXEC: a request that a program works for. */
#ifndef SMOLVM_EXEC_H
#define SMOLVM_EXEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frame.h"
#include "life.h"

struct session;

struct exec {
  struct life life;
  int terminal; /* see struct process; -1: none */
  bool is_announced; /* by an EXITED */
  bool is_hung_up;   /* the host sent SIGHUP */
  pid_t leader;      /* also after its end */
};

void exec_request(struct session *session, const struct frame *frame);

#endif
