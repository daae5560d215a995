/* The VM's own variables for login shells, which start with an environment of their own. */
#ifndef SMOLVM_LOGIN_SHELLS_H
#define SMOLVM_LOGIN_SHELLS_H

#include <stdbool.h>
#include <stddef.h>

#include "outcome.h"

struct login_shells {
  const char *directory; /* of `environment`; made if it is missing */
  const char *environment;
  const char *profiles; /* a directory whose files login shells read; where it is missing they read none */
  const char *profile;
};

/* Writes the file of variables, and the one that makes login shells read it unless it is there already. */
bool login_shells_write(const struct login_shells *paths, char *const *variables, size_t count,
                        struct outcome *outcome);

#endif
