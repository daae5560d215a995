/* The processes that share a terminal: a shell and its jobs, which have process groups of their own. */
#ifndef SMOLVM_TERMINAL_SESSION_H
#define SMOLVM_TERMINAL_SESSION_H

#include <sys/types.h>

/*
 * Tells all of them that their terminal is lost, as the line of a modem was: who wants to live on (nohup) ignores it. `leader`
 * may have ended: Linux gives its number to nobody as long as the session has members.
 */
void terminal_session_hang_up(pid_t leader);

#endif
