/* Time. */
#ifndef SMOLVM_CLOCK_H
#define SMOLVM_CLOCK_H

#include <stdint.h>
#include <time.h>

/* That no one sets. */
static inline uint64_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Since 1970. */
static inline uint64_t realtime_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
