/* The kernel's announcements of devices: a netlink socket, so that nothing has to be polled for. */
#ifndef SMOLVM_UEVENT_H
#define SMOLVM_UEVENT_H

#include <stdbool.h>

bool uevent_open(void);
int uevent_fd(void);
/* Takes in all announcements that wait, and tells ports.c about its devices. */
void uevent_read(void);
/* The same, after waiting for one. False: none came in time. */
bool uevent_wait(int timeout_ms);

#endif
