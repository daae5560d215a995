/* EXEC: a request that a program works for. */
#ifndef SMOLVM_EXEC_H
#define SMOLVM_EXEC_H

#include <stdint.h>

#include "exit.h"
#include "frame.h"

struct session;

struct exec {
  int terminal; /* see struct process; -1: none */
  uint64_t started_us;
  struct process_exit exit;
};

void exec_request(struct session *session, const struct frame *frame);

#endif
