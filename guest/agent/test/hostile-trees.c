/* TREE_WRITE of streams that no good host sends, and what TREE_READ cannot read. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "stream.h"
#include "tap.h"
#include "tree.h"
#include "wire.h"
#include "workspace.h"

static struct stream stream;
static struct outcome outcome;

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
  EXPECT(!tree_read(at("deep"), ends[1], &outcome) && outcome.error == EPIPE);
  close(ends[1]);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  workspace_open();
  put_directory("hostile", 0755);
  test_names();
  test_records();
  test_extents();
  test_depth();
  test_cuts();
  test_read_errors();
  fact("nothing is left behind");
  EXPECT(workspace_close());
  return conclude();
}
