/* The directories above a path. */
#ifndef SMOLVM_PARENTS_H
#define SMOLVM_PARENTS_H

#include <stdbool.h>
#include <stddef.h>

struct parents {
  size_t first; /* length of the shortest path that was made; 0: none */
};

/* Makes those that are missing: 0755, root's. False: errno, and none is left. */
bool parents_make(struct parents *parents, const char *path);
/* Removes what was made, as far as it is empty: for a request that failed later. Keeps errno. */
void parents_undo(const struct parents *parents, const char *path);

#endif
