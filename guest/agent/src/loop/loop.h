/* The one epoll set. Everything is edge-triggered: whoever is told remembers it until a call says EAGAIN. */
#ifndef SMOLVM_LOOP_H
#define SMOLVM_LOOP_H

#include <stdint.h>

enum watch_kind { WATCH_SIGNALS, WATCH_UEVENTS, WATCH_PORT, WATCH_OUTPUT, WATCH_INPUT, WATCH_SINK, WATCH_DETACHED };

struct watch {
  uint8_t kind;
  uint8_t session; /* or the place of a sink, or of a detached process */
  uint8_t request;
  uint8_t stream;
};

enum { READY_READ = 1, READY_WRITE = 2, READY_HANG_UP = 4 };

struct ready {
  struct watch watch;
  unsigned what;
};

void loop_open(void);
/* Returns 0 or -1. A closed descriptor leaves the set by itself. */
int loop_add(int fd, unsigned what, struct watch watch);
/* Asks anew; tells at once about what is ready already. */
int loop_change(int fd, unsigned what, struct watch watch);
/* Fills `ready`, waits if timeout_ms allows (-1: for ever). Returns how many. */
int loop_wait(struct ready *ready, int most, int timeout_ms);

#endif
