/* An EXEC request as a command: argv, environment and working directory. */
#ifndef SMOLVM_COMMAND_H
#define SMOLVM_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "frame.h"
#include "outcome.h"
#include "terminal.h"

struct command {
  char **arguments; /* arguments[-1] is free, for the shell that runs a script without an interpreter line */
  char **environment;
  const char *path;      /* the PATH that is searched */
  const char *directory; /* NULL: the user's home where it can be entered, else / */
  const char *home;
  const struct account *account; /* NULL: root, as the agent itself */
  bool has_input;
  bool has_terminal;
  bool is_detached;
  const char *name; /* of a detached process; empty: none */
  struct terminal_size size; /* of the terminal */
  uint32_t window;
};

/* The strings lie in the frame's payload, the lists in static storage: good until the next frame is handled. */
bool command_parse(struct command *command, const struct frame *frame, struct outcome *outcome);

#endif
