/* FILE_REMOVE. */
#ifndef SMOLVM_REMOVE_H
#define SMOLVM_REMOVE_H

#include <stdbool.h>

#include "outcome.h"

/* A file, a link or an empty directory. Does not block. False: errno. */
bool remove_path(const char *path);
/* A directory with all that is below it; links are removed, not followed. For workers only. */
bool remove_tree(const char *path, struct outcome *outcome);

#endif
