/* How a request went: what becomes the STATUS, ERRNO and MESSAGE of its RESULT. */
#ifndef SMOLVM_OUTCOME_H
#define SMOLVM_OUTCOME_H

#include <stdbool.h>

#include "bounds.h"
#include "wire.h"

struct outcome {
  enum status status;
  int error; /* errno, or 0 */
  char message[MAX_MESSAGE];
};

/* Always returns false, so that a check can end with `return fail(...)`. */
bool fail(struct outcome *outcome, enum status status, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
