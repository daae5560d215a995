/* A file that takes its place when it is whole: nobody reads half of it, and a symbolic link there is replaced. */
#ifndef SMOLVM_NEW_FILE_H
#define SMOLVM_NEW_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "outcome.h"

struct new_file {
  const char *path;
  char temporary[128];
  int fd;
  int error; /* of the first step that failed; what follows it does nothing */
  size_t used;
  char buffer[4096];
};

/* `path` must stay as it is until the end. */
void new_file_begin(struct new_file *file, const char *path, mode_t mode);
void new_file_put(struct new_file *file, const char *text, size_t size);
/* Puts the file in its place, or removes it and says why. */
bool new_file_finish(struct new_file *file, struct outcome *outcome);

#endif
