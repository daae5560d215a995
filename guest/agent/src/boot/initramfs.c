#include "initramfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { RAMFS = (int)0x858458f6, TMPFS = 0x01021994 };

/* Takes over the descriptor. */
static void remove_below(int fd, dev_t device) {
  DIR *directory = fdopendir(fd);
  struct dirent *entry;
  struct stat status;
  if (directory == NULL) return;
  while ((entry = readdir(directory)) != NULL) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || status.st_dev != device) continue;
    if (S_ISDIR(status.st_mode)) {
      int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below >= 0) remove_below(below, device);
      unlinkat(fd, name, AT_REMOVEDIR);
    } else {
      unlinkat(fd, name, 0);
    }
  }
  closedir(directory);
}

void initramfs_free(void) {
  struct statfs filesystem;
  struct stat status;
  /* Whatever else stands here is somebody's disk. */
  if (statfs("/", &filesystem) < 0 || ((int)filesystem.f_type != RAMFS && filesystem.f_type != TMPFS)) return;
  int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  if (fstat(fd, &status) == 0) remove_below(fd, status.st_dev);
  else close(fd);
}
