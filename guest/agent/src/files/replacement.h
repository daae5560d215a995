/*
 * A new file that takes the place of an old one, or of none: written beside it under a name of its own, then renamed. Who
 * reads the path meanwhile sees the old content or the new, never a part.
 */
#ifndef SMOLVM_REPLACEMENT_H
#define SMOLVM_REPLACEMENT_H

#include <limits.h>

#include "attributes.h"
#include "file-request.h"
#include "temporary.h"

struct replacement {
  int directory; /* O_PATH; -1: there is nothing to finish or to abandon */
  bool is_exclusive;
  struct attributes attributes;
  char name[NAME_MAX + 1];
  char temporary[TEMPORARY_NAME];
};

/* The new file, open for writing; or -1 and the outcome. */
int replacement_open(struct replacement *replacement, const struct file_request *file, struct outcome *outcome);
/* `fd` is the new file, written to its end. False: errno; it is still to be abandoned. */
bool replacement_finish(struct replacement *replacement, int fd);
/* Removes the new file, unless it is finished. */
void replacement_abandon(struct replacement *replacement);

#endif
