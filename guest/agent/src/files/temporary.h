/* Names for what is not complete yet, beside what it will replace. */
#ifndef SMOLVM_TEMPORARY_H
#define SMOLVM_TEMPORARY_H

#include <stdbool.h>

#define TEMPORARY_PREFIX ".smolvm-"

enum { TEMPORARY_NAME = sizeof TEMPORARY_PREFIX + 16 };

/* How often a name is tried that somebody else has: he would have to guess 64 random bits. */
enum { TEMPORARY_TRIES = 4 };

void temporary_name(char name[TEMPORARY_NAME]);
/* Whether the name is one of these. */
bool temporary_is(const char *name);
/* A new, empty file of mode 0600 in the directory, open for writing; -1 and errno. */
int temporary_file(int directory, char name[TEMPORARY_NAME]);
bool temporary_link(int directory, char name[TEMPORARY_NAME], const char *target);

#endif
