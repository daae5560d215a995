#include "temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"

#ifndef GRND_INSECURE
#define GRND_INSECURE 4
#endif

void temporary_name(char name[TEMPORARY_NAME]) {
  static uint64_t count;
  uint64_t number = 0;
  /* GRND_INSECURE, of Linux 5.6, never waits for entropy. Before that, the clock: O_EXCL keeps it safe all the same. */
  if (getrandom(&number, sizeof number, GRND_INSECURE) != (ssize_t)sizeof number) {
    number = monotonic_us() << 16 ^ (uint64_t)getpid() << 8 ^ ++count;
  }
  snprintf(name, TEMPORARY_NAME, TEMPORARY_PREFIX "%016" PRIx64, number);
}

bool temporary_is(const char *name) {
  size_t prefix = sizeof TEMPORARY_PREFIX - 1;
  return strlen(name) == TEMPORARY_NAME - 1 && memcmp(name, TEMPORARY_PREFIX, prefix) == 0 &&
         strspn(name + prefix, "0123456789abcdef") == TEMPORARY_NAME - 1 - prefix;
}

int temporary_file(int directory, char name[TEMPORARY_NAME]) {
  int fd = -1;
  errno = EEXIST;
  for (int tries = 0; fd < 0 && errno == EEXIST && tries < TEMPORARY_TRIES; tries++) {
    temporary_name(name);
    fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  }
  return fd;
}

bool temporary_link(int directory, char name[TEMPORARY_NAME], const char *target) {
  int result = -1;
  errno = EEXIST;
  for (int tries = 0; result < 0 && errno == EEXIST && tries < TEMPORARY_TRIES; tries++) {
    temporary_name(name);
    result = symlinkat(target, directory, name);
  }
  return result == 0;
}
