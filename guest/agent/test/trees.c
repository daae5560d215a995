/* TREE_READ and TREE_WRITE on real directories: what comes back, what is refused, what is left after a failure. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"
#include "stream.h"
#include "tap.h"
#include "tree.h"
#include "unfinished.h"
#include "wire.h"
#include "workspace.h"

static struct stream stream;
static struct outcome outcome;

static void put_sample(void) {
  static char bytes[3 << 20];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 31 + i / 4096);
  put_directory("from", 0755);
  put_directory("from/inner", 0700);
  put_directory("from/inner/deeper", 02775);
  put_text("from/empty", "");
  put_text("from/inner/small", "small\n");
  put_bytes("from/page", bytes, 4096, 0600);
  put_bytes("from/page and one", bytes, 4097, 04755);
  put_bytes("from/inner/deeper/large", bytes, sizeof bytes, 0444);
  put_link("from/link", "inner/small");
  put_link("from/dangling", "no such \n thing");
  put_bytes("from/sparse", bytes, 5000, 0644);
  int fd = open(at("from/sparse"), O_WRONLY | O_CLOEXEC);
  EXPECT(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, 4096, 1 << 20) == 4096 && pwrite(fd, bytes, 100, 3 << 20) == 100);
  EXPECT(ftruncate(fd, 5 << 20) == 0);
  close(fd);
  EXPECT(mkfifo(at("from/pipe"), 0600) == 0);
  set_time("from/page", 1234567890123456789);
  set_time("from/empty", -1);
  set_time("from/link", 999999999);
  set_time("from/inner/deeper", 86400000000000);
  set_time("from/inner", -1500000000);
  set_time("from", 1700000000000000001);
}

static void test_round_trip(void) {
  put_sample();
  fact("a directory that was read is written the same: types, modes, times to the nanosecond, contents, targets, holes");
  EXPECT(stream_read(&stream, at("from"), &outcome));
  EXPECT(stream_write(&stream, at("new/parents/to"), &outcome));
  EXPECT(unlink(at("from/pipe")) == 0);
  set_time("from", 1700000000000000001);
  EXPECT(same_tree("from", "new/parents/to"));
  fact("holes are not in the stream");
  EXPECT(stream.size < (3 << 20) + 100000);
  fact("a trailing slash means the same directory");
  EXPECT(stream_write(&stream, at("slash//"), &outcome) && is_there("slash/inner/small"));
  fact("PATH is followed where it is a link, and links below it are not");
  put_link("to-from", "from");
  static struct stream followed;
  EXPECT(stream_read(&followed, at("to-from"), &outcome) && followed.size == stream.size);
  fact("a file is a tree of its own");
  EXPECT(stream_read(&stream, at("from/page"), &outcome) && stream_write(&stream, at("page"), &outcome));
  EXPECT(same_tree("from/page", "page"));
  fact("so is a link");
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFLNK | 0777, "anywhere");
  stream_end(&stream);
  EXPECT(stream_write(&stream, at("a link"), &outcome) && says("a link", "anywhere"));
  EXPECT(stat_of("a link").st_mtim.tv_nsec == 123456789);
  fact("what has a content but no size, as in procfs, is read to its end");
  EXPECT(stream_read(&stream, "/proc/self/limits", &outcome) && stream_write(&stream, at("limits"), &outcome));
  EXPECT(stat_of("limits").st_size > 500);
}

static void test_golden(const char *path) {
  static char line[4096];
  FILE *file = fopen(path, "re");
  fact("the golden tree is written as its comments tell");
  stream_begin(&stream);
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    unsigned byte;
    if (line[0] == '#') continue;
    for (const char *hex = line; sscanf(hex, "%2x", &byte) == 1; hex += 2) stream.bytes[stream.size++] = (uint8_t)byte;
  }
  if (file != NULL) fclose(file);
  EXPECT(stream_write(&stream, at("golden"), &outcome));
  struct stat holes = stat_of("golden/holes"), inner = stat_of("golden/inner"), empty = stat_of("golden/inner/empty");
  static char bytes[131072];
  int fd = open(at("golden/holes"), O_RDONLY | O_CLOEXEC);
  EXPECT(read(fd, bytes, sizeof bytes) == sizeof bytes && memcmp(bytes, "hello", 6) == 0);
  EXPECT(memcmp(bytes + 65535, "\0world\n", 8) == 0 && holes.st_blocks * 512 < 65536);
  close(fd);
  EXPECT(holes.st_mode == (S_IFREG | 0640) && holes.st_mtim.tv_sec == 1767225600 && holes.st_uid == getuid());
  EXPECT(says("golden/\xc3\xbc", "holes") && stat_of("golden").st_mtim.tv_nsec == 123456789);
  EXPECT(inner.st_mode == (S_IFDIR | 01777) && inner.st_mtim.tv_sec == -2 && inner.st_mtim.tv_nsec == 500000000);
  EXPECT(empty.st_mode == (S_IFREG | 0400) && empty.st_size == 0 && empty.st_mtim.tv_sec == 0);
  fact("and read to a stream that says the same");
  static struct stream again;
  EXPECT(stream_read(&again, at("golden"), &outcome) && stream_write(&again, at("golden again"), &outcome));
  EXPECT(same_tree("golden", "golden again"));
}

static void test_merge(void) {
  fact("a directory that exists is merged with: it keeps its mode, and what the stream does not name");
  put_directory("merged", 01777);
  put_directory("merged/inner", 0711);
  put_text("merged/kept", "kept");
  put_text("merged/replaced", "old");
  EXPECT(chmod(at("merged/replaced"), 0600) == 0);
  int old = open(at("merged/replaced"), O_RDONLY | O_CLOEXEC);
  put_link("merged/link", "old");
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  stream_file(&stream, "replaced", S_IFREG | 0640, "new");
  stream_entry(&stream, "link", S_IFLNK | 0777, "new");
  stream_entry(&stream, "inner", S_IFDIR | 0700, NULL);
  stream_file(&stream, "added", S_IFREG | 0644, "added");
  stream_leave(&stream);
  stream_leave(&stream);
  stream_end(&stream);
  EXPECT(stream_write(&stream, at("merged"), &outcome));
  EXPECT(stat_of("merged").st_mode == (S_IFDIR | 01777) && stat_of("merged/inner").st_mode == (S_IFDIR | 0711));
  EXPECT(says("merged/kept", "kept") && says("merged/replaced", "new") && says("merged/link", "new"));
  EXPECT(says("merged/inner/added", "added") && stat_of("merged/replaced").st_mode == (S_IFREG | 0640));
  fact("a file is replaced, not overwritten: who has it open keeps the old content");
  char bytes[8] = "";
  EXPECT(read(old, bytes, sizeof bytes) == 3 && strcmp(bytes, "old") == 0);
  close(old);
  fact("a file that replaces a link does so itself, and leaves alone what the link says");
  put_text("outside", "outside");
  EXPECT(unlink(at("merged/link")) == 0);
  put_link("merged/link", at("outside"));
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  stream_file(&stream, "link", S_IFREG | 0644, "inside");
  stream_leave(&stream);
  stream_end(&stream);
  EXPECT(stream_write(&stream, at("merged"), &outcome) && says("outside", "outside") && says("merged/link", "inside"));
  fact("a directory does not go through a link that stands in its place, except where it is PATH itself");
  put_directory("elsewhere", 0755);
  EXPECT(unlink(at("merged/link")) == 0);
  put_link("merged/link", at("elsewhere"));
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  stream_entry(&stream, "link", S_IFDIR | 0755, NULL);
  stream_file(&stream, "file", S_IFREG | 0644, "file");
  EXPECT(!stream_write(&stream, at("merged"), &outcome) && outcome.error == ENOTDIR && !is_there("elsewhere/file"));
  EXPECT(strstr(outcome.message, "merged/link: ") != NULL);
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  stream_file(&stream, "file", S_IFREG | 0644, "file");
  stream_leave(&stream);
  stream_end(&stream);
  EXPECT(stream_write(&stream, at("merged/link"), &outcome) && is_there("elsewhere/file"));
  fact("a file does not take the place of a directory, nor a directory that of a file");
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  stream_file(&stream, "inner", S_IFREG | 0644, "file");
  EXPECT(!stream_write(&stream, at("merged"), &outcome) && outcome.error == EISDIR);
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  EXPECT(!stream_write(&stream, at("outside"), &outcome) && outcome.error == ENOTDIR);
  EXPECT(count_names("merged", ".smolvm-") == 0 && count_names("", ".smolvm-") == 0);
}

static void begin_directory(void) {
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
}

/* Whether the stream is refused with BAD_REQUEST, a reason, and nothing outside of the directory made. */
static bool refused(const char *reason) {
  bool good = !stream_write(&stream, at("hostile"), &outcome) && outcome.status == STATUS_BAD_REQUEST;
  if (!good || strstr(outcome.message, reason) == NULL) {
    printf("# %u: %s\n", outcome.status, outcome.message);
    return false;
  }
  return true;
}

static void test_names(void) {
  static const char *const names[] = {"", ".", "..", "/", "a/b", "../escaped", "/escaped", "a/", "a/../../escaped"};
  fact("a NAME that is not one component is refused");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    begin_directory();
    stream_file(&stream, names[i], S_IFREG | 0644, "x");
    EXPECT(refused("one component"));
  }
  EXPECT(!is_there("escaped"));
  fact("a NAME longer than Linux takes is the error that Linux has for it");
  static char name[40001];
  for (size_t length = 256; length < sizeof name; length = sizeof name - 1 == length ? sizeof name : sizeof name - 1) {
    memset(name, 'n', length);
    begin_directory();
    stream_file(&stream, name, S_IFREG | 0644, "x");
    EXPECT(!stream_write(&stream, at("hostile"), &outcome) && outcome.error == ENAMETOOLONG);
    EXPECT(strstr(outcome.message, strerror(ENAMETOOLONG)) != NULL);
  }
  fact("an entry without NAME inside a directory, and a root with one, are refused");
  begin_directory();
  stream_file(&stream, NULL, S_IFREG | 0644, "x");
  EXPECT(refused("without NAME"));
  stream_begin(&stream);
  stream_file(&stream, "root", S_IFREG | 0644, "x");
  EXPECT(refused("root with a NAME"));
  fact("a NUL byte in a NAME is refused");
  begin_directory();
  static uint8_t nul[] = {0, 32, 0, 0, 0, 3, 'a', 0, 'b', 0, 41, 0, 0, 0, 4, 0, 0, 0x81, 0xa4};
  stream_fields(&stream, &(struct field_writer){.bytes = nul, .used = sizeof nul});
  EXPECT(refused("malformed"));
}

static void test_records(void) {
  fact("types that are neither file, directory nor link are refused");
  static const uint32_t modes[] = {S_IFIFO | 0644, S_IFCHR | 0644, S_IFBLK | 0644, S_IFSOCK | 0644, 0644, 0,
                                   S_IFREG | 0x10000, UINT32_MAX};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    begin_directory();
    stream_entry(&stream, "x", modes[i], NULL);
    EXPECT(refused("MODE"));
  }
  fact("a link without TARGET is refused, and one of an empty or overlong TARGET is what Linux says to it");
  begin_directory();
  stream_entry(&stream, "x", S_IFLNK | 0777, NULL);
  EXPECT(refused("TARGET"));
  begin_directory();
  stream_entry(&stream, "x", S_IFLNK | 0777, "");
  EXPECT(!stream_write(&stream, at("hostile"), &outcome) && outcome.error == ENOENT);
  fact("a record of 65,537 bytes is refused");
  begin_directory();
  put_u32(stream.bytes + stream.size, 65537);
  stream.size += 4 + 65537;
  EXPECT(refused("65536"));
  fact("fields that run past their record, and numbers of the wrong size, are refused");
  begin_directory();
  static uint8_t past[] = {0, 41, 0, 0, 0, 9, 0, 0, 0, 0};
  stream_fields(&stream, &(struct field_writer){.bytes = past, .used = sizeof past});
  EXPECT(refused("malformed"));
  begin_directory();
  static uint8_t small[] = {0, 41, 0, 0, 0, 2, 0, 0};
  stream_fields(&stream, &(struct field_writer){.bytes = small, .used = sizeof small});
  EXPECT(refused("wrong size"));
  fact("an end inside a directory, a LEAVE too many, a stream without a root, and one with two are refused");
  begin_directory();
  stream_end(&stream);
  EXPECT(refused("inside a directory"));
  begin_directory();
  stream_leave(&stream);
  stream_leave(&stream);
  EXPECT(refused("more than one root"));
  stream_begin(&stream);
  stream_end(&stream);
  EXPECT(refused("no root"));
  stream_begin(&stream);
  stream_leave(&stream);
  EXPECT(refused("no root"));
  begin_directory();
  stream_leave(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  EXPECT(refused("more than one root"));
}

static void test_extents(void) {
  static const struct {
    uint64_t extents[3][2];
  } wrong[] = {
      {{{4, 2}, {3, 1}}},                  /* backwards */
      {{{4, 2}, {5, 1}}},                  /* overlapping */
      {{{4, 2}, {5, 0}}},                  /* shorter than its data */
      {{{0, 1048577}}},                    /* too long */
      {{{UINT64_MAX, 1}}},                 /* beyond what a file can be */
      {{{INT64_MAX, 1}}},
      {{{(uint64_t)INT64_MAX + 1, 0}}},
      {{{1, UINT64_MAX}}},
  };
  fact("extents that run backwards, overlap, are too long or lie beyond the end of any file are refused");
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    static const char bytes[8];
    begin_directory();
    stream_entry(&stream, "x", S_IFREG | 0644, NULL);
    for (int e = 0; e < 3; e++) {
      uint64_t length = wrong[i].extents[e][1];
      stream_extent(&stream, wrong[i].extents[e][0], length, length < sizeof bytes ? bytes : NULL);
    }
    EXPECT(refused("extents"));
    EXPECT(!is_there("hostile/x"));
  }
  fact("adjacent extents and one of a mebibyte are fine");
  static char bytes[1 << 20];
  begin_directory();
  stream_entry(&stream, "x", S_IFREG | 0644, NULL);
  stream_extent(&stream, 0, 2, bytes);
  stream_extent(&stream, 2, sizeof bytes, bytes);
  stream_extent(&stream, sizeof bytes + 2, 0, NULL);
  stream_leave(&stream);
  stream_end(&stream);
  EXPECT(stream_write(&stream, at("hostile"), &outcome) && stat_of("hostile/x").st_size == (1 << 20) + 2);
}

static void test_depth(void) {
  fact("512 directories in each other are written and read, 513 are refused");
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  for (int i = 1; i < 512; i++) stream_entry(&stream, "d", S_IFDIR | 0755, NULL);
  size_t open_ended = stream.size;
  for (int i = 0; i < 512; i++) stream_leave(&stream);
  stream_end(&stream);
  EXPECT(stream_write(&stream, at("deep"), &outcome));
  EXPECT(stream_read(&stream, at("deep"), &outcome) && stream_write(&stream, at("deeper"), &outcome));
  stream_begin(&stream);
  stream_entry(&stream, NULL, S_IFDIR | 0755, NULL);
  for (int i = 1; i < 512; i++) stream_entry(&stream, "d", S_IFDIR | 0755, NULL);
  EXPECT(stream.size == open_ended);
  stream_entry(&stream, "d", S_IFDIR | 0755, NULL);
  EXPECT(refused("512"));
}

static void test_cuts(void) {
  int before = count_descriptors();
  fact("a stream that ends too early is refused, wherever it ends, and leaves no file of a name of the agent's own");
  put_directory("hostile/cut", 0755);
  put_text("hostile/cut/replaced", "old");
  begin_directory();
  stream_file(&stream, "new", S_IFREG | 0644, "some content");
  stream_file(&stream, "replaced", S_IFREG | 0644, "new");
  stream_entry(&stream, "link", S_IFLNK | 0777, "target");
  stream_entry(&stream, "inner", S_IFDIR | 0755, NULL);
  stream_leave(&stream);
  stream_leave(&stream);
  stream_end(&stream);
  size_t whole = stream.size;
  for (stream.size = 0; stream.size < whole; stream.size++) {
    bool good = !stream_write(&stream, at("hostile/cut"), &outcome) && outcome.status == STATUS_BAD_REQUEST;
    if (!good) printf("# cut at %zu: %s\n", stream.size, outcome.message);
    EXPECT(good && count_names("hostile/cut", ".smolvm-") == 0);
    /* Either it is whole, or it is not there. */
    EXPECT(!is_there("hostile/cut/new") || says("hostile/cut/new", "some content"));
    EXPECT(says("hostile/cut/replaced", "old") || says("hostile/cut/replaced", "new"));
  }
  EXPECT(stream_write(&stream, at("hostile/cut"), &outcome) && says("hostile/cut/replaced", "new"));
  fact("no outcome leaves a descriptor open");
  EXPECT(count_descriptors() == before);
}

static void test_read_errors(void) {
  fact("what is not there, and what is neither file nor directory, cannot be read as a tree");
  EXPECT(!stream_read(&stream, at("nosuch"), &outcome) && outcome.error == ENOENT);
  EXPECT(strstr(outcome.message, "/nosuch: No such file or directory") != NULL);
  EXPECT(!stream_read(&stream, "/dev/null", &outcome) && outcome.status == STATUS_NOT_REGULAR);
  put_text("plain", "");
  EXPECT(!stream_read(&stream, at("plain/inner"), &outcome) && outcome.error == ENOTDIR);
  fact("a path whose directory is a file cannot be written");
  begin_directory();
  EXPECT(!stream_write(&stream, at("plain/inner/more"), &outcome) && outcome.error == ENOTDIR);
  fact("a reader that goes away ends the reading");
  int ends[2];
  EXPECT(pipe2(ends, O_CLOEXEC) == 0 && close(ends[0]) == 0);
  EXPECT(!tree_read(at("from"), ends[1], &outcome) && outcome.error == EPIPE);
  close(ends[1]);
}

/* In a child, whose mounts nobody else sees. Its exit code: 0 good, 2 not possible here. */
static int in_full_filesystem(void) {
  static char bytes[1 << 20];
  put_directory("full", 0755);
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 2;
  if (mount("tmpfs", at("full"), "tmpfs", 0, "size=128k") < 0) return 2;
  put_text("full/replaced", "old");
  begin_directory();
  stream_entry(&stream, "replaced", S_IFREG | 0644, NULL);
  stream_extent(&stream, 0, sizeof bytes, bytes);
  stream_extent(&stream, sizeof bytes, 0, NULL);
  bool good = !stream_write(&stream, at("full"), &outcome) && outcome.error == ENOSPC && says("full/replaced", "old") &&
              count_names("full", ".smolvm-") == 0;
  stream.bytes[8 + 10] = 'x';
  begin_directory();
  stream_entry(&stream, "new", S_IFREG | 0644, NULL);
  stream_extent(&stream, 0, sizeof bytes, bytes);
  return good && !stream_write(&stream, at("full"), &outcome) && outcome.error == ENOSPC && !is_there("full/new") ? 0 : 1;
}

static int wait_for(pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_no_space(void) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(in_full_filesystem());
  int code = wait_for(pid);
  if (code == 2) {
    printf("# skipped: a filesystem without room (no right to mount here)\n");
    return;
  }
  fact("a filesystem without room is told as ENOSPC, and the file that did not fit is not there");
  EXPECT(code == 0);
}

static int write_limited(void) {
  static char bytes[1 << 20];
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){65536, 65536});
  begin_directory();
  stream_entry(&stream, "limited", S_IFREG | 0644, NULL);
  stream_extent(&stream, 0, sizeof bytes, bytes);
  stream_extent(&stream, sizeof bytes, 0, NULL);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return 1;
  if (fork() == 0) {
    close(ends[0]);
    _exit(write(ends[1], stream.bytes, stream.size) < 0);
  }
  close(ends[1]);
  return !tree_write(at("hostile"), getuid(), getgid(), ends[0], &outcome) && outcome.error == EFBIG &&
                 !is_there("hostile/limited")
             ? 0
             : 1;
}

static void test_limits(void) {
  fact("a file that grows over a limit is told as EFBIG, and is not there");
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(write_limited());
  EXPECT(wait_for(pid) == 0);
}

/* A writer that was fed `size` bytes of the stream, and waits for more when the signal comes. */
static int end_by_term(const char *path, size_t size) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[1]);
    unfinished_catch();
    _exit(tree_write(path, getuid(), getgid(), ends[0], &outcome));
  }
  close(ends[0]);
  if (write(ends[1], stream.bytes, size) != (ssize_t)size) abort();
  usleep(20000);
  kill(pid, SIGTERM);
  int code = wait_for(pid);
  close(ends[1]);
  return code;
}

static void test_term(void) {
  fact("a writer that is told to end removes the file that it had not written to its end, and keeps the old one");
  put_directory("ended", 0755);
  put_text("ended/replaced", "old");
  begin_directory();
  stream_file(&stream, "replaced", S_IFREG | 0644, "new content");
  EXPECT(end_by_term(at("ended"), stream.size - 20) == 128 + SIGTERM);
  EXPECT(says("ended/replaced", "old") && count_names("ended", ".smolvm-") == 0);
  begin_directory();
  stream_file(&stream, "fresh", S_IFREG | 0644, "new content");
  EXPECT(end_by_term(at("ended"), stream.size - 20) == 128 + SIGTERM && !is_there("ended/fresh"));
  fact("what was written to its end before stays");
  EXPECT(end_by_term(at("ended"), stream.size) == 128 + SIGTERM && says("ended/fresh", "new content"));
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  workspace_open();
  test_round_trip();
  if (argc > 1) test_golden(argv[1]);
  test_merge();
  put_directory("hostile", 0755);
  test_names();
  test_records();
  test_extents();
  test_depth();
  test_cuts();
  test_read_errors();
  test_no_space();
  test_limits();
  test_term();
  fact("nothing is left behind");
  EXPECT(workspace_close());
  return conclude();
}
