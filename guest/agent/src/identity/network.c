/* The first network interface, by the oldest of the kernel's interfaces: it needs no library and no second program. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "system.h"
#include "uevent.h"

/* The interface's driver may be the last that was loaded. */
enum { INTERFACE_WAIT_MS = 2000 };

static bool network_failed(struct outcome *outcome, const char *what, int error) {
  return fail(outcome, STATUS_SYSTEM, error, "%s: %s", what, strerror(error));
}

static int open_socket(void) { return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }

static struct sockaddr ipv4(struct in_addr address) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = address};
  struct sockaddr any;
  memcpy(&any, &in, sizeof any);
  return any;
}

static bool set_up(int fd, const char *name) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) return false;
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

void system_start_loopback(void) {
  int fd = open_socket();
  if (fd < 0) return;
  set_up(fd, "lo");
  close(fd);
}

static bool is_usable(int fd, const char *name) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  if (ioctl(fd, SIOCGIFFLAGS, &request) < 0 || (request.ifr_flags & IFF_LOOPBACK) != 0) return false;
  /* A tunnel that a module made by itself has no hardware address of Ethernet's kind. */
  return ioctl(fd, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == 1;
}

static bool find_interface(int fd, char name[IF_NAMESIZE]) {
  struct if_nameindex *all = if_nameindex();
  bool found = false;
  for (struct if_nameindex *each = all; each != NULL && each->if_index != 0 && !found; each++) {
    found = is_usable(fd, each->if_name);
    if (found) strncpy(name, each->if_name, IF_NAMESIZE - 1);
  }
  if (all != NULL) if_freenameindex(all);
  return found;
}

static bool wait_for_interface(int fd, char name[IF_NAMESIZE]) {
  uint64_t deadline = monotonic_us() + INTERFACE_WAIT_MS * 1000u;
  memset(name, 0, IF_NAMESIZE);
  while (!find_interface(fd, name)) {
    uint64_t now = monotonic_us();
    if (now >= deadline || !uevent_wait((int)((deadline - now) / 1000) + 1)) return find_interface(fd, name);
  }
  return true;
}

bool system_set_mac(const uint8_t *mac, struct outcome *outcome) {
  struct ifreq request = {0};
  int fd = open_socket();
  if (fd < 0) return network_failed(outcome, "cannot open a socket", errno);
  bool done = false;
  if (!wait_for_interface(fd, request.ifr_name)) {
    network_failed(outcome, "there is no network interface", ENODEV);
  } else {
    done = ioctl(fd, SIOCGIFHWADDR, &request) == 0;
    /* A driver may take it only while the interface is down, so what is right already is not set again. */
    if (done && memcmp(request.ifr_hwaddr.sa_data, mac, MAC_SIZE) != 0) {
      memcpy(request.ifr_hwaddr.sa_data, mac, MAC_SIZE);
      done = ioctl(fd, SIOCSIFHWADDR, &request) == 0;
    }
    if (!done) network_failed(outcome, "cannot set the hardware address", errno);
  }
  close(fd);
  return done;
}

bool system_set_address(struct in_addr address, unsigned prefix, struct outcome *outcome) {
  struct ifreq request = {0};
  struct in_addr mask = {.s_addr = prefix == 0 ? 0 : htonl(~(uint32_t)0 << (32 - prefix))};
  int fd = open_socket();
  if (fd < 0) return network_failed(outcome, "cannot open a socket", errno);
  bool done = false;
  if (!wait_for_interface(fd, request.ifr_name)) {
    network_failed(outcome, "there is no network interface", ENODEV);
  } else {
    request.ifr_addr = ipv4(address);
    done = ioctl(fd, SIOCSIFADDR, &request) == 0;
    request.ifr_netmask = ipv4(mask);
    done = done && ioctl(fd, SIOCSIFNETMASK, &request) == 0 && set_up(fd, request.ifr_name);
    if (!done) network_failed(outcome, "cannot set the address", errno);
  }
  close(fd);
  return done;
}

bool system_set_gateway(struct in_addr gateway, struct outcome *outcome) {
  struct rtentry any = {.rt_dst = ipv4((struct in_addr){0}), .rt_genmask = ipv4((struct in_addr){0}), .rt_flags = RTF_UP};
  struct rtentry route = any;
  int fd = open_socket();
  if (fd < 0) return network_failed(outcome, "cannot open a socket", errno);
  route.rt_gateway = ipv4(gateway);
  route.rt_flags |= RTF_GATEWAY;
  /* The default route of an earlier CONFIGURE, or of the VM this one was restored from. */
  while (ioctl(fd, SIOCDELRT, &any) == 0) continue;
  bool done = ioctl(fd, SIOCADDRT, &route) == 0;
  if (!done) network_failed(outcome, "cannot set the default route", errno);
  close(fd);
  return done;
}
