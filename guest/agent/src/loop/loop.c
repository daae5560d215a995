#include "loop.h"

#include <string.h>
#include <sys/epoll.h>

enum { MOST_EVENTS = 64 };

static int epoll_fd = -1;

void loop_open(void) { epoll_fd = epoll_create1(EPOLL_CLOEXEC); }

static int control(int operation, int fd, unsigned what, struct watch watch) {
  struct epoll_event event = {.events = EPOLLET};
  if (what & READY_READ) event.events |= EPOLLIN;
  if (what & READY_WRITE) event.events |= EPOLLOUT;
  memcpy(&event.data, &watch, sizeof watch);
  return epoll_ctl(epoll_fd, operation, fd, &event);
}

int loop_add(int fd, unsigned what, struct watch watch) { return control(EPOLL_CTL_ADD, fd, what, watch); }
int loop_change(int fd, unsigned what, struct watch watch) { return control(EPOLL_CTL_MOD, fd, what, watch); }

int loop_wait(struct ready *ready, int most, int timeout_ms) {
  struct epoll_event events[MOST_EVENTS];
  int count = epoll_wait(epoll_fd, events, most < MOST_EVENTS ? most : MOST_EVENTS, timeout_ms);
  for (int i = 0; i < count; i++) {
    uint32_t got = events[i].events;
    memcpy(&ready[i].watch, &events[i].data, sizeof ready[i].watch);
    ready[i].what = 0;
    if (got & (EPOLLIN | EPOLLHUP | EPOLLERR)) ready[i].what |= READY_READ;
    if (got & (EPOLLOUT | EPOLLERR)) ready[i].what |= READY_WRITE;
    if (got & (EPOLLHUP | EPOLLERR)) ready[i].what |= READY_HANG_UP;
  }
  return count < 0 ? 0 : count;
}
