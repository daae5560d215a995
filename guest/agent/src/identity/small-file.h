/* Files that say who the guest is: a few lines each, written at every start. */
#ifndef SMOLVM_SMALL_FILE_H
#define SMOLVM_SMALL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "outcome.h"

struct small_file {
  const char *path;
  mode_t mode; /* of a new one; one that allows more is replaced */
};

/* Makes the file say `text`, at most MAX_SMALL_FILE bytes. One that says it already is left alone. */
bool small_file_write(struct small_file file, const char *text, size_t size, struct outcome *outcome);

enum { MAX_SMALL_FILE = 1024 };

#endif
