/* Whom the kernel killed for want of memory, by its log: an exit status does not tell. */
#ifndef SMOLVM_OOM_H
#define SMOLVM_OOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* From now on. Without it, and without /dev/kmsg, nobody was ever killed. */
void oom_open(void);
/* For tests: a descriptor whose reads return one record each, as those of /dev/kmsg do. */
void oom_read_from(int fd);
/* The number of kills so far. To be taken before a process is started. */
uint64_t oom_mark(void);
/* Whether want of memory explains how the process ended that was started after `mark`. */
bool oom_explains(pid_t pid, int wait_status, uint64_t mark);

#endif
