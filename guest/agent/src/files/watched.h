/* The directories that FILE_WATCH watches, by inotify's number of each. */
#ifndef SMOLVM_WATCHED_H
#define SMOLVM_WATCHED_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { MAX_WATCHED = 8192 };

struct watched {
  int number;
  int parent; /* number of the directory that holds it; -1: it is the root */
  char name[NAME_MAX + 1];
};

void watched_clear(void);
struct watched *watched_find(int number);
/* The directory of this name in the directory `parent`, or NULL. */
struct watched *watched_named(int parent, const char *name);
/* One that is there already stays as it is. False: the table is full. */
bool watched_add(int number, int parent, const char *name);
void watched_remove(int number);
/* One directory below `number` (or `number` itself), those deepest down first; NULL: it is not in the table. */
struct watched *watched_leaf(int number);

/* The path of `name` in the directory `number`, below the root. False: too long, or the directory is unknown. */
bool watched_path(int number, const char *name, char *path, size_t size);

#endif
