/* The first network interface, by the oldest of the kernel's interfaces: it needs no library and no second program. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "clock.h"
#include "system.h"
#include "uevent.h"

/* The interface's driver may be the last that was loaded. */
enum { INTERFACE_WAIT_MS = 2000 };

static bool network_failed(struct outcome *outcome, const char *what, int error) {
  return fail(outcome, STATUS_SYSTEM, error, "%s: %s", what, strerror(error));
}

/* One for all requests, from the boot on: a restored guest answers sooner for each thing that it need not do. */
static int control_socket(void) {
  static int fd = -1;
  if (fd < 0) fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return fd;
}

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
  if ((request.ifr_flags & IFF_UP) != 0) return true;
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

void system_start_loopback(void) {
  int fd = control_socket();
  if (fd >= 0) set_up(fd, "lo");
}

static bool is_usable(int fd, const char *name) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  if (ioctl(fd, SIOCGIFFLAGS, &request) < 0 || (request.ifr_flags & IFF_LOOPBACK) != 0) return false;
  /* A tunnel that a module made by itself has no hardware address of Ethernet's kind. */
  return ioctl(fd, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == 1;
}

/* The kernel's list of all interfaces takes longer than all else here, and the one found once is the first for long. */
static bool find_interface(int fd, char name[IF_NAMESIZE]) {
  static char last_found[IF_NAMESIZE];
  if (last_found[0] == '\0' || !is_usable(fd, last_found)) {
    struct if_nameindex *all = if_nameindex();
    last_found[0] = '\0';
    for (struct if_nameindex *each = all; each != NULL && each->if_index != 0 && last_found[0] == '\0'; each++) {
      if (is_usable(fd, each->if_name)) strncpy(last_found, each->if_name, IF_NAMESIZE - 1);
    }
    if (all != NULL) if_freenameindex(all);
  }
  memcpy(name, last_found, IF_NAMESIZE);
  return name[0] != '\0';
}

static bool wait_for_interface(int fd, char name[IF_NAMESIZE]) {
  uint64_t deadline = monotonic_us() + INTERFACE_WAIT_MS * 1000u;
  while (!find_interface(fd, name)) {
    uint64_t now = monotonic_us();
    if (now >= deadline || !uevent_wait((int)((deadline - now) / 1000) + 1)) return find_interface(fd, name);
  }
  return true;
}

/* A descriptor for requests about the first interface, whose name becomes that of `request`; -1: there is none. */
static int open_interface(struct ifreq *request, struct outcome *outcome) {
  int fd = control_socket();
  if (fd < 0) network_failed(outcome, "cannot open a socket", errno);
  else if (wait_for_interface(fd, request->ifr_name)) return fd;
  else network_failed(outcome, "there is no network interface", ENODEV);
  return -1;
}

bool system_set_mac(const uint8_t *mac, struct outcome *outcome) {
  struct ifreq request = {0};
  int fd = open_interface(&request, outcome);
  if (fd < 0) return false;
  bool done = ioctl(fd, SIOCGIFHWADDR, &request) == 0;
  /* A driver may take it only while the interface is down, so what is right already is not set again. */
  if (done && memcmp(request.ifr_hwaddr.sa_data, mac, MAC_SIZE) != 0) {
    memcpy(request.ifr_hwaddr.sa_data, mac, MAC_SIZE);
    done = ioctl(fd, SIOCSIFHWADDR, &request) == 0;
  }
  return done || network_failed(outcome, "cannot set the hardware address", errno);
}

/* `get` and `set` are of the same one of the interface's addresses. */
static bool set_one(int fd, struct ifreq *request, int get, int set, struct in_addr address) {
  struct sockaddr wanted = ipv4(address);
  if (ioctl(fd, get, request) == 0 && memcmp(&request->ifr_addr, &wanted, sizeof wanted) == 0) return true;
  request->ifr_addr = wanted;
  return ioctl(fd, set, request) == 0;
}

bool system_set_address(struct in_addr address, unsigned prefix, struct outcome *outcome) {
  struct ifreq request = {0};
  struct in_addr mask = {.s_addr = prefix == 0 ? 0 : htonl(~(uint32_t)0 << (32 - prefix))};
  int fd = open_interface(&request, outcome);
  if (fd < 0) return false;
  bool done = set_one(fd, &request, SIOCGIFADDR, SIOCSIFADDR, address) &&
              set_one(fd, &request, SIOCGIFNETMASK, SIOCSIFNETMASK, mask) && set_up(fd, request.ifr_name);
  return done || network_failed(outcome, "cannot set the address", errno);
}

bool system_set_gateway(struct in_addr gateway, struct outcome *outcome) {
  static struct in_addr last_set;
  struct rtentry any = {.rt_dst = ipv4((struct in_addr){0}), .rt_genmask = ipv4((struct in_addr){0}), .rt_flags = RTF_UP};
  struct rtentry route = any;
  int fd = control_socket();
  if (fd < 0) return network_failed(outcome, "cannot open a socket", errno);
  route.rt_gateway = ipv4(gateway);
  route.rt_flags |= RTF_GATEWAY;
  /* The default route of an earlier CONFIGURE, or of the VM this one was restored from. */
  while (last_set.s_addr != gateway.s_addr && ioctl(fd, SIOCDELRT, &any) == 0) continue;
  if (ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST) {
    return network_failed(outcome, "cannot set the default route", errno);
  }
  last_set = gateway;
  return true;
}
