/* Time that no one sets. */
#ifndef SMOLVM_CLOCK_H
#define SMOLVM_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

#endif
