/* FILE_WATCH: a record for each change. Blocks until PATH is gone; for workers only. */
#ifndef SMOLVM_WATCH_H
#define SMOLVM_WATCH_H

#include <stdbool.h>

#include "outcome.h"

bool watch_path(const char *path, bool follow, bool recursive, int output, struct outcome *outcome);

#endif
