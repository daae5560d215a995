/* A virtio-serial port as Linux has it, which differs from a socket: bytes may be there before the news of who sent them. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "session.h"
#include "sync.h"
#include "tap.h"

static int port = -1;
/* What the kernel believes. */
static bool host_connected;

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

/* drivers/char/virtio_console.c, port_fops_read(): 0 where there is neither data nor a host. */
ssize_t __wrap_read(int fd, void *bytes, size_t size) {
  ssize_t got = __real_read(fd, bytes, size);
  return fd == port && got < 0 && errno == EAGAIN && !host_connected ? 0 : got;
}

/* will_write_block(): without a host every write would. */
ssize_t __wrap_write(int fd, const void *bytes, size_t size) {
  if (fd != port || host_connected) return __real_write(fd, bytes, size);
  errno = EAGAIN;
  return -1;
}

static struct session session;
static int host = -1;

static void send_hello(void) {
  static const uint8_t hello[] =
      "\0\0\0\x20\0\0\0\0\x01\0\0\0"
      "\0\1\0\0\0\4\0\0\0\1\0\2\0\0\0\x10" "0123456789abcdef";
  EXPECT(send(host, sync_word, SYNC_SIZE, 0) == SYNC_SIZE);
  EXPECT(send(host, hello, sizeof hello - 1, 0) == (ssize_t)sizeof hello - 1);
}

static void turns(void) {
  session.readable = true;
  for (int i = 0; i < 16 && session_turn(&session); i++) continue;
}

static bool answered(void) {
  uint8_t bytes[256];
  return recv(host, bytes, sizeof bytes, MSG_DONTWAIT) > SYNC_SIZE && memcmp(bytes, sync_word, SYNC_SIZE) == 0;
}

int main(void) {
  int ends[2];
  loop_open();
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) return 1;
  port = ends[0];
  host = ends[1];
  session_open(&session, 0, port);
  loop_add(port, READY_READ, (struct watch){.kind = WATCH_PORT});

  fact("a HELLO that is there before the kernel knows of the host is answered once it knows");
  send_hello();
  turns();
  EXPECT(session.greeted && !answered() && session_deadline_us(&session) != 0);
  host_connected = session.writable = true;
  turns();
  EXPECT(answered() && session.proven && session_deadline_us(&session) == 0);

  fact("a host that goes away after that ends the session at once");
  host_connected = false;
  turns();
  EXPECT(!session.greeted);

  fact("a host that was never there when its HELLO had been read counts as gone a second later");
  send_hello();
  turns();
  EXPECT(session.greeted);
  usleep(1100000);
  session_turn(&session);
  EXPECT(!session.greeted && session.output.used == 0 && session_deadline_us(&session) == 0);

  fact("the next client finds the port as new");
  host_connected = session.writable = true;
  send_hello();
  turns();
  EXPECT(answered());
  return conclude();
}
