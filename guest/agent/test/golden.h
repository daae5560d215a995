/* guest/golden/frames.txt: the frames that the tests of host and guest share. */
#ifndef SMOLVM_GOLDEN_H
#define SMOLVM_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

enum { MAX_GOLDEN = 64, MAX_GOLDEN_SIZE = 2048 };

struct golden {
  char text[MAX_GOLDEN_SIZE];
  uint8_t bytes[MAX_GOLDEN_SIZE];
  size_t size;
};

size_t golden_load(struct golden *all, const char *path);
/* The frame that the text tells, as bytes. Returns their number, 0 for a text it cannot read. */
size_t golden_write(const struct golden *golden, uint8_t *bytes);
bool golden_matches(const struct golden *golden, const struct frame *frame);
/* Seeds for the fuzzer: each frame in a session of its own, and all of the host's in one. Returns an exit code. */
int golden_corpus(const struct golden *all, size_t count, const char *directory);

#endif
