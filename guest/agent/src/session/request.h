/* One open EXEC request: its process, its streams and what it still owes the host. */
#ifndef SMOLVM_REQUEST_H
#define SMOLVM_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frame.h"
#include "bounds.h"
#include "loop.h"
#include "ring.h"
#include "spawn.h"

struct output {
  int fd;        /* -1: at its end */
  bool readable; /* has not said EAGAIN since it was last reported */
  uint32_t credit;
  uint32_t left; /* after the exit: bytes that the pipe held then and that are still to be sent */
};

struct input {
  int fd;
  bool writable;
  bool watched;
  bool ended;      /* the host sent END */
  uint32_t credit; /* what the host may still send */
  uint32_t owed;   /* taken over since the last CREDIT */
  struct ring ring;
};

struct request {
  uint32_t id;
  pid_t pid; /* 0: reaped */
  int wait_status;
  bool cancelled;
  uint64_t started_us;
  uint64_t duration_us;
  struct output outputs[2];
  struct input input;
};

/* Moves what it can from the buffer to the process. `ring` is the session's output, for CREDIT. */
void input_pump(struct request *request, struct ring *ring, struct watch watch);
/* DATA from the host. False: it is more than the credit allows, or the stream is at its end. */
bool input_take(struct request *request, const struct frame *frame);
void input_close(struct input *input);

/* Sends one chunk, if there is one, and room and credit for it. True: there may be more to send right now. */
bool output_pump(struct output *output, uint32_t id, uint8_t stream, struct ring *ring);
/* To be called once the process has exited: fixes what is still to be sent. */
void output_exit(struct output *output);
static inline bool output_is_done(const struct output *output) { return output->fd < 0 || output->left == 0; }

#endif
