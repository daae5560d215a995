/* The root filesystem follows its device, which the host may have made larger. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "boot.h"
#include "system.h"

/* From the kernel's fs/ext4/ext4.h. */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

static bool grow_failed(struct outcome *outcome, const char *what) {
  int error = errno;
  return fail(outcome, STATUS_SYSTEM, error, "cannot grow the root filesystem: %s: %s", what, strerror(error));
}

static bool device_size(uint64_t *size) {
  int fd = open(boot_root_device(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  /* musl declares the request as an int. */
  bool known = ioctl(fd, (int)BLKGETSIZE64, size) == 0;
  close(fd);
  return known;
}

bool system_grow_root(struct outcome *outcome) {
  struct statfs filesystem;
  uint64_t size;
  if (!device_size(&size)) return grow_failed(outcome, boot_root_device());
  int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || statfs("/", &filesystem) < 0) {
    grow_failed(outcome, "/");
    if (fd >= 0) close(fd);
    return false;
  }
  uint64_t blocks = size / (uint64_t)filesystem.f_bsize;
  /* A size that it has already is no error to the kernel. */
  bool done = ioctl(fd, EXT4_IOC_RESIZE_FS, &blocks) == 0;
  if (!done) grow_failed(outcome, "EXT4_IOC_RESIZE_FS");
  close(fd);
  return done;
}
