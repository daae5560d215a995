/* Bytes of a hostile host: parser, sessions and requests, with everything that would touch the system replaced. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "detached.h"
#include "fake-process.h"
#include "ports.h"
#include "poweroff.h"
#include "serve.h"
#include "uevent.h"

struct session ports[MAX_PORTS];

void poweroff_begin(uint32_t grace_ms) { (void)grace_ms; }
int uevent_fd(void) { return -1; }
void uevent_read(void) {}
void ports_start(void) {}

static void discard(int fd) {
  static char bytes[1 << 16];
  while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
}

static void turns(void) {
  ports[0].readable = ports[0].writable = true;
  /* Never `false`: a fuzzer does not wait. */
  for (int turn = 0; turn < 16 && serve_turn(true); turn++) continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool opened;
  struct session *session = &ports[0];
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) abort();
  if (!opened) {
    loop_open();
    signal(SIGPIPE, SIG_IGN);
    serve_start();
  }
  opened = true;
  memset(session, 0, sizeof *session);
  session_open(session, 0, ends[0]);
  /* The size of the input decides where reads end. */
  size_t piece = size % 7 == 0 ? size : 1 + size % 977;
  while (size != 0) {
    ssize_t sent = send(ends[1], data, piece < size ? piece : size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) abort();
    if (sent > 0) {
      data += sent;
      size -= (size_t)sent;
    }
    turns();
    fake_process_exits();
    discard(ends[1]);
  }
  close(ends[1]);
  for (int i = 0; i < 4; i++) turns();
  /* All that the session held is gone with its host. */
  if (!set_is_empty(&session->open) || session->greeted) abort();
  fake_process_forget();
  detached_forget();
  close(ends[0]);
  return 0;
}
