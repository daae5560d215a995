#include "serve.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "detached.h"
#include "lifetime.h"
#include "log.h"
#include "loop.h"
#include "ports.h"
#include "poweroff.h"
#include "reap.h"
#include "sink.h"
#include "uevent.h"

enum { READY_AT_ONCE = 64, PATIENCE_MS = 2, LIFETIME_GRACE_MS = 1000 };

static int signal_fd = -1;
static sigset_t signals;

void serve_signals(void) {
  /* Besides SIGCHLD: what programs named poweroff, halt and reboot send to PID 1. */
  static const int taken[] = {SIGCHLD, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPWR};
  sigemptyset(&signals);
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) sigaddset(&signals, taken[i]);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
}

void serve_start(void) {
  signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  loop_add(signal_fd, READY_READ, (struct watch){.kind = WATCH_SIGNALS});
  if (uevent_fd() >= 0) loop_add(uevent_fd(), READY_READ, (struct watch){.kind = WATCH_UEVENTS});
  ports_start();
}

static void take_signals(void) {
  struct signalfd_siginfo information;
  while (read(signal_fd, &information, sizeof information) == (ssize_t)sizeof information) {
    if (information.ssi_signo != SIGCHLD) poweroff_begin(DEFAULT_GRACE_MS);
  }
  reap();
}

static void port_ready(struct session *port, unsigned what) {
  if (what & READY_READ) port->readable = true;
  if (what & READY_HANG_UP) port->hung_up = true;
  if ((what & READY_WRITE) && !port->writable) {
    port->writable = true;
    loop_change(port->fd, READY_READ, (struct watch){.kind = WATCH_PORT, .session = port->number});
  }
}

static void dispatch(const struct ready *ready) {
  struct watch watch = ready->watch;
  switch ((enum watch_kind)watch.kind) {
    case WATCH_SIGNALS:
      take_signals();
      break;
    case WATCH_UEVENTS:
      uevent_read();
      break;
    case WATCH_PORT:
      port_ready(&ports[watch.session], ready->what);
      break;
    case WATCH_OUTPUT:
      session_output_ready(&ports[watch.session], watch.request, watch.stream);
      break;
    case WATCH_INPUT:
      session_input_ready(&ports[watch.session], watch.request);
      break;
    case WATCH_SINK:
      sink_ready(watch.session);
      break;
    case WATCH_DETACHED:
      detached_output_ready(watch.session, watch.stream);
      break;
  }
}

/* How long nothing need happen before somebody wants a turn, in milliseconds; -1: for ever. */
static int patience(void) {
  uint64_t first = lifetime_end_us();
  for (int i = 0; i < MAX_PORTS; i++) {
    if (session_is_waiting(&ports[i])) return PATIENCE_MS;
    uint64_t deadline = session_deadline_us(&ports[i]);
    if (deadline != 0 && (first == 0 || deadline < first)) first = deadline;
  }
  if (first == 0) return -1;
  uint64_t now = monotonic_us();
  uint64_t left_ms = first <= now ? 0 : (first - now) / 1000u + 1;
  return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

/* As a POWEROFF would. */
static void end_lifetime(void) {
  lifetime_set(0);
  log_line("the lifetime of the guest is over");
  poweroff_begin(LIFETIME_GRACE_MS);
}

bool serve_turn(bool more) {
  struct ready ready[READY_AT_ONCE];
  int count = loop_wait(ready, READY_AT_ONCE, more ? 0 : patience());
  if (lifetime_end_us() != 0 && monotonic_us() >= lifetime_end_us()) end_lifetime();
  for (int i = 0; i < count; i++) dispatch(&ready[i]);
  more = sinks_turn();
  if (detached_turn()) more = true;
  for (int i = 0; i < MAX_PORTS; i++) {
    if (ports[i].output.bytes != NULL && session_turn(&ports[i])) more = true;
  }
  return more;
}

void serve(void) {
  serve_start();
  for (bool more = true;;) more = serve_turn(more);
}
