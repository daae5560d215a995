#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "clock.h"
#include "initramfs.h"
#include "log.h"
#include "modules.h"
#include "ports.h"
#include "system.h"
#include "uevent.h"

#define NEW_ROOT "/newroot"

enum { ROOT_WAIT_MS = 10000, MAX_COMMAND_LINE = 4096, MAX_VALUE = 128 };

static char root_device[MAX_VALUE] = "/dev/vda";
static char root_type[MAX_VALUE] = "ext4";

const char *boot_root_device(void) { return root_device; }

static void mount_new(const char *type, const char *target, unsigned long flags, const char *options) {
  mkdir(target, 0755);
  if (mount(type, target, type, flags, options) < 0) log_line("cannot mount %s: %s", target, strerror(errno));
}

static void read_option(const char *line, const char *name, char value[MAX_VALUE]) {
  const char *at = strstr(line, name);
  if (at == NULL) return;
  at += strlen(name);
  size_t length = strcspn(at, " \n");
  if (length == 0 || length >= MAX_VALUE) return;
  memcpy(value, at, length);
  value[length] = '\0';
}

static void read_command_line(void) {
  char line[MAX_COMMAND_LINE];
  int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
  if (fd >= 0) close(fd);
  if (size < 0) return;
  line[size] = '\0';
  read_option(line, "smolvm.root=", root_device);
  read_option(line, "smolvm.rootfstype=", root_type);
}

void boot_prepare(void) {
  mount_new("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
  log_open();
  mount_new("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_new("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  read_command_line();
  if (!uevent_open()) log_line("cannot listen for devices: %s", strerror(errno));
  modules_load();
  uevent_read();
  /* Those whose drivers are built into the kernel came before anyone listened. */
  ports_scan();
}

static bool wait_for_root(void) {
  uint64_t deadline = monotonic_us() + ROOT_WAIT_MS * 1000u;
  while (access(root_device, F_OK) < 0) {
    uint64_t now = monotonic_us();
    if (now >= deadline || !uevent_wait((int)((deadline - now) / 1000) + 1)) return access(root_device, F_OK) == 0;
  }
  return true;
}

static bool mount_root(void) {
  /* Without noinit_itable a kernel thread writes to a fresh disk for minutes. */
  const char *options = strcmp(root_type, "ext4") == 0 ? "noinit_itable" : NULL;
  mkdir(NEW_ROOT, 0755);
  if (!wait_for_root()) {
    log_line("cannot mount %s as %s: the device did not appear within %d s", root_device, root_type, ROOT_WAIT_MS / 1000);
    return false;
  }
  if (mount(root_device, NEW_ROOT, root_type, MS_NOATIME, options) < 0) {
    log_line("cannot mount %s as %s: %s", root_device, root_type, strerror(errno));
    return false;
  }
  return true;
}

static bool carry_over(const char *from, const char *to) {
  mkdir(to, 0755);
  if (mount(from, to, NULL, MS_MOVE, NULL) == 0) return true;
  log_line("cannot move %s to the root filesystem: %s", from, strerror(errno));
  return false;
}

/* Links that devtmpfs lacks and shells rely on. */
static void link_streams(void) {
  static const char *const links[][2] = {
      {"/proc/self/fd", "/dev/fd"},
      {"/proc/self/fd/0", "/dev/stdin"},
      {"/proc/self/fd/1", "/dev/stdout"},
      {"/proc/self/fd/2", "/dev/stderr"},
  };
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST) log_line("%s: %s", links[i][1], strerror(errno));
  }
}

bool boot_switch_root(void) {
  if (!mount_root()) return false;
  carry_over("/dev", NEW_ROOT "/dev");
  carry_over("/proc", NEW_ROOT "/proc");
  carry_over("/sys", NEW_ROOT "/sys");
  initramfs_free();
  if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
    log_line("cannot switch to the root filesystem: %s", strerror(errno));
    return false;
  }
  mount_new("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
  mount_new("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
  mount_new("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
  mount_new("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
  link_streams();
  system_start_loopback();
  return true;
}
