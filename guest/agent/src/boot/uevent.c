#include "uevent.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ports.h"

/* From linux/netlink.h, which a musl toolchain lacks. */
enum { NETLINK_KOBJECT_UEVENT = 15, KERNEL_GROUP = 1 };
struct netlink_address {
  sa_family_t family;
  uint16_t padding;
  uint32_t process;
  uint32_t groups;
};

enum { MESSAGE_SIZE = 4096, RECEIVE_BUFFER = 1 << 20 };

static int netlink_fd = -1;

bool uevent_open(void) {
  struct netlink_address address = {.family = AF_NETLINK, .groups = KERNEL_GROUP};
  int size = RECEIVE_BUFFER;
  netlink_fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  if (netlink_fd < 0) return false;
  setsockopt(netlink_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  return bind(netlink_fd, (struct sockaddr *)&address, sizeof address) == 0;
}

int uevent_fd(void) { return netlink_fd; }

/* ACTION@/devices/…/virtio-ports/vport1p2, then NAME=value strings: the path says all that is needed here. */
static void handle(const char *message) {
  static const char class[] = "/virtio-ports/";
  const char *device = strstr(message, class);
  if (device != NULL) ports_appeared(device + sizeof class - 1);
}

void uevent_read(void) {
  static char message[MESSAGE_SIZE];
  for (;;) {
    ssize_t size = recv(netlink_fd, message, sizeof message - 1, 0);
    if (size > 0) {
      message[size] = '\0';
      handle(message);
    } else if (size < 0 && errno == ENOBUFS) {
      /* Some were lost: look for oneself. */
      ports_scan();
    } else if (size >= 0 || errno != EINTR) {
      return;
    }
  }
}

bool uevent_wait(int timeout_ms) {
  struct pollfd waiting = {.fd = netlink_fd, .events = POLLIN};
  if (poll(&waiting, 1, timeout_ms) <= 0) return false;
  uevent_read();
  return true;
}
