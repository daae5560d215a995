/* What the requests that have a file open hold besides their streams. */
#ifndef SMOLVM_OPEN_FILE_H
#define SMOLVM_OPEN_FILE_H

#include "replacement.h"
#include "session.h"
#include "trail.h"

struct open_file {
  char path[MAX_SHOWN + 1]; /* for messages */
  int error;                /* errno that kept a replacement from its place */
  struct replacement replacement;
};

struct open_file *open_file(const struct session *session, const struct request *request);
/* The path is copied. */
void open_file_begin(const struct session *session, const struct request *request, const char *path);

#endif
