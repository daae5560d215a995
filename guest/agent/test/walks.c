/* Walks through directories that somebody changes meanwhile, and through those that are too deep. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "change.h"
#include "list-directory.h"
#include "remove.h"
#include "stream.h"
#include "tap.h"
#include "workspace.h"

enum { ROUNDS = 60, SWAPS_EACH = 4, EXCHANGE = 2 };

static struct stream stream;
static struct outcome outcome;

/* Exchanges `trap/inner` and `link`, which leads outside, for ever. */
static pid_t start_swapping(void) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) syscall(SYS_renameat2, AT_FDCWD, at("trap/inner"), AT_FDCWD, at("link"), EXCHANGE);
}

static void stop_swapping(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

static void put_trap(void) {
  put_directory("trap", 0755);
  put_directory("trap/inner", 0755);
  for (int i = 0; i < 20; i++) {
    char name[64];
    snprintf(name, sizeof name, "trap/inner/%d", i);
    put_text(name, "inside");
  }
  put_link("link", at("outside"));
}

static void remove_trap(void) {
  remove_tree(at("trap"), &outcome);
  if (!remove_path(at("link"))) remove_tree(at("link"), &outcome);
}

static bool outside_is_unharmed(void) {
  struct stat secret = stat_of("outside/0");
  return says("outside/0", "secret") && secret.st_mode == (S_IFREG | 0600) && secret.st_mtim.tv_sec == 1000 &&
         stat_of("outside").st_mode == (S_IFDIR | 0755) && says("outside/secret-name", "secret") && count_names("outside", "") == 4;
}

/* Content of a file outside, or a name there, in what was read. */
static bool holds(const char *bytes, size_t size, const char *text) {
  return memmem(bytes, size, text, strlen(text)) != NULL;
}

static bool lists_outside(void) {
  static char list[1 << 16];
  int fd = memfd_create("list", MFD_CLOEXEC);
  list_directory(at("trap"), true, true, fd, &outcome);
  ssize_t size = pread(fd, list, sizeof list, 0);
  close(fd);
  return size > 0 && holds(list, (size_t)size, "inner/secret-name");
}

static void write_into_trap(void) {
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  for (int i = 0; i < SWAPS_EACH; i++) {
    stream_entry(&stream, "inner", S_IFDIR | 0777, NULL);
    stream_file(&stream, "written", S_IFREG | 0644, "written");
    stream_leave(&stream);
  }
  stream_leave(&stream);
  stream_end(&stream);
  stream_write(&stream, at("trap"), &outcome);
}

static void test_swaps(void) {
  const struct change change = {.has_mode = true, .mode = 0777, .has_time = true, .mtime_ns = 1};
  bool unharmed = true, unread = true, unlisted = true;
  put_directory("outside", 0755);
  put_bytes("outside/0", "secret", 6, 0600);
  set_time("outside/0", 1000000000000);
  put_text("outside/secret-name", "secret");
  for (int i = 0; i < ROUNDS; i++) {
    put_trap();
    pid_t swapper = start_swapping();
    for (int swap = 0; swap < SWAPS_EACH; swap++) {
      change_tree(at("trap"), true, &change, &outcome);
      unlisted = unlisted && !lists_outside();
      stream_read(&stream, at("trap"), &outcome);
      unread = unread && !holds((char *)stream.bytes, stream.size, "secret");
      write_into_trap();
    }
    remove_tree(at("trap"), &outcome);
    stop_swapping(swapper);
    unharmed = unharmed && outside_is_unharmed();
    remove_trap();
  }
  fact("while a directory is exchanged for a link again and again, nothing outside is changed, removed or made");
  EXPECT(unharmed);
  fact("nor is anything outside read or listed");
  EXPECT(unread && unlisted);
}

static void put_chain(const char *name, int depth) {
  put_directory(name, 0755);
  int fd = open(at(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int i = 1; i < depth; i++) {
    if (mkdirat(fd, "d", 0755) < 0) abort();
    int inner = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(fd);
    fd = inner;
  }
  close(fd);
}

static void test_depth(void) {
  const struct change change = {.has_mode = true, .mode = 0700};
  int before = count_descriptors();
  fact("directories nested 512 deep are changed, listed, read and removed");
  put_chain("deep", 512);
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  EXPECT(change_tree(at("deep"), true, &change, &outcome) && list_directory(at("deep"), true, true, null, &outcome));
  EXPECT(stream_read(&stream, at("deep"), &outcome) && remove_tree(at("deep"), &outcome) && !is_there("deep"));
  fact("513 are ENAMETOOLONG");
  put_chain("deeper", 513);
  EXPECT(!change_tree(at("deeper"), true, &change, &outcome) && outcome.error == ENAMETOOLONG);
  EXPECT(!list_directory(at("deeper"), true, true, null, &outcome) && outcome.error == ENAMETOOLONG);
  EXPECT(!stream_read(&stream, at("deeper"), &outcome) && outcome.error == ENAMETOOLONG);
  EXPECT(!remove_tree(at("deeper"), &outcome) && outcome.error == ENAMETOOLONG && is_there("deeper"));
  EXPECT(strstr(outcome.message, "/d/d/d: ") != NULL);
  fact("no outcome leaves a descriptor open");
  close(null);
  EXPECT(count_descriptors() == before);
}

int main(void) {
  workspace_open();
  test_swaps();
  test_depth();
  fact("nothing is left behind");
  EXPECT(workspace_close());
  return conclude();
}
