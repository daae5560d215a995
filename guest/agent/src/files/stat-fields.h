/* What stat(2) tells, as fields. */
#ifndef SMOLVM_STAT_FIELDS_H
#define SMOLVM_STAT_FIELDS_H

#include <sys/stat.h>
#include <time.h>

#include "fields.h"

/* Times before 1970 are two's complement on the wire. */
static inline uint64_t nanoseconds(struct timespec time) {
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
struct timespec time_of_nanoseconds(uint64_t nanoseconds);

/* For a link, its TARGET is read from `name` in `directory`. */
void stat_put(struct field_writer *fields, const struct stat *status, int directory, const char *name);
void target_put(struct field_writer *fields, int directory, const char *name);

#endif
