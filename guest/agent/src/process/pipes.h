/* Pipes between the agent and its children. */
#ifndef SMOLVM_PIPES_H
#define SMOLVM_PIPES_H

#include <stdbool.h>

struct pipe {
  int agent; /* nonblocking; -1: none */
  int child; /* blocking: programs do not expect EAGAIN from their own streams */
};

/* False, with errno: it could not be opened; whatever was opened is closed. */
bool pipe_to_child(struct pipe *pipe);
bool pipe_from_child(struct pipe *pipe);
void pipe_close(struct pipe *pipe);

#endif
