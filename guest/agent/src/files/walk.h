/*
 * Everything below a directory, depth first. Each directory is entered from its parent's descriptor and never through a
 * link, so nobody in the guest can lead the walk elsewhere by exchanging a directory for one. For workers only.
 */
#ifndef SMOLVM_WALK_H
#define SMOLVM_WALK_H

#include <dirent.h>
#include <stdbool.h>

#include "trail.h"

/* How deep directories may be nested. */
enum { MAX_DEPTH = 512 };

struct walk {
  struct walk_level *levels;
  unsigned depth;
  /* What the visitor is called for. */
  int directory;
  const char *name;
  unsigned char type; /* DT_DIR and so on; DT_UNKNOWN where the filesystem does not tell */
  struct trail trail; /* leads to `name` */
};

/* Either returns false to end the walk, with the outcome filled in. */
struct visitor {
  bool (*entry)(struct walk *walk, const void *context, struct outcome *outcome);
  /* All below the directory `name` was visited. NULL: of no interest. */
  bool (*leave)(struct walk *walk, const void *context, struct outcome *outcome);
  const void *context;
};

/* Visits all below the directory, except it itself. The descriptor is closed, whatever happens. */
bool walk_tree(int directory, const char *path, const struct visitor *visitor, struct outcome *outcome);
/* For `entry`: goes into what it was called for. The descriptor, which stays the walk's; or -1 and errno. */
int walk_enter(struct walk *walk);
/* False: it is none, as far as the filesystem told. */
static inline bool walk_may_enter(const struct walk *walk) { return walk->type == DT_DIR || walk->type == DT_UNKNOWN; }

/*
 * Whether an error says that a name does not mean any more what it meant when it was read: it was removed, or replaced by
 * something else. In a directory that others work in that is no failure.
 */
bool walk_is_stale(int error);

#endif
