/* A temporary directory for tests that need files, and what is in it. */
#ifndef SMOLVM_WORKSPACE_H
#define SMOLVM_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

void workspace_open(void);
/* Removes it with all that is in it. False: something could not be removed. */
bool workspace_close(void);
/* The path of `name` in it. Good until eight more were asked for. */
const char *at(const char *name);

/* All abort where the machine does not let them. */
void put_bytes(const char *name, const void *bytes, size_t size, mode_t mode);
void put_text(const char *name, const char *text);
void put_directory(const char *name, mode_t mode);
void put_link(const char *name, const char *target);
/* With nanoseconds since 1970. */
void set_time(const char *name, long long nanoseconds);

/* The link itself, if it is one. st_mode of 0: it is not there. */
struct stat stat_of(const char *name);
bool is_there(const char *name);
/* Whether the file, or the target of the link, says exactly this. */
bool says(const char *name, const char *text);
/* Whether both are the same trees: types, modes, times, contents, targets and holes. Prints the first difference. */
bool same_tree(const char *one, const char *other);
/* Names in the directory that begin with a prefix. */
int count_names(const char *directory, const char *prefix);
/* Removes them. How many. */
int remove_names(const char *directory, const char *prefix);
/* Open descriptors of this process. */
int count_descriptors(void);

#endif
