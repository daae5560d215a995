#include "fake-guest.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ports.h"
#include "poweroff.h"
#include "serve.h"
#include "spawn.h"
#include "uevent.h"

struct session ports[MAX_PORTS];

static int listener = -1;

int uevent_fd(void) { return listener; }

static bool is_free(struct session *port) {
  struct pollfd peer = {.fd = port->fd};
  if (port->output.bytes == NULL) return true;
  /* A port outlives its clients, a connection does not. */
  if (poll(&peer, 1, 0) != 1) return false;
  session_end(port);
  close(port->fd);
  memset(port, 0, sizeof *port);
  return true;
}

void uevent_read(void) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
    int number = 0;
    while (number < MAX_PORTS && !is_free(&ports[number])) number++;
    if (number == MAX_PORTS) {
      close(fd);
      continue;
    }
    session_open(&ports[number], (uint8_t)number, fd);
    loop_add(fd, READY_READ, (struct watch){.kind = WATCH_PORT, .session = (uint8_t)number});
  }
}

void ports_start(void) {}

void poweroff_begin(uint32_t grace_ms) {
  for (int i = 0; i < MAX_PORTS; i++) session_end(&ports[i]);
  exit(grace_ms == DEFAULT_GRACE_MS ? 0 : 40);
}

pid_t fake_guest_start(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  unlink(path);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0) abort();
  pid_t pid = fork();
  if (pid != 0) {
    close(listener);
    return pid;
  }
  /* It must not outlive the tests, however they end. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  serve_signals();
  loop_open();
  spawn_open();
  serve();
}
