/* Connections of a Unix socket in the place of virtio-serial ports. */
#ifndef SMOLVM_FAKE_GUEST_H
#define SMOLVM_FAKE_GUEST_H

#include <sys/types.h>

/* The agent as a process of its own that listens on `path`. It ends with SIGTERM or a POWEROFF. */
pid_t fake_guest_start(const char *path);

#endif
