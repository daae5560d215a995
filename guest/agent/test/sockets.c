/* CONNECT and WAIT_PORT, in sessions, with real sockets of this machine's loopback interface. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "clock.h"
#include "listening.h"
#include "one-session.h"
#include "tap.h"
#include "tcp.h"
#include "workspace.h"

static char bytes[1 << 16];

/* A socket that listens on a free port of the address, or -1. */
static int listen_on(const char *address, uint16_t *port) {
  struct tcp_address name;
  socklen_t size = sizeof name;
  if (!tcp_address_parse(&name, address, *port)) abort();
  int fd = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (name.any.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
  if (fd < 0 || bind(fd, &name.any, size) < 0 || listen(fd, 8) < 0) {
    if (fd >= 0) close(fd);
    return -1;
  }
  getsockname(fd, &name.any, &size);
  *port = tcp_address_port(&name);
  return fd;
}

/* The server's end of the connection that the last CONNECT made. */
static int accept_one(int listener) {
  for (int i = 0; i < 100 && !told.started && !run.ended; i++) turn(5);
  return told.started ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
}

static int connect_to(int listener, uint16_t port, uint32_t window) {
  put_field_u32(TAG_PORT, port);
  if (window != 0) put_field_u32(TAG_WINDOW, window);
  request_send(METHOD_CONNECT);
  return accept_one(listener);
}

static bool failed(int error) {
  if (run.ended && run.status == STATUS_SYSTEM && run.error == (uint32_t)error) return true;
  printf("# status %u, error %u: %s\n", run.status, run.error, run.message);
  return false;
}

static void test_streams(void) {
  uint16_t port = 0;
  int listener = listen_on("127.0.0.1", &port);
  fact("a connection carries bytes both ways, and its ENDs, each direction for itself");
  int server = connect_to(listener, port, 0);
  EXPECT(server >= 0);
  data_send("question", 8);
  end_send();
  turn(10);
  EXPECT(read(server, bytes, sizeof bytes) == 8 && memcmp(bytes, "question", 8) == 0);
  EXPECT(read(server, bytes, sizeof bytes) == 0 && !run.ended);
  EXPECT(write(server, "answer", 6) == 6);
  turn(20);
  EXPECT(strcmp(run.bytes[0], "answer") == 0 && run.ends == 0);
  close(server);
  finish();
  EXPECT(run.status == STATUS_OK && run.ends == 1);
  fact("a server that ends first is heard of, and can still be sent to");
  server = connect_to(listener, port, 0);
  EXPECT(shutdown(server, SHUT_WR) == 0);
  turn(20);
  EXPECT(run.ends == 1 && !run.ended);
  data_send("late", 4);
  turn(5);
  EXPECT(read(server, bytes, sizeof bytes) == 4);
  end_send();
  finish();
  EXPECT(run.status == STATUS_OK && read(server, bytes, sizeof bytes) == 0);
  close(server);
  fact("input that comes before the connection stands is not lost");
  put_field_u32(TAG_PORT, port);
  request_send(METHOD_CONNECT);
  data_send("early", 5);
  end_send();
  server = accept_one(listener);
  turn(5);
  EXPECT(read(server, bytes, sizeof bytes) == 5 && read(server, bytes, sizeof bytes) == 0);
  close(server);
  finish();
  EXPECT(run.status == STATUS_OK);
  fact("output stops at the window, and input where the server does not read");
  server = connect_to(listener, port, 10000);
  EXPECT(send(server, bytes, sizeof bytes, 0) == sizeof bytes);
  for (int i = 0; i < 10; i++) turn(2);
  EXPECT(run.size[0] == 10000);
  credit_send(20000);
  for (int i = 0; i < 10; i++) turn(2);
  EXPECT(run.size[0] == 30000);
  size_t sent = 0;
  while (FIRST_INPUT_WINDOW + run.granted > sent && sent < 64 << 20) {
    size_t size = FIRST_INPUT_WINDOW + run.granted - sent;
    if (size > sizeof bytes) size = sizeof bytes;
    data_send(bytes, size);
    sent += size;
    for (int i = 0; i < 4; i++) turn(1);
  }
  EXPECT(sent < 64 << 20 && !run.ended);
  fact("CANCEL resets the connection");
  cancel_send();
  finish();
  EXPECT(run.status == STATUS_CANCELLED);
  while (recv(server, bytes, sizeof bytes, 0) > 0) continue;
  EXPECT(errno == ECONNRESET);
  close(server);
  fact("so does the end of the session: a server must not take half an upload for a whole one");
  server = connect_to(listener, port, 0);
  EXPECT(session_finish());
  session_begin();
  errno = 0;
  EXPECT(read(server, bytes, sizeof bytes) < 0 && errno == ECONNRESET);
  close(server);
  close(listener);
}

static void test_failures(void) {
  uint16_t port = 0, port6;
  fact("where nobody listens is SYSTEM with ECONNREFUSED, without STARTED");
  int listener = listen_on("127.0.0.1", &port);
  close(listener);
  put_field_u32(TAG_PORT, port);
  request_send(METHOD_CONNECT);
  finish();
  EXPECT(failed(ECONNREFUSED) && !told.started && strstr(run.message, "127.0.0.1 port ") == run.message);
  EXPECT(strstr(run.message, ": Connection refused") != NULL);
  fact("what listens on ::1 alone is reached without an ADDRESS, and not with that of IPv4");
  port6 = port;
  listener = listen_on("::1", &port6);
  if (listener >= 0) {
    int server = connect_to(listener, port6, 0);
    EXPECT(server >= 0);
    close(server);
    end_send();
    finish();
    EXPECT(run.status == STATUS_OK);
    put_field_text(TAG_ADDRESS, "127.0.0.1");
    put_field_u32(TAG_PORT, port6);
    request_send(METHOD_CONNECT);
    finish();
    EXPECT(failed(ECONNREFUSED));
    close(listener);
  }
  fact("a connection that breaks is SYSTEM with ECONNRESET, also under a writer");
  port = 0;
  listener = listen_on("127.0.0.1", &port);
  int server = connect_to(listener, port, 0);
  tcp_reset_on_close(server);
  close(server);
  finish();
  EXPECT(failed(ECONNRESET));
  server = connect_to(listener, port, 0);
  shutdown(server, SHUT_WR);
  turn(10);
  tcp_reset_on_close(server);
  close(server);
  for (int i = 0; i < 20 && !run.ended; i++) {
    data_send("x", 1);
    turn(2);
  }
  EXPECT(run.ended && run.status == STATUS_SYSTEM && (run.error == EPIPE || run.error == ECONNRESET));
  close(listener);
  fact("an address that no interface leads to is SYSTEM; a name, no PORT and a PORT out of range are BAD_REQUEST");
  put_field_text(TAG_ADDRESS, "255.255.255.255");
  put_field_u32(TAG_PORT, 1);
  request_send(METHOD_CONNECT);
  finish();
  EXPECT(run.ended && run.status == STATUS_SYSTEM && run.error != 0);
  put_field_text(TAG_ADDRESS, "localhost");
  put_field_u32(TAG_PORT, 1);
  request_send(METHOD_CONNECT);
  EXPECT(finished_in_one_turn() && run.status == STATUS_BAD_REQUEST);
  request_send(METHOD_CONNECT);
  EXPECT(finished_in_one_turn() && run.status == STATUS_BAD_REQUEST);
  put_field_u32(TAG_PORT, 65536);
  request_send(METHOD_CONNECT);
  EXPECT(finished_in_one_turn() && run.status == STATUS_BAD_REQUEST);
}

static void test_wait(void) {
  uint16_t port = 0;
  fact("WAIT_PORT is answered at once where somebody listens");
  int listener = listen_on("127.0.0.1", &port);
  put_field_u32(TAG_PORT, port);
  request_send(METHOD_WAIT_PORT);
  EXPECT(finished_in_one_turn() && run.status == STATUS_OK);
  close(listener);
  fact("else as soon as somebody does, within some milliseconds at first");
  put_field_u32(TAG_PORT, port);
  request_send(METHOD_WAIT_PORT);
  for (int i = 0; i < 10; i++) turn(3);
  EXPECT(!run.ended && is_listening(port) == false);
  listener = listen_on("127.0.0.1", &port);
  uint64_t since = monotonic_us();
  finish();
  EXPECT(run.status == STATUS_OK && monotonic_us() - since < 100000);
  close(listener);
  fact("IPv6 counts");
  listener = listen_on("::", &port);
  EXPECT(listener < 0 || is_listening(port));
  if (listener >= 0) close(listener);
  fact("a port that is bound or connected, but not listening, does not count");
  struct tcp_address name;
  tcp_address_parse(&name, "127.0.0.1", port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  EXPECT(bind(fd, &name.any, sizeof name.v4) == 0 && !is_listening(port));
  uint16_t other = 0;
  listener = listen_on("127.0.0.1", &other);
  tcp_address_parse(&name, "127.0.0.1", other);
  EXPECT(connect(fd, &name.any, sizeof name.v4) == 0 && !is_listening(port) && is_listening(other));
  close(fd);
  close(listener);
  fact("CANCEL ends the wait");
  put_field_u32(TAG_PORT, port);
  request_send(METHOD_WAIT_PORT);
  turn(5);
  cancel_send();
  finish();
  EXPECT(run.status == STATUS_CANCELLED);
}

static void test_lines(void) {
  uint16_t port = 0;
  fact("a line of the kernel's table tells port and state, and anything else is no listener");
  EXPECT(line_is_of_listener("   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0", &port) &&
         port == 2024);
  EXPECT(line_is_of_listener(" 112: 00000000000000000000000001000000:FFFF 00000000000000000000000000000000:0000 0A 0", &port) &&
         port == 65535);
  EXPECT(!line_is_of_listener("   1: 020200C0:9A46 507100CB:0050 06 00000000:00000000 03:0000143E", &port));
  static const char *const lines[] = {"", " ", "sl  local_address rem_address   st", "0: x:1 x:2 0A", "0: 0:1 0:2", "0:0:1 0:2 0B"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) EXPECT(!line_is_of_listener(lines[i], &port));
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  session_begin();
  int before = count_descriptors();
  test_streams();
  test_failures();
  test_wait();
  test_lines();
  fact("no connection leaves a descriptor open");
  EXPECT(count_descriptors() == before && session_finish());
  return conclude();
}
