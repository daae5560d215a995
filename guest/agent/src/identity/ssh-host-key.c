#include "ssh-host-key.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "small-file.h"

#define KEY_NAME "ssh_host_ed25519_key"

static bool is_other_key(const char *name) {
  static const char prefix[] = "ssh_host_";
  if (strncmp(name, prefix, sizeof prefix - 1) != 0 || strstr(name, "_key") == NULL) return false;
  return strcmp(name, KEY_NAME) != 0 && strcmp(name, KEY_NAME ".pub") != 0;
}

static bool remove_others(const char *directory) {
  DIR *entries = opendir(directory);
  struct dirent *entry;
  bool done = entries != NULL;
  while (done && (entry = readdir(entries)) != NULL) {
    if (is_other_key(entry->d_name)) done = unlinkat(dirfd(entries), entry->d_name, 0) == 0 || errno == ENOENT;
  }
  int error = errno;
  if (entries != NULL) closedir(entries);
  errno = error;
  return done;
}

static bool write_key(const char *directory, const char *name, mode_t mode, const char *text, struct outcome *outcome) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return small_file_write((struct small_file){.path = path, .mode = mode}, text, strlen(text), outcome);
}

static bool failed(struct outcome *outcome, const char *directory) {
  int error = errno;
  return fail(outcome, STATUS_SYSTEM, error, "%s: %s", directory, strerror(error));
}

bool ssh_host_key_write(const char *directory, const char *private_key, const char *public_key,
                        struct outcome *outcome) {
  /* When the directory changed last, as far as it holds no other key: it need not be read again, which takes longer. */
  static struct timespec looked_through;
  struct stat status;
  if (stat(directory, &status) < 0 || !S_ISDIR(status.st_mode)) return true;
  bool has_changed = memcmp(&looked_through, &status.st_mtim, sizeof looked_through) != 0;
  if (has_changed && !remove_others(directory)) return failed(outcome, directory);
  if (!write_key(directory, KEY_NAME, 0600, private_key, outcome)) return false;
  if (!write_key(directory, KEY_NAME ".pub", 0644, public_key, outcome)) return false;
  if (!has_changed) return true;
  if (stat(directory, &status) < 0) return failed(outcome, directory);
  looked_through = status.st_mtim;
  return true;
}
