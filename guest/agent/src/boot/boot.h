/* From the initramfs to the root filesystem. */
#ifndef SMOLVM_BOOT_H
#define SMOLVM_BOOT_H

#include <stdbool.h>

/* The kernel's file systems, its modules, and the ports. */
void boot_prepare(void);
/* Waits for the root device, mounts it and makes it the root. False: it says on the console why not. */
bool boot_switch_root(void);
const char *boot_root_device(void);

#endif
