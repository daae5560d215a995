/* The event loop. */
#ifndef SMOLVM_SERVE_H
#define SMOLVM_SERVE_H

#include <stdbool.h>

/* Blocks the signals that the loop takes from a descriptor, and ignores SIGPIPE. */
void serve_signals(void);
/* Watches signals, devices and ports. */
void serve_start(void);
/* Waits if nothing is left to do, then gives everyone one turn. `more` is what the turn before returned. */
bool serve_turn(bool more);
_Noreturn void serve(void);

#endif
