/* Processes that outlive their sessions: what they are, what they wrote last, how they ended. */
#ifndef SMOLVM_DETACHED_H
#define SMOLVM_DETACHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bounds.h"
#include "command.h"
#include "history.h"
#include "life.h"
#include "outcome.h"

struct request;

struct detached {
  uint32_t number; /* 0: a free place */
  pid_t pid;
  bool runs;    /* else it was reaped, and `pid` may be somebody else's */
  bool is_told; /* a RESULT told how it ended */
  uint64_t start_ns;
  struct life life;
  struct history streams[2];
  struct request *readers; /* linked by request->attach.next */
  char name[MAX_NAME + 1]; /* empty: none */
  char arguments[MAX_LISTED_ARGUMENTS]; /* each with its NUL */
  size_t arguments_size;
};

/* Starts the command. NULL: NAME_IN_USE, BUSY, or why it could not be started. */
struct detached *detached_start(const struct command *command, struct outcome *outcome);
/* NULL: there is none of this number. */
struct detached *detached_find(uint32_t number);
/* The one with the lowest number above this one, or NULL. */
struct detached *detached_next(uint32_t number);
void detached_signal(struct detached *process, int signal);
/* It has ended, and all that it wrote was read. */
bool detached_is_over(const struct detached *process);

/* A process exited. True: it was one of these. */
bool detached_reaped(pid_t pid, int wait_status);
void detached_output_ready(unsigned place, unsigned stream);
/* Reads one chunk of each stream. True: there is more. */
bool detached_turn(void);

/* For tests: as if none had ever been started. None of them has a reader. */
void detached_forget(void);

#endif
