/* The input of a request: from the host's DATA to a descriptor, through a buffer where the descriptor is slower. */
#ifndef SMOLVM_INPUT_H
#define SMOLVM_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "ring.h"

struct request;
struct session;

struct input {
  int fd;        /* -1: nobody reads it, what comes is dropped */
  bool writable; /* the descriptor has not said EAGAIN since it was last reported; a regular file never does */
  bool watched;
  bool ended;    /* the host sent END */
  int error;     /* errno of the write that failed, if one did */
  uint32_t credit; /* what the host may still send */
  uint32_t owed;   /* taken over since the last CREDIT */
  uint64_t written; /* bytes that the descriptor took */
  struct ring ring;
};

/* DATA from the host. False: it is more than the credit allows, or the stream is at its end. */
bool input_take(struct input *input, const struct frame *frame);
/* Moves what it can from the buffer to the descriptor, and gives credit back. */
void input_pump(struct session *session, struct request *request);
void input_close(struct input *input);
/* The host has sent all, and all of it was taken or dropped. */
static inline bool input_is_done(const struct input *input) { return input->ended && input->fd < 0; }

#endif
