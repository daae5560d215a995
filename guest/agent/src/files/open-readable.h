/* Opening what is read as a whole, and nothing else: a device, a pipe or a terminal has effects when it is opened. */
#ifndef SMOLVM_OPEN_READABLE_H
#define SMOLVM_OPEN_READABLE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "outcome.h"

/* A regular file, or also a directory; links are followed. The descriptor, or -1 and the outcome. */
int open_readable(const char *path, bool directory_too, struct stat *status, struct outcome *outcome);

#endif
