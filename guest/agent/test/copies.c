/* What copies of one guest may not share: host keys, seeds of randomness, machine ids. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "renewal.h"
#include "ssh-host-key.h"
#include "tap.h"

static char root[] = "/tmp/smolvm-copies-test.XXXXXX";
static struct outcome outcome;

/* Good for the next 31 calls. */
static const char *at(const char *name) {
  static char paths[32][96];
  static unsigned next;
  char *path = paths[next++ % 32];
  snprintf(path, sizeof paths[0], "%s/%s", root, name);
  return path;
}

static void make(const char *name, const char *text, mode_t mode) {
  int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode) < 0) abort();
  close(fd);
}

static const char *text_of(const char *name) {
  static char texts[2][256];
  static unsigned next;
  char *text = texts[next++ % 2];
  int fd = open(at(name), O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof texts[0] - 1);
  if (fd >= 0) close(fd);
  text[size < 0 ? 0 : size] = '\0';
  return text;
}

static struct stat state_of(const char *name) {
  struct stat status = {0};
  if (lstat(at(name), &status) < 0) status.st_mode = 0;
  return status;
}

static bool has(const char *name, const char *text, mode_t mode) {
  return strcmp(text_of(name), text) == 0 && state_of(name).st_mode == (S_IFREG | mode);
}

static void test_host_keys(void) {
  fact("without the directory of the SSH server no host key is written");
  EXPECT(ssh_host_key_write(at("ssh"), "one\n", "public one\n", &outcome) && state_of("ssh").st_mode == 0);
  fact("the key is for its owner alone, its public half for all, and every other host key goes");
  mkdir(at("ssh"), 0755);
  make("ssh/ssh_host_rsa_key", "x", 0600);
  make("ssh/ssh_host_ecdsa_key.pub", "x", 0644);
  make("ssh/ssh_host_ed25519_key-cert.pub", "x", 0644);
  make("ssh/ssh_config", "kept", 0644);
  make("ssh/ssh_host_notes", "kept", 0644);
  EXPECT(ssh_host_key_write(at("ssh"), "one\n", "public one\n", &outcome));
  EXPECT(has("ssh/ssh_host_ed25519_key", "one\n", 0600) && has("ssh/ssh_host_ed25519_key.pub", "public one\n", 0644));
  EXPECT(state_of("ssh/ssh_host_rsa_key").st_mode == 0 && state_of("ssh/ssh_host_ecdsa_key.pub").st_mode == 0);
  EXPECT(state_of("ssh/ssh_host_ed25519_key-cert.pub").st_mode == 0);
  EXPECT(has("ssh/ssh_config", "kept", 0644) && has("ssh/ssh_host_notes", "kept", 0644));
  fact("another key takes its place in the same file, and the same one leaves it alone");
  ino_t inode = state_of("ssh/ssh_host_ed25519_key").st_ino;
  EXPECT(ssh_host_key_write(at("ssh"), "two\n", "public two\n", &outcome) && has("ssh/ssh_host_ed25519_key", "two\n", 0600));
  EXPECT(state_of("ssh/ssh_host_ed25519_key").st_ino == inode && has("ssh/ssh_host_ed25519_key.pub", "public two\n", 0644));
  EXPECT(utimensat(AT_FDCWD, at("ssh/ssh_host_ed25519_key"), (struct timespec[2]){{1, 0}, {1, 0}}, 0) == 0);
  EXPECT(ssh_host_key_write(at("ssh"), "two\n", "public two\n", &outcome));
  EXPECT(state_of("ssh/ssh_host_ed25519_key").st_mtim.tv_sec == 1);
  fact("a key that others can read is not written into, but replaced");
  EXPECT(chmod(at("ssh/ssh_host_ed25519_key"), 0644) == 0);
  EXPECT(ssh_host_key_write(at("ssh"), "three\n", "public three\n", &outcome));
  EXPECT(has("ssh/ssh_host_ed25519_key", "three\n", 0600) && state_of("ssh/ssh_host_ed25519_key").st_ino != inode);
  fact("a host key that somebody made meanwhile goes with the next");
  usleep(20000);
  make("ssh/ssh_host_rsa_key", "x", 0600);
  EXPECT(ssh_host_key_write(at("ssh"), "four\n", "public four\n", &outcome));
  EXPECT(state_of("ssh/ssh_host_rsa_key").st_mode == 0 && has("ssh/ssh_host_ed25519_key", "four\n", 0600));
  fact("one that cannot be removed is told with its directory");
  mkdir(at("ssh/ssh_host_dsa_key"), 0755);
  EXPECT(!ssh_host_key_write(at("ssh"), "five\n", "public five\n", &outcome) && outcome.status == STATUS_SYSTEM);
  EXPECT(strstr(outcome.message, "/ssh") != NULL && has("ssh/ssh_host_ed25519_key", "four\n", 0600));
}

static void test_seeds(void) {
  const char *const seeds[] = {at("none"), at("seed"), at("link"), at("large")};
  char large[5000];
  memset(large, 'x', sizeof large);
  large[sizeof large - 1] = '\0';
  make("seed", "0123456789abcdef0123456789abcdef", 0600);
  make("target", "target", 0644);
  make("large", large, 0644);
  if (symlink("target", seeds[2]) < 0) abort();
  struct stat before = state_of("large");
  fact("a seed gets as many other bytes; what is missing, linked or too large for one stays as it is");
  EXPECT(renew_seeds(seeds, 4, &outcome));
  EXPECT(state_of("seed").st_size == 32 && strncmp(text_of("seed"), "0123456789abcdef", 16) != 0);
  EXPECT(strcmp(text_of("target"), "target") == 0 && state_of("none").st_mode == 0);
  struct stat after = state_of("large");
  EXPECT(memcmp(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim) == 0);
  fact("every byte of a large one differs from time to time");
  char first[256];
  make("seed", large, 0600);
  if (truncate(at("seed"), 700) < 0) abort();
  EXPECT(renew_seeds(seeds, 2, &outcome) && state_of("seed").st_size == 700);
  int fd = open(at("seed"), O_RDONLY | O_CLOEXEC);
  EXPECT(pread(fd, first, 188, 512) == 188 && memcmp(first, large, 8) != 0 && memcmp(first + 180, large, 8) != 0);
  close(fd);
}

static void test_machine_ids(void) {
  const char *const copies[] = {at("none"), at("machine-id"), at("linked-id")};
  make("machine-id", "old\n", 0644);
  if (symlink("target", copies[2]) < 0) abort();
  fact("copies of the machine id say the new one, where they are files of their own");
  EXPECT(renew_copies(copies, 3, "0123456789abcdef0123456789abcdef", &outcome));
  EXPECT(strcmp(text_of("machine-id"), "0123456789abcdef0123456789abcdef\n") == 0);
  EXPECT(state_of("none").st_mode == 0 && S_ISLNK(state_of("linked-id").st_mode));
  EXPECT(strcmp(text_of("target"), "target") == 0);
}

int main(void) {
  char command[128];
  if (mkdtemp(root) == NULL) abort();
  umask(022);
  test_host_keys();
  test_seeds();
  test_machine_ids();
  snprintf(command, sizeof command, "rm -r %s", root);
  EXPECT(system(command) == 0);
  return conclude();
}
