/* An output of a request: from a descriptor to DATA frames, as far as the host's credit and the port's room go. */
#ifndef SMOLVM_OUTPUT_H
#define SMOLVM_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "sync.h"
#include "wire.h"

struct session;

#define OUTPUT_UNLIMITED UINT64_MAX

struct output {
  int fd;        /* -1: at its end */
  bool readable; /* has not said EAGAIN since it was last reported; a regular file never does */
  bool is_last;  /* nothing is expected but what is there already: EAGAIN is the end, too */
  int error;     /* errno of the read that failed, if one did */
  uint32_t credit;
  uint64_t left; /* bytes that are still to be sent at most */
};

/*
 * With less free than this no DATA is sent: small frames while the ring is nearly full would cost more than the wait for
 * the port. It counts CHUNK / 4 bytes as if they were nothing but sync words: each costs one header more.
 */
enum {
  OUTPUT_PIECE = SYNC_SIZE / 2,
  ROOM_FOR_DATA = CONTROL_RESERVE + HEADER_SIZE + CHUNK / 4 / OUTPUT_PIECE * (HEADER_SIZE + OUTPUT_PIECE),
};

/* Sends one chunk, if there is one, and room and credit for it. True: there may be more to send right now. */
bool output_pump(struct session *session, struct output *output, uint32_t id, uint8_t stream);
/* To be called once the process has exited: what its pipe, or its terminal, holds now is still to be sent. */
void output_exit(struct output *output);
void output_exit_of_terminal(struct output *output);
static inline bool output_is_done(const struct output *output) { return output->fd < 0 || output->left == 0; }

/* For outputs that come from memory: how many bytes may be sent now, CHUNK at most; and the sending of as many. */
size_t output_allowance(const struct session *session, const struct output *output);
void output_send(struct session *session, struct output *output, uint32_t id, uint8_t stream, const uint8_t *bytes,
                 size_t size);

#endif
