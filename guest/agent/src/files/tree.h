/* TREE_READ and TREE_WRITE: a file, a link or a whole directory as one stream of bytes. Both block; for workers only. */
#ifndef SMOLVM_TREE_H
#define SMOLVM_TREE_H

#include <stdbool.h>
#include <sys/types.h>

#include "outcome.h"

bool tree_read(const char *path, int output, struct outcome *outcome);
/* What is made belongs to `user` and `group`. */
bool tree_write(const char *path, uid_t user, gid_t group, int input, struct outcome *outcome);

#endif
