/* Starting a process, and killing the group it leads. */
#ifndef SMOLVM_SPAWN_H
#define SMOLVM_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "command.h"
#include "outcome.h"

struct process {
  pid_t pid;
  int input; /* the agent's ends, nonblocking; -1: none */
  int output;
  int errors;
  int terminal; /* its other side: while it is open, reads do not fail although no process has it open */
};

/* Opens what every child needs. Call once, before the first spawn. */
void spawn_open(void);
bool spawn(const struct command *command, struct process *process, struct outcome *outcome);
void kill_group(pid_t leader, int signal);

#endif
