/* What a guest that is a copy of another may not share with it, besides what the host tells it. */
#ifndef SMOLVM_RENEWAL_H
#define SMOLVM_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>

#include "outcome.h"

/* Of those that are regular files, each gets as many fresh random bytes as it has. */
bool renew_seeds(const char *const *paths, size_t count, struct outcome *outcome);
/* Those that are regular files say `id` from now on. */
bool renew_copies(const char *const *paths, size_t count, const char *id, struct outcome *outcome);

#endif
