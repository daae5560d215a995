/*
 * A request that a worker serves: a forked copy of the agent that runs one blocking function. For what the event loop may
 * not wait for: walks through directories, and whatever else has no nonblocking form.
 */
#ifndef SMOLVM_WORKER_H
#define SMOLVM_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "outcome.h"

struct session;

struct worker {
  int report; /* where the outcome arrives */
  bool has_output;
  int wait_status;
};

/*
 * Runs in the worker, with the agent's memory as it was. `output` is stream 1, `input` the request's input; both block, and
 * are -1 where the task has none. Returns as fail() does: false, with the outcome filled in. CANCEL and the end of the
 * session send SIGTERM, which it may catch to undo what is half done.
 */
typedef bool work_function(void *argument, int input, int output, struct outcome *outcome);

struct task {
  work_function *work;
  void *argument;
  bool has_input;
  bool has_output;
  bool is_announced; /* by a STARTED without fields */
  uint32_t window;   /* of the output */
};

/* Opens a request for the task, or answers why it cannot. The RESULT carries the outcome; SYSTEM: the worker died. */
void worker_start(struct session *session, uint32_t id, const struct task *task);

#endif
