/* The lines of a text file, one after the other, in one buffer. */
#ifndef SMOLVM_LINES_H
#define SMOLVM_LINES_H

#include <stdbool.h>
#include <stddef.h>

enum {
  MAX_LINE = 8192,
  /* A file that never ends must not hold up the agent. */
  MAX_LINES_SIZE = 16 << 20,
};

struct lines {
  int fd;
  size_t read; /* bytes so far */
  size_t start;
  size_t filled;
  bool is_overlong; /* the line that is being read */
  char buffer[MAX_LINE];
};

/* False: there is no such regular file. */
bool lines_open(struct lines *lines, const char *path);
/* The next line without its end, valid until the next call; NULL: that was all. Lines over MAX_LINE are left out. */
char *lines_next(struct lines *lines);
void lines_close(struct lines *lines);

#endif
