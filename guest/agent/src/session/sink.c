#include "sink.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "bounds.h"
#include "loop.h"
#include "set.h"

struct sink {
  int fd; /* 0: free */
  bool readable;
};

static struct sink sinks[MAX_SINKS];
static unsigned oldest;
static struct set ready_set;

_Static_assert(MAX_SINKS <= MAX_REQUESTS, "a set has room for them");

static unsigned free_place(void) {
  for (unsigned i = 0; i < MAX_SINKS; i++) {
    if (sinks[i].fd == 0) return i;
  }
  unsigned place = oldest;
  oldest = (oldest + 1) % MAX_SINKS;
  close(sinks[place].fd);
  return place;
}

/* True: more may be there. */
static bool drop_chunk(struct sink *sink) {
  static uint8_t dropped[CHUNK];
  ssize_t size = read(sink->fd, dropped, sizeof dropped);
  if (size > 0 || (size < 0 && errno == EINTR)) return true;
  if (size < 0 && errno == EAGAIN) return false;
  close(sink->fd);
  sink->fd = 0;
  return false;
}

void sink_adopt(int fd) {
  struct sink sink = {.fd = fd};
  /* The pipe of a request without background processes is at its end and needs no place. */
  bool more = drop_chunk(&sink);
  if (sink.fd == 0) return;
  unsigned place = free_place();
  sinks[place] = sink;
  if (loop_change(fd, READY_READ, (struct watch){.kind = WATCH_SINK, .session = (uint8_t)place}) < 0) {
    close(fd);
    sinks[place].fd = 0;
    return;
  }
  if (more) sink_ready(place);
}

void sink_ready(unsigned number) { set_add(&ready_set, number); }

bool sinks_turn(void) {
  for (unsigned i = set_next(&ready_set, 0); i < MAX_SINKS; i = set_next(&ready_set, i + 1)) {
    if (sinks[i].fd == 0 || !drop_chunk(&sinks[i])) set_remove(&ready_set, i);
  }
  return !set_is_empty(&ready_set);
}
