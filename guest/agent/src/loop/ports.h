/* The virtio-serial ports named smolvm.0 to smolvm.8. Each carries one session. */
#ifndef SMOLVM_PORTS_H
#define SMOLVM_PORTS_H

#include "session.h"

extern struct session ports[MAX_PORTS];

/* Opens every port that is there. */
void ports_scan(void);
/* A port device (vportNpM) came or changed. Its name comes later than the device, and is announced anew. */
void ports_appeared(const char *device);
/* Requests are served from now on. */
void ports_start(void);

#endif
