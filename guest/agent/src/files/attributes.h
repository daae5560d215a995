/* Mode, owner and time of something that was just made. */
#ifndef SMOLVM_ATTRIBUTES_H
#define SMOLVM_ATTRIBUTES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct attributes {
  mode_t mode; /* permissions */
  uid_t user;
  gid_t group;
  bool has_time;
  uint64_t mtime_ns;
};

/* False: errno. */
bool attributes_set(int fd, const struct attributes *attributes);
/* The same for a link, which has no mode of its own. */
bool attributes_set_link(int directory, const char *name, const struct attributes *attributes);

#endif
