#include "tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

int tcp_connect(const struct tcp_address *address) {
  int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  /* What the host sends comes in whole messages already: holding them back would only delay them. */
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  socklen_t size = address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
  if (connect(fd, &address->any, size) == 0 || errno == EINPROGRESS) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

enum tcp_progress tcp_progress(int fd) {
  struct pollfd waiting = {.fd = fd, .events = POLLOUT};
  int error = 0;
  socklen_t size = sizeof error;
  if (poll(&waiting, 1, 0) != 1) return TCP_CONNECTING;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return TCP_FAILED;
  errno = error;
  return error == 0 ? TCP_CONNECTED : TCP_FAILED;
}

void tcp_reset_on_close(int fd) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}
