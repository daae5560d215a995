/*
 * Pipes of ended requests that processes in the background still hold. They are read and dropped, so that those
 * processes neither block on a full pipe nor die of a closed one.
 */
#ifndef SMOLVM_SINK_H
#define SMOLVM_SINK_H

#include <stdbool.h>

/* Takes over the descriptor. Beyond MAX_SINKS the oldest is closed. */
void sink_adopt(int fd);
void sink_ready(unsigned number);
/* Drops one chunk of each. True: there is more. */
bool sinks_turn(void);

#endif
