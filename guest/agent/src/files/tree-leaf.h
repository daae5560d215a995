/* The files and links of a tree that is written. */
#ifndef SMOLVM_TREE_LEAF_H
#define SMOLVM_TREE_LEAF_H

#include "attributes.h"
#include "extents.h"

/* Both take the place of a file or link that has the name, and leave nothing where they fail. */
enum extents_result leaf_file(int directory, const char *name, struct reader *reader,
                              const struct attributes *attributes);
bool leaf_link(int directory, const char *name, const char *target, const struct attributes *attributes);

#endif
