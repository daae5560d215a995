/* Workers as processes. */
#ifndef SMOLVM_FORK_H
#define SMOLVM_FORK_H

#include <stdbool.h>
#include <sys/types.h>

#include "outcome.h"
#include "worker.h"

/* The agent's ends of the pipes, nonblocking; -1: none. */
struct worker_process {
  pid_t pid;
  int input;
  int output;
  int report;
};

/* The worker leads its own session and process group. */
bool fork_worker(const struct task *task, struct worker_process *process, struct outcome *outcome);

#endif
