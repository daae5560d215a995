/* The fields of a REQUEST that is about a file. */
#ifndef SMOLVM_FILE_REQUEST_H
#define SMOLVM_FILE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frame.h"
#include "outcome.h"

struct file_request {
  const char *path;   /* absolute */
  const char *target; /* NULL: not given */
  uint32_t flags;
  uint32_t window;
  bool has_mode;
  bool has_user;
  bool has_group; /* wherever there is a user, too */
  bool has_offset;
  bool has_time;
  mode_t mode; /* permissions */
  uid_t user;
  gid_t group;
  uint64_t offset;
  uint64_t length; /* UINT64_MAX: not given */
  uint64_t mtime_ns;
};

/* The strings lie in the frame's payload. False: BAD_REQUEST or UNKNOWN_USER. */
bool file_request_parse(struct file_request *request, const struct frame *frame, struct outcome *outcome);

#endif
