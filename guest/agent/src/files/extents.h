/* The content of a regular file in a tree stream: extents of data, and what lies between them is a hole. */
#ifndef SMOLVM_EXTENTS_H
#define SMOLVM_EXTENTS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "reader.h"
#include "writer.h"

enum { EXTENT_HEADER = 16, MAX_EXTENT = 1048576 };

enum extents_result {
  EXTENTS_DONE,
  EXTENTS_FAILED,  /* errno */
  EXTENTS_CLOSED,  /* the stream ended, or nobody reads it any more */
  EXTENTS_INVALID, /* they run backwards, overlap or are too long */
};

enum extents_result extents_read(struct writer *writer, int fd, const struct stat *status);
enum extents_result extents_write(struct reader *reader, int fd);

#endif
