/* A path as the directory that holds it and its name there: what is done at a place stays in that directory. */
#ifndef SMOLVM_PLACE_H
#define SMOLVM_PLACE_H

#include <limits.h>
#include <stdbool.h>

struct place {
  int directory; /* O_PATH */
  /* Of something that has no name of its own, as `/` and `x/..`, it is `.` or `..`. */
  char name[NAME_MAX + 1];
};

/* Links above the last component are followed. False: errno, and nothing is open. */
bool place_open(struct place *place, const char *path);
/* While the name is a link: goes to where it leads, which need not exist. False: errno; the place stays open. */
bool place_follow(struct place *place);
void place_close(struct place *place);

#endif
