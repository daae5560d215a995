/* The child's half of a start: from the clone to the new program. */
#ifndef SMOLVM_CHILD_H
#define SMOLVM_CHILD_H

#include <stdbool.h>

#include "command.h"

/* Shared with the parent, which stands still until the child has executed the program or given up. */
struct child {
  const struct command *command;
  int streams[3]; /* all above 2 */
  volatile int user_error;
  volatile int directory_error;
  volatile int execute_error;
  volatile bool interpreter_missing; /* the file is there, the program in its first line or its loader is not */
};

/* For clone(): never returns to the caller but as the new program or by _exit(). */
int child_main(void *child);

#endif
