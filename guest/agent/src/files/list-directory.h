/* FILE_LIST: a record for each entry of a directory. For workers only. */
#ifndef SMOLVM_LIST_DIRECTORY_H
#define SMOLVM_LIST_DIRECTORY_H

#include <stdbool.h>

#include "outcome.h"

bool list_directory(const char *path, bool follow, bool recursive, int output, struct outcome *outcome);

#endif
