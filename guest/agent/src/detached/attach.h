/* A request that follows a detached process: what is kept of its streams, what they write on, and how it ends. */
#ifndef SMOLVM_ATTACH_H
#define SMOLVM_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

struct detached;
struct request;
struct session;

struct attach {
  struct detached *process;
  struct session *session;
  struct request *next; /* the next reader of the same process */
  uint64_t positions[2];
  bool is_announced; /* by an EXITED */
};

/* Opens a request that reads all that is kept, and answers it with STARTED. */
void attach_start(struct session *session, uint32_t id, struct detached *process, uint32_t window);
/* Something new is there for all who read this process. */
void attach_wake(const struct detached *process);

#endif
