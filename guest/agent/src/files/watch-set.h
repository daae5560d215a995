/* The inotify watches that one FILE_WATCH needs. */
#ifndef SMOLVM_WATCH_SET_H
#define SMOLVM_WATCH_SET_H

#include <limits.h>
#include <stdbool.h>

#include "outcome.h"

struct watch_set {
  const char *path;
  bool follow;
  bool recursive;
  bool is_lossy; /* a directory is not watched: there are too many, or it cannot be opened */
  int inotify;
  /*
   * The directory that holds PATH, and PATH's name in it. It tells when PATH is gone or replaced, and of a file all else,
   * too: PATH itself would tell of its end only once nobody has it open. -1: nothing holds PATH, it is the guest's root.
   */
  int parent;
  char name[NAME_MAX + 1];
  int root; /* PATH, if it is a directory; else -1 */
  /* Called for each path below PATH that is found in a directory which came later. False: stop. */
  bool (*found)(const char *below);
};

/* Watches PATH, and where `recursive` all directories below. */
bool watch_set_open(struct watch_set *set, struct outcome *outcome);
void watch_set_close(struct watch_set *set);
/* A directory appeared at `below`, in the directory of number `parent`. False: `found` said so. */
bool watch_set_add(struct watch_set *set, int parent, const char *below);
/* A directory went from there, to wherever: what is below it is not below PATH any more. */
void watch_set_remove(struct watch_set *set, int parent, const char *name);

#endif
