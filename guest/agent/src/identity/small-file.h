/* Files that say who the guest is: a few lines each, written at every start. */
#ifndef SMOLVM_SMALL_FILE_H
#define SMOLVM_SMALL_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "outcome.h"

/* Makes the file say `text`, at most MAX_SMALL_FILE bytes. One that says it already is left alone. */
bool small_file_write(const char *path, const char *text, size_t size, struct outcome *outcome);

enum { MAX_SMALL_FILE = 1024 };

#endif
