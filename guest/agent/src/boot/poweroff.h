/* The end of the guest: processes, then file systems, then the machine. */
#ifndef SMOLVM_POWEROFF_H
#define SMOLVM_POWEROFF_H

#include <stdint.h>

enum { DEFAULT_GRACE_MS = 3000 };

/* Does not return in a guest. */
void poweroff_begin(uint32_t grace_ms);
/* At once, with no file system to care for. */
void poweroff_now(void);

#endif
