/* The last bytes of a stream that is read at all times, whether anybody wants them or not. */
#ifndef SMOLVM_HISTORY_H
#define SMOLVM_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history {
  int fd;        /* -1: at its end */
  bool readable; /* has not said EAGAIN since it was last reported */
  uint64_t left; /* bytes that are still to be read at most */
  uint64_t end;  /* bytes that ever came: positions in the stream count from its beginning */
  uint8_t *bytes; /* HISTORY of them, mapped when the first byte comes; NULL: nothing is kept */
};

/* Owns the descriptor from now on. */
void history_open(struct history *history, int fd);
/* Reads one chunk, if one is there. True: there may be more. `grown` becomes true if something came, or the end. */
bool history_read(struct history *history, bool *grown);
/* The process has exited: what its pipe holds now is still to be read. Others may still hold its other end. */
void history_exit(struct history *history);
static inline bool history_is_done(const struct history *history) { return history->fd < 0; }
/* Gives the memory back. */
void history_free(struct history *history);

/* The first position that is kept. */
uint64_t history_start(const struct history *history);
/* What is kept from `position` on, as far as it is contiguous and not more than `most`. */
const uint8_t *history_piece(const struct history *history, uint64_t position, size_t most, size_t *size);

#endif
