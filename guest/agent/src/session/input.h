/*
 * The input of a request: from the host's DATA to a descriptor, through a buffer where the descriptor is slower. What the
 * host was promised may arrive, so memory is bounded by promising little: FIRST_INPUT_WINDOW to everyone, and
 * INPUT_WINDOW to the first MAX_WIDE_INPUTS that send much, of all sessions together. Who comes later has it when one of
 * these closes.
 */
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
  bool is_wide;  /* it has one of the places */
  uint32_t window; /* the sum of credit, bytes in the buffer and bytes owed */
  uint32_t credit; /* what the host may still send */
  uint32_t owed;   /* taken over since the last CREDIT */
  uint64_t written; /* bytes that the descriptor took */
  struct ring ring;
};

/* `fd`: see request_input(). -1: what comes is dropped. */
void input_open(struct input *input, int fd);
/* For a regular file, which never makes the host wait: it may send this much further ahead. */
void input_widen(struct input *input, uint32_t more);
/* DATA from the host. False: it is more than the credit allows, or the stream is at its end. */
bool input_take(struct input *input, const struct frame *frame);
/* Moves what it can from the buffer to the descriptor, and gives credit back. */
void input_pump(struct session *session, struct request *request);
void input_close(struct input *input);
/* The host has sent all, and all of it was taken or dropped. */
static inline bool input_is_done(const struct input *input) { return input->ended && input->fd < 0; }

#endif
