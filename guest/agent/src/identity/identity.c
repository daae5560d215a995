/* What makes a restored guest differ from its siblings: entropy, time, name; who resolves names for it, and its variables. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "login-shells.h"
#include "renewal.h"
#include "small-file.h"
#include "ssh-host-key.h"
#include "system.h"

/* From linux/random.h, which a musl toolchain lacks. */
#define RNDADDENTROPY _IOW('R', 0x03, int[2])
#define RNDRESEEDCRNG _IO('R', 0x07)

static bool system_failed(struct outcome *outcome, const char *what) {
  int error = errno;
  return fail(outcome, STATUS_SYSTEM, error, "%s: %s", what, strerror(error));
}

bool system_add_entropy(const uint8_t *bytes, size_t size, struct outcome *outcome) {
  struct {
    int bits;
    int size;
    uint8_t bytes[MAX_ENTROPY];
  } pool = {.bits = (int)size * 8, .size = (int)size};
  memcpy(pool.bytes, bytes, size);
  int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  if (fd < 0) return system_failed(outcome, "/dev/urandom");
  bool done = ioctl(fd, RNDADDENTROPY, &pool) == 0 && ioctl(fd, RNDRESEEDCRNG) == 0;
  if (!done) system_failed(outcome, "cannot add entropy");
  close(fd);
  explicit_bzero(&pool, sizeof pool);
  return done;
}

bool system_set_clock(uint64_t nanoseconds, struct outcome *outcome) {
  struct timespec now = {.tv_sec = (time_t)(nanoseconds / 1000000000u), .tv_nsec = (long)(nanoseconds % 1000000000u)};
  return clock_settime(CLOCK_REALTIME, &now) == 0 || system_failed(outcome, "cannot set the clock");
}

/* In /etc, which an image may lack. */
static bool write_file(const char *path, const char *text, int size, struct outcome *outcome) {
  struct small_file file = {.path = path, .mode = 0644};
  if (small_file_write(file, text, (size_t)size, outcome)) return true;
  if (outcome->error != ENOENT || mkdir("/etc", 0755) < 0) return false;
  *outcome = (struct outcome){.status = STATUS_OK};
  return small_file_write(file, text, (size_t)size, outcome);
}

bool system_set_hostname(const char *name, struct outcome *outcome) {
  char text[256];
  if (sethostname(name, strlen(name)) < 0) return system_failed(outcome, "cannot set the hostname");
  int size = snprintf(text, sizeof text, "%s\n", name);
  if (!write_file("/etc/hostname", text, size, outcome)) return false;
  size = snprintf(text, sizeof text, "127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 %s\n", name);
  return write_file("/etc/hosts", text, size, outcome);
}

bool system_set_machine_id(const char *id, struct outcome *outcome) {
  char text[64];
  int size = snprintf(text, sizeof text, "%s\n", id);
  return write_file("/etc/machine-id", text, size, outcome);
}

bool system_set_ssh_host_key(const char *private_key, const char *public_key, struct outcome *outcome) {
  return ssh_host_key_write("/etc/ssh", private_key, public_key, outcome);
}

bool system_renew(const char *machine_id, struct outcome *outcome) {
  /* Of systemd, of SysV's urandom, of what Buildroot and Alpine use. */
  static const char *const seeds[] = {
      "/var/lib/systemd/random-seed",      "/var/lib/urandom/random-seed",       "/var/lib/misc/random-seed",
      "/var/lib/seedrng/seed.credit",      "/var/lib/seedrng/seed.no-credit",
  };
  static const char *const copies[] = {"/var/lib/dbus/machine-id", "/run/machine-id"};
  if (!renew_seeds(seeds, sizeof seeds / sizeof *seeds, outcome)) return false;
  return machine_id == NULL || renew_copies(copies, sizeof copies / sizeof *copies, machine_id, outcome);
}

bool system_set_resolvers(const char *const *resolvers, size_t count, struct outcome *outcome) {
  char text[MAX_SMALL_FILE];
  int used = 0;
  for (size_t i = 0; i < count; i++) {
    used += snprintf(text + used, sizeof text - (size_t)used, "nameserver %s\n", resolvers[i]);
  }
  return write_file("/etc/resolv.conf", text, used, outcome);
}

bool system_set_variables(char *const *variables, size_t count, struct outcome *outcome) {
  static const struct login_shells paths = {
      .directory = "/run/smolvm",
      .environment = "/run/smolvm/environment.sh",
      .profiles = "/etc/profile.d",
      .profile = "/etc/profile.d/smolvm.sh",
  };
  /* Most VMs never have any, and a restored guest answers sooner for each file that it need not look for. */
  static bool were_any;
  if (count != 0) were_any = true;
  return !were_any || login_shells_write(&paths, variables, count, outcome);
}
