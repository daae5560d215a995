/* The variables a command starts with: the agent's base, then the VM's own, then the request's. */
#ifndef SMOLVM_ENVIRONMENT_H
#define SMOLVM_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "account.h"

/* Replacing the VM's own variables: begin, then add each. `NAME=value` is copied. */
void environment_begin(void);
void environment_add(const char *variable);
bool environment_is_variable(const char *text);

/*
 * Fills `list` with root's base and the VM's own variables, then takes more by environment_put(), a later one replacing an
 * earlier one of the same name. `list` has room for `most` entries and the NULL behind them.
 */
size_t environment_start(char **list);
size_t environment_put(char **list, size_t count, size_t most, char *variable);
/* The base becomes that of this user: in every list that environment_start() filled last, where nothing replaced it. */
void environment_become(const struct account *account);
const char *environment_get(char *const *list, const char *name);

/* Base and own variables together, at most. */
enum { MAX_OWN_VARIABLES = 8192, BASE_VARIABLES = 6 };

#endif
