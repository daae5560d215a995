/* TCP without a network: the fuzzer must not speak to whoever listens on the machine that runs it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listening.h"
#include "tcp.h"

enum { PEER = 1002 };

/* The port decides: refused at once, or a peer that stays silent, that speaks and ends, or that is gone. */
int tcp_connect(const struct tcp_address *address) {
  int ends[2];
  uint16_t port = tcp_address_port(address);
  if (port % 8 == 7) {
    errno = ENETUNREACH;
    return -1;
  }
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) abort();
  if (port % 8 < 4 && send(ends[1], "hello", 5, MSG_NOSIGNAL) == 5 && port % 8 < 2) shutdown(ends[1], SHUT_WR);
  /* One peer at a time stays, so that what is written to the others fails. */
  if (port % 2 == 0 && dup2(ends[1], PEER) < 0) abort();
  close(ends[1]);
  return ends[0];
}

/* Half of them take a while. */
enum tcp_progress tcp_progress(int fd) {
  static unsigned calls;
  errno = ECONNREFUSED;
  if (++calls % 2 == 0) return TCP_CONNECTING;
  return calls % 5 == 0 || fcntl(fd, F_GETFD) < 0 ? TCP_FAILED : TCP_CONNECTED;
}

void tcp_reset_on_close(int fd) {
  if (fcntl(fd, F_GETFD) < 0) abort();
}

bool is_listening(uint16_t port) { return port % 2 == 0; }
