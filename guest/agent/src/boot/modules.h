/* Kernel modules of the initramfs, in the order of its list. */
#ifndef SMOLVM_MODULES_H
#define SMOLVM_MODULES_H

void modules_load(void);

#endif
