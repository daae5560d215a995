#include "workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/smolvm-files-test.XXXXXX";

static void must(bool done, const char *what) {
  if (done) return;
  perror(what);
  abort();
}

void workspace_open(void) { must(mkdtemp(directory) != NULL, directory); }

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where) {
  (void)status;
  (void)type;
  (void)where;
  return remove(path);
}

bool workspace_close(void) { return nftw(directory, remove_one, 64, FTW_DEPTH | FTW_PHYS) == 0; }

const char *at(const char *name) {
  static char paths[8][PATH_MAX];
  static unsigned next;
  char *path = paths[next++ % 8];
  snprintf(path, PATH_MAX, "%s%s%s", directory, *name == '\0' ? "" : "/", name);
  return path;
}

void put_bytes(const char *name, const void *bytes, size_t size, mode_t mode) {
  int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fchmod(fd, mode) == 0, name);
  close(fd);
}

void put_text(const char *name, const char *text) { put_bytes(name, text, strlen(text), 0644); }

void put_directory(const char *name, mode_t mode) { must(mkdir(at(name), 0700) == 0 && chmod(at(name), mode) == 0, name); }

void put_link(const char *name, const char *target) { must(symlink(target, at(name)) == 0, name); }

void set_time(const char *name, long long nanoseconds) {
  long long seconds = nanoseconds / 1000000000 - (nanoseconds % 1000000000 < 0);
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {seconds, (long)(nanoseconds - seconds * 1000000000)}};
  must(utimensat(AT_FDCWD, at(name), times, AT_SYMLINK_NOFOLLOW) == 0, name);
}

struct stat stat_of(const char *name) {
  struct stat status = {0};
  if (lstat(at(name), &status) < 0) status.st_mode = 0;
  return status;
}

bool is_there(const char *name) { return stat_of(name).st_mode != 0; }

static ssize_t read_all(const char *path, char *bytes, size_t size) {
  ssize_t got = readlink(path, bytes, size);
  if (got >= 0 || errno != EINVAL) return got;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  got = read(fd, bytes, size);
  close(fd);
  return got;
}

bool says(const char *name, const char *text) {
  static char bytes[1 << 20];
  ssize_t size = read_all(at(name), bytes, sizeof bytes);
  return size == (ssize_t)strlen(text) && memcmp(bytes, text, (size_t)size) == 0;
}

static bool differ(const char *path, const char *what) {
  printf("# %s: the %s differs\n", path, what);
  return false;
}

static bool same_content(const char *one, const char *other) {
  static char bytes[2][8 << 20];
  ssize_t size = read_all(one, bytes[0], sizeof bytes[0]);
  return size >= 0 && size < (ssize_t)sizeof bytes[0] && read_all(other, bytes[1], sizeof bytes[1]) == size &&
         memcmp(bytes[0], bytes[1], (size_t)size) == 0;
}

static bool same(const char *one, const char *other);

static bool same_below(const char *one, const char *other) {
  DIR *entries = opendir(one);
  bool good = true;
  int count = 0;
  must(entries != NULL, one);
  for (struct dirent *entry; good && (entry = readdir(entries)) != NULL; count++) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char inner[2][PATH_MAX];
    snprintf(inner[0], PATH_MAX, "%s/%s", one, entry->d_name);
    snprintf(inner[1], PATH_MAX, "%s/%s", other, entry->d_name);
    good = same(inner[0], inner[1]);
  }
  closedir(entries);
  if (!good) return false;
  entries = opendir(other);
  must(entries != NULL, other);
  while (readdir(entries) != NULL) count--;
  closedir(entries);
  return count == 0 || differ(other, "number of names");
}

static bool same(const char *one, const char *other) {
  struct stat a, b;
  if (lstat(one, &a) < 0 || lstat(other, &b) < 0) return differ(other, "existence");
  if (a.st_mode != b.st_mode) return differ(other, "mode");
  if (memcmp(&a.st_mtim, &b.st_mtim, sizeof a.st_mtim) != 0) return differ(other, "time");
  if (S_ISDIR(a.st_mode)) return same_below(one, other);
  if (!same_content(one, other)) return differ(other, "content");
  if (a.st_size >= 1 << 20 && a.st_blocks != b.st_blocks) return differ(other, "number of blocks");
  return true;
}

bool same_tree(const char *one, const char *other) { return same(at(one), at(other)); }

static int each_name(const char *name, const char *prefix, bool removes) {
  DIR *entries = opendir(at(name));
  int count = 0;
  must(entries != NULL, name);
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
    if (removes) must(unlinkat(dirfd(entries), entry->d_name, 0) == 0, entry->d_name);
    count++;
  }
  closedir(entries);
  return count;
}

int count_names(const char *name, const char *prefix) { return each_name(name, prefix, false); }
int remove_names(const char *name, const char *prefix) { return each_name(name, prefix, true); }

int count_descriptors(void) {
  DIR *entries = opendir("/proc/self/fd");
  int count = 0;
  must(entries != NULL, "/proc/self/fd");
  while (readdir(entries) != NULL) count++;
  closedir(entries);
  return count;
}
