#include "ports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define PORTS_DIRECTORY "/sys/class/virtio-ports"

struct session ports[MAX_PORTS];
static bool started;

/* The number in smolvm.N, or -1. */
static int port_number(const char *device) {
  static const char prefix[] = "smolvm.";
  char path[128];
  char name[32];
  snprintf(path, sizeof path, PORTS_DIRECTORY "/%s/name", device);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t size = read(fd, name, sizeof name - 1);
  close(fd);
  size_t digit = sizeof prefix - 1;
  if (size < (ssize_t)digit + 1 || memcmp(name, prefix, digit) != 0) return -1;
  if (size > (ssize_t)digit + 1 && name[digit + 1] != '\n') return -1;
  int number = name[digit] - '0';
  return number >= 0 && number < MAX_PORTS ? number : -1;
}

static void watch_port(const struct session *port) {
  loop_add(port->fd, READY_READ, (struct watch){.kind = WATCH_PORT, .session = port->number});
}

void ports_appeared(const char *device) {
  char path[128];
  int number = port_number(device);
  if (number < 0 || ports[number].output.bytes != NULL) return;
  snprintf(path, sizeof path, "/dev/%s", device);
  int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    log_line("cannot open %s: %s", path, strerror(errno));
    return;
  }
  session_open(&ports[number], (uint8_t)number, fd);
  if (started) watch_port(&ports[number]);
}

void ports_scan(void) {
  DIR *directory = opendir(PORTS_DIRECTORY);
  struct dirent *entry;
  if (directory == NULL) return;
  while ((entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] != '.') ports_appeared(entry->d_name);
  }
  closedir(directory);
}

void ports_start(void) {
  started = true;
  for (int i = 0; i < MAX_PORTS; i++) {
    if (ports[i].output.bytes != NULL) watch_port(&ports[i]);
  }
}
