/* How a process ended, as a RESULT or a record tells it. */
#ifndef SMOLVM_EXIT_H
#define SMOLVM_EXIT_H

#include <stdbool.h>
#include <stdint.h>

#include "fields.h"

struct process_exit {
  int wait_status;
  uint64_t duration_us;
};

void exit_put(struct field_writer *fields, const struct process_exit *exit);

#endif
