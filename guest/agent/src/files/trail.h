/* The path of what is being worked on, for messages and for the names in records. */
#ifndef SMOLVM_TRAIL_H
#define SMOLVM_TRAIL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "outcome.h"

/* Longest path below a root. It has to fit into a record, next to the longest target of a link. */
enum { MAX_TRAIL = 32768 };

struct trail {
  size_t root; /* length of the path that everything is below */
  size_t length;
  char text[PATH_MAX + MAX_TRAIL + 1];
};

/* A path that is too long for Linux is cut: whoever uses it hears that from the kernel. */
void trail_begin(struct trail *trail, const char *root);
/* Appends one component. False: too long; the trail is as before. */
bool trail_push(struct trail *trail, const char *name);
static inline void trail_cut(struct trail *trail, size_t length) { trail->text[trail->length = length] = '\0'; }

/* The path below the root: empty for the root itself. */
static inline const char *trail_below(const struct trail *trail) {
  return trail->text + trail->root + (trail->length > trail->root);
}
/* The whole path. */
static inline const char *trail_path(const struct trail *trail) { return trail->length != 0 ? trail->text : "/"; }

/* As much of a path's end as a message has room for. */
enum { MAX_SHOWN = MAX_MESSAGE - 128 };
const char *path_shown(const char *path);
/* Both return false. */
bool fail_path(struct outcome *outcome, int error, const char *path);
bool fail_trail(struct outcome *outcome, int error, const struct trail *trail);

#endif
