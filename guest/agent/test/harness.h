/* An agent under test, and what it may not leave behind. */
#ifndef SMOLVM_HARNESS_H
#define SMOLVM_HARNESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "client.h"

/* The socket of the agent that agent_start() started. */
extern const char *agent_path;
extern pid_t agent_pid;

void agent_start(void);
/* Ends it in good order. True: it found no leak and no other fault. */
bool agent_stop(void);
int agent_descriptors(void);
/* Waits until it has no more than these: it must not take longer than two seconds. */
bool agent_settles_at(int descriptors);
/* Waits until the process is gone: it must not take longer than two seconds. */
bool is_gone(pid_t pid);
bool connect_or_abort(struct client *client);

#endif
