/* The records of a tree stream, as the host sends them. */
#ifndef SMOLVM_TREE_RECORD_H
#define SMOLVM_TREE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

enum tree_record {
  TREE_RECORD_ENTRY,
  TREE_RECORD_LEAVE,
  TREE_RECORD_END,
  TREE_RECORD_CUT,     /* the stream ended before */
  TREE_RECORD_INVALID, /* for the reason in `objection` */
};

struct tree_entry {
  const char *name; /* NULL: the root; else one component. Both strings are good until the reader is used again */
  const char *target;
  uint32_t mode;
  bool has_time;
  uint64_t mtime_ns;
  const char *objection;
};

enum tree_record tree_record_read(struct reader *reader, struct tree_entry *entry);

#endif
