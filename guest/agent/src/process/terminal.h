/* A pseudo terminal: the agent's side of it (the master), and the one that a process has as its controlling terminal. */
#ifndef SMOLVM_TERMINAL_H
#define SMOLVM_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "pipes.h"

struct terminal_size {
  uint16_t columns;
  uint16_t rows;
};

/* A new terminal that belongs to `uid`. False, with errno: there is none. */
bool terminal_open(struct pipe *pipe, struct terminal_size size, uint32_t uid);
/* The size for either side's descriptor; the process hears of it by SIGWINCH. */
void terminal_resize(int fd, struct terminal_size size);
/* Types the end-of-file character on the agent's side. False, with EAGAIN: later. */
bool terminal_type_end(int fd);

#endif
