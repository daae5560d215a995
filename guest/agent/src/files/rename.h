/* renameat2(2), for which musl has no function. */
#ifndef SMOLVM_RENAME_H
#define SMOLVM_RENAME_H

#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

/* False: errno. `exclusive`: EEXIST where the new name is taken. */
static inline bool rename_at(int from, const char *name, int to, const char *new_name, bool exclusive) {
  return syscall(SYS_renameat2, from, name, to, new_name, exclusive ? RENAME_NOREPLACE : 0) == 0;
}

#endif
