/* The time after which the guest powers itself off, so that one whose host forgot it does not run for ever. */
#ifndef SMOLVM_LIFETIME_H
#define SMOLVM_LIFETIME_H

#include <stdint.h>

/* From now on; 0: for ever. Time in which the machine stood still does not count. */
void lifetime_set(uint64_t milliseconds);
/* The monotonic time of the end; 0: none. */
uint64_t lifetime_end_us(void);

#endif
