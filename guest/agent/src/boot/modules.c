#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

#define MODULES_LIST "/smolvm/modules"

enum { MAX_LIST = 16384 };

static void load(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  /* EEXIST: it is there already, or built in. A guest without one device may still be of use. */
  if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)) {
    log_line("cannot load %s: %s", path, strerror(errno));
  }
  if (fd >= 0) close(fd);
}

void modules_load(void) {
  static char list[MAX_LIST];
  int fd = open(MODULES_LIST, O_RDONLY | O_CLOEXEC);
  /* Kernels with everything built in need no list. */
  if (fd < 0) return;
  ssize_t size = read(fd, list, sizeof list - 1);
  close(fd);
  if (size <= 0) return;
  list[size] = '\0';
  char *rest = list;
  char *path;
  while ((path = strsep(&rest, "\n")) != NULL) {
    if (path[0] != '\0') load(path);
  }
}
