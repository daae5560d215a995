/* PID 1 inherits every orphan: all that ends is reaped, whoever started it. */
#ifndef SMOLVM_REAP_H
#define SMOLVM_REAP_H

#include <stdbool.h>

/* False: there are no processes left. */
bool reap(void);

#endif
