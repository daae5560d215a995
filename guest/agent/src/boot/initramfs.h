/* The archive that the agent came in: its memory is the guest's once the root stands. */
#ifndef SMOLVM_INITRAMFS_H
#define SMOLVM_INITRAMFS_H

/* Removes every file of the first file system, and of no other. */
void initramfs_free(void);

#endif
