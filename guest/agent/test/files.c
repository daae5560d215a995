/* The methods of files, in sessions, on real files. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bytes.h"
#include "one-session.h"
#include "sync.h"
#include "tap.h"
#include "workspace.h"

static char bytes[1 << 20];

/* The request of a method for a path in the workspace. */
static void ask(uint32_t method, const char *name, uint32_t flags) {
  put_field_text(TAG_PATH, at(name));
  if (flags != 0) put_field_u32(TAG_FLAGS, flags);
  request_send(method);
}

static bool failed(int error) {
  if (run.ended && run.status == STATUS_SYSTEM && run.error == (uint32_t)error) return true;
  printf("# status %u, error %u: %s\n", run.status, run.error, run.message);
  return false;
}

/* A method that is answered at once. */
static bool does(uint32_t method, const char *name, uint32_t flags) {
  ask(method, name, flags);
  return finished_in_one_turn() && run.status == STATUS_OK;
}

static bool fails(uint32_t method, const char *name, uint32_t flags, int error) {
  ask(method, name, flags);
  finish();
  return failed(error);
}

static void test_read(void) {
  put_text("small", "some text\n");
  EXPECT(chmod(at("small"), 0640) == 0);
  set_time("small", 1234567890123456789);
  fact("a small file is read in one turn: STARTED with its stat, DATA, END and RESULT leave together");
  ask(METHOD_FILE_READ, "small", 0);
  EXPECT(finished_in_one_turn() && run.status == STATUS_OK && run.ends == 1);
  EXPECT(strcmp(run.bytes[0], "some text\n") == 0);
  EXPECT(told.numbers[TAG_MODE] == (S_IFREG | 0640) && told.numbers[TAG_SIZE] == 10 && told.numbers[TAG_LINKS] == 1);
  EXPECT(told.numbers[TAG_MTIME_NS] == 1234567890123456789 && told.numbers[TAG_INODE] == stat_of("small").st_ino);
  EXPECT(told.has[TAG_UID] && told.has[TAG_GID] && told.has[TAG_CTIME_NS] && !told.has[TAG_TARGET]);
  fact("OFFSET and LENGTH take a part, which may lie beyond the end");
  put_field_u64(TAG_OFFSET, 5);
  put_field_u64(TAG_LENGTH, 3);
  ask(METHOD_FILE_READ, "small", 0);
  EXPECT(finished_in_one_turn() && strcmp(run.bytes[0], "tex") == 0 && run.ends == 1);
  put_field_u64(TAG_OFFSET, 100);
  ask(METHOD_FILE_READ, "small", 0);
  EXPECT(finished_in_one_turn() && run.size[0] == 0 && run.ends == 1 && run.status == STATUS_OK);
  put_field_u64(TAG_LENGTH, 0);
  ask(METHOD_FILE_READ, "small", 0);
  EXPECT(finished_in_one_turn() && run.size[0] == 0 && run.ends == 1);
  fact("a link is followed");
  put_link("to-small", "small");
  ask(METHOD_FILE_READ, "to-small", 0);
  EXPECT(finished_in_one_turn() && run.size[0] == 10);
  fact("a large file comes as the credit allows, and whole");
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 + i / 1000);
  put_bytes("large", bytes, sizeof bytes, 0644);
  put_field_u32(TAG_WINDOW, 50000);
  ask(METHOD_FILE_READ, "large", 0);
  for (int i = 0; i < 20; i++) turn(0);
  EXPECT(run.size[0] == 50000 && memcmp(run.bytes[0], bytes, 50000) == 0 && !run.ended);
  credit_send(1);
  for (int i = 0; i < 3; i++) turn(0);
  EXPECT(run.size[0] == 50001);
  cancel_send();
  finish();
  EXPECT(run.status == STATUS_CANCELLED);
  ask(METHOD_FILE_READ, "large", 0);
  finish();
  EXPECT(run.status == STATUS_OK && run.size[0] == sizeof bytes && memcmp(run.bytes[0], bytes, 65000) == 0);
  fact("content that holds the sync word arrives as it is, and no frame holds the word");
  memcpy(bytes + 100, sync_word, SYNC_SIZE);
  memcpy(bytes + 116, sync_word, SYNC_SIZE);
  put_bytes("sync", bytes, 1000, 0644);
  ask(METHOD_FILE_READ, "sync", 0);
  finish();
  unsigned matched = 0;
  EXPECT(run.size[0] == 1000 && memcmp(run.bytes[0], bytes, 1000) == 0);
  EXPECT(sync_find(&matched, host.buffer, host.filled) == 0);
  /* As the host's own input it would begin a session. */
  memset(bytes + 100, 0, 2 * SYNC_SIZE);
}

static void test_read_errors(void) {
  fact("a file of procfs, which has no size, is read to its end");
  put_field_text(TAG_PATH, "/proc/self/limits");
  request_send(METHOD_FILE_READ);
  finish();
  EXPECT(run.status == STATUS_OK && run.size[0] > 500);
  fact("what is missing is ENOENT with the path in the message, a directory EISDIR");
  EXPECT(fails(METHOD_FILE_READ, "nosuch", 0, ENOENT) && strstr(run.message, "/nosuch: No such file or directory") != NULL);
  EXPECT(run.ends == 0);
  put_directory("directory", 0755);
  EXPECT(fails(METHOD_FILE_READ, "directory", 0, EISDIR) && fails(METHOD_FILE_READ, "small/x", 0, ENOTDIR));
  fact("a link to itself is ELOOP, a name of over 255 bytes ENAMETOOLONG");
  put_link("loop", "loop");
  EXPECT(fails(METHOD_FILE_READ, "loop", 0, ELOOP));
  char name[301];
  memset(name, 'x', 300);
  name[300] = '\0';
  EXPECT(fails(METHOD_FILE_READ, name, 0, ENAMETOOLONG));
  fact("a pipe and a device are NOT_REGULAR, and are not opened: a writer would find a reader");
  EXPECT(mkfifo(at("pipe"), 0600) == 0);
  ask(METHOD_FILE_READ, "pipe", 0);
  finish();
  EXPECT(run.status == STATUS_NOT_REGULAR && open(at("pipe"), O_WRONLY | O_NONBLOCK) < 0);
  put_field_text(TAG_PATH, "/dev/null");
  request_send(METHOD_FILE_READ);
  finish();
  EXPECT(run.status == STATUS_NOT_REGULAR);
  fact("a PATH that is missing, relative or empty, and an OFFSET that no file has, are BAD_REQUEST");
  request_send(METHOD_FILE_READ);
  EXPECT(finished_in_one_turn() && run.status == STATUS_BAD_REQUEST);
  put_field_text(TAG_PATH, "etc/passwd");
  request_send(METHOD_FILE_READ);
  EXPECT(finished_in_one_turn() && run.status == STATUS_BAD_REQUEST);
  put_field_text(TAG_PATH, "");
  request_send(METHOD_FILE_READ);
  EXPECT(finished_in_one_turn() && run.status == STATUS_BAD_REQUEST);
  put_field_u64(TAG_OFFSET, (uint64_t)1 << 63);
  ask(METHOD_FILE_READ, "small", 0);
  EXPECT(finished_in_one_turn() && run.status == STATUS_BAD_REQUEST);
}

/* FILE_WRITE with all of its input behind it. */
static void write_text(const char *name, uint32_t flags, const char *text) {
  ask(METHOD_FILE_WRITE, name, flags);
  data_send(text, strlen(text));
  end_send();
  finish();
}

static bool writes(const char *name, uint32_t flags, const char *text) {
  write_text(name, flags, text);
  return run.status == STATUS_OK && told.numbers[TAG_SIZE] == strlen(text);
}

static void test_write(void) {
  fact("a small write whose input comes right behind it is answered in one turn, with its SIZE");
  ask(METHOD_FILE_WRITE, "written", 0);
  data_send("content", 7);
  end_send();
  EXPECT(finished_in_one_turn() && run.status == STATUS_OK && told.numbers[TAG_SIZE] == 7);
  EXPECT(says("written", "content") && stat_of("written").st_mode == (S_IFREG | 0644));
  fact("no input at all makes an empty file");
  EXPECT(writes("nothing", 0, "") && stat_of("nothing").st_size == 0 && is_there("nothing"));
  fact("what is replaced keeps its mode and owner, and who has it open keeps the old content");
  EXPECT(chmod(at("written"), 04751) == 0);
  if (getuid() == 0) EXPECT(chown(at("written"), 1234, 4321) == 0 && chmod(at("written"), 04751) == 0);
  int old = open(at("written"), O_RDONLY | O_CLOEXEC);
  struct stat before = stat_of("written");
  EXPECT(writes("written", 0, "new") && says("written", "new"));
  struct stat after = stat_of("written");
  EXPECT(after.st_mode == before.st_mode && after.st_uid == before.st_uid && after.st_gid == before.st_gid);
  EXPECT(after.st_ino != before.st_ino && read(old, bytes, 10) == 7);
  close(old);
  fact("MODE and who are what is asked for");
  put_field_u32(TAG_MODE, 02600);
  put_field_u32(TAG_UID, getuid() == 0 ? 77 : getuid());
  put_field_u32(TAG_GID, getuid() == 0 ? 78 : getgid());
  EXPECT(writes("written", 0, "x") && stat_of("written").st_mode == (S_IFREG | 02600));
  if (getuid() == 0) EXPECT(stat_of("written").st_uid == 77 && stat_of("written").st_gid == 78);
  fact("a link stays, and where it leads is replaced: also over several links, and where there was nothing");
  put_directory("far", 0755);
  put_text("far/target", "old");
  put_link("far/second", "target");
  put_link("first", "far/second");
  EXPECT(writes("first", 0, "through") && says("far/target", "through") && says("first", "far/second"));
  put_link("dangling", "far/made");
  EXPECT(writes("dangling", 0, "made") && says("far/made", "made") && says("dangling", "far/made"));
  fact("PARENTS makes what is missing above, and without it that is ENOENT");
  EXPECT(fails(METHOD_FILE_WRITE, "p/q/file", 0, ENOENT) && writes("p/q/file", FILE_PARENTS, "deep") && says("p/q/file", "deep"));
  EXPECT(stat_of("p/q").st_mode == (S_IFDIR | 0755));
  fact("EXCLUSIVE refuses what exists, a link to nothing included");
  EXPECT(fails(METHOD_FILE_WRITE, "written", FILE_EXCLUSIVE, EEXIST) && fails(METHOD_FILE_WRITE, "dangling", FILE_EXCLUSIVE, EEXIST));
  EXPECT(writes("exclusive", FILE_EXCLUSIVE, "first"));
  fact("EXCLUSIVE refuses what came to exist while it was written, too");
  ask(METHOD_FILE_WRITE, "raced", FILE_EXCLUSIVE);
  turn(0);
  put_text("raced", "theirs");
  end_send();
  finish();
  EXPECT(failed(EEXIST) && says("raced", "theirs"));
  fact("with NO_FOLLOW a link is meant itself, which is not regular");
  write_text("first", FILE_NO_FOLLOW, "x");
  EXPECT(run.status == STATUS_NOT_REGULAR && says("far/target", "through"));
  fact("none of this leaves a file of a name of the agent's own");
  EXPECT(count_names("", ".smolvm-") == 0 && count_names("far", ".smolvm-") == 0);
}

static void test_large_write(void) {
  fact("a megabyte is written with the credit that comes, 256 KiB ahead");
  ask(METHOD_FILE_WRITE, "megabyte", 0);
  size_t sent = 0, ahead = 0;
  while (sent < sizeof bytes) {
    turn(0);
    size_t credit = FIRST_INPUT_WINDOW + run.granted - sent;
    if (credit > ahead) ahead = credit;
    size_t size = sizeof bytes - sent < credit ? sizeof bytes - sent : credit;
    if (size > MAX_PAYLOAD) size = MAX_PAYLOAD;
    if (size == 0) break; /* a failure, told below */
    data_send(bytes + sent, size);
    sent += size;
  }
  end_send();
  finish();
  EXPECT(run.status == STATUS_OK && told.numbers[TAG_SIZE] == sizeof bytes && ahead >= 262144);
  EXPECT(stat_of("megabyte").st_size == sizeof bytes);
  static char back[sizeof bytes];
  int fd = open(at("megabyte"), O_RDONLY | O_CLOEXEC);
  EXPECT(read(fd, back, sizeof back) == sizeof back && memcmp(back, bytes, sizeof back) == 0);
  close(fd);
}

static void test_unfinished_write(void) {
  fact("CANCEL, the end of the session and a failure remove the new file, and the old one stays");
  put_text("kept", "old");
  ask(METHOD_FILE_WRITE, "kept", 0);
  data_send("new", 3);
  turn(0);
  EXPECT(count_names("", ".smolvm-") == 1 && says("kept", "old"));
  cancel_send();
  finish();
  EXPECT(run.status == STATUS_CANCELLED && count_names("", ".smolvm-") == 0 && says("kept", "old"));
  ask(METHOD_FILE_WRITE, "kept", 0);
  data_send("new", 3);
  turn(0);
  EXPECT(session_finish() && count_names("", ".smolvm-") == 0 && says("kept", "old"));
  session_begin();
  fact("a file that is written in place is not removed");
  ask(METHOD_FILE_WRITE, "in place", FILE_APPEND);
  data_send("part", 4);
  turn(0);
  cancel_send();
  finish();
  EXPECT(run.status == STATUS_CANCELLED && says("in place", "part"));
  fact("a file that outgrows a limit is told with its errno, and what is sent after that is ignored");
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){2000, limit.rlim_max});
  ask(METHOD_FILE_WRITE, "kept", 0);
  data_send(bytes, 3000);
  data_send(bytes, 100);
  end_send();
  finish();
  setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT(failed(EFBIG) && says("kept", "old") && count_names("", ".smolvm-") == 0);
  EXPECT(strstr(run.message, "/kept: File too large") != NULL && told.started);
  fact("a directory that went away meanwhile is ENOENT");
  put_directory("short-lived", 0755);
  ask(METHOD_FILE_WRITE, "short-lived/file", 0);
  turn(0);
  EXPECT(told.started && remove_names("short-lived", ".smolvm-") == 1 && rmdir(at("short-lived")) == 0);
  end_send();
  finish();
  EXPECT(failed(ENOENT));
}

static void test_in_place(void) {
  fact("IN_PLACE writes into the file itself, cut to nothing first, or from OFFSET on, or at its end");
  put_text("itself", "0123456789");
  ino_t inode = stat_of("itself").st_ino;
  put_field_u64(TAG_OFFSET, 8);
  EXPECT(writes("itself", FILE_IN_PLACE, "abc") && says("itself", "01234567abc"));
  EXPECT(writes("itself", FILE_APPEND, "def") && says("itself", "01234567abcdef"));
  EXPECT(writes("itself", FILE_APPEND | FILE_IN_PLACE, "g") && says("itself", "01234567abcdefg"));
  EXPECT(writes("itself", FILE_IN_PLACE, "new") && says("itself", "new") && stat_of("itself").st_ino == inode);
  fact("a missing file is made, with MODE, also where a link leads to it");
  put_field_u32(TAG_MODE, 0600);
  EXPECT(writes("made in place", FILE_IN_PLACE, "x") && stat_of("made in place").st_mode == (S_IFREG | 0600));
  put_link("to nothing", "far/nothing");
  EXPECT(writes("to nothing", FILE_APPEND, "y") && says("far/nothing", "y"));
  EXPECT(stat_of("far/nothing").st_mode == (S_IFREG | 0644));
  EXPECT(writes("r/s/file", FILE_IN_PLACE | FILE_PARENTS, "z") && says("r/s/file", "z"));
  fact("EXCLUSIVE and NO_FOLLOW hold here, too");
  EXPECT(fails(METHOD_FILE_WRITE, "itself", FILE_IN_PLACE | FILE_EXCLUSIVE, EEXIST));
  EXPECT(fails(METHOD_FILE_WRITE, "first", FILE_IN_PLACE | FILE_NO_FOLLOW, ELOOP) && says("far/target", "through"));
  fact("a device is written IN_PLACE only, and its errors are told");
  put_field_text(TAG_PATH, "/dev/full");
  request_send(METHOD_FILE_WRITE);
  finish();
  EXPECT(run.status == STATUS_NOT_REGULAR);
  put_field_text(TAG_PATH, "/dev/full");
  put_field_u32(TAG_FLAGS, FILE_IN_PLACE);
  request_send(METHOD_FILE_WRITE);
  data_send("x", 1);
  finish();
  EXPECT(failed(ENOSPC) && strcmp(run.message, "/dev/full: No space left on device") == 0);
  fact("a pipe that nobody reads is ENXIO, and one that is full takes the rest when it is read");
  EXPECT(fails(METHOD_FILE_WRITE, "pipe", FILE_IN_PLACE, ENXIO));
  int reader = open(at("pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  EXPECT(fcntl(reader, F_SETPIPE_SZ, 4096) == 4096);
  ask(METHOD_FILE_WRITE, "pipe", FILE_IN_PLACE);
  data_send(bytes, 3000);
  turn(0);
  data_send(bytes + 3000, 2000);
  end_send();
  for (int i = 0; i < 5; i++) turn(0);
  EXPECT(!run.ended && read(reader, bytes, 4096) == 3000);
  finish();
  EXPECT(run.status == STATUS_OK && told.numbers[TAG_SIZE] == 5000 && read(reader, bytes, 4096) == 2000);
  close(reader);
  fact("a directory, and a path that ends in a slash, are EISDIR with and without IN_PLACE; a link to itself is ELOOP");
  EXPECT(fails(METHOD_FILE_WRITE, "fresh/", 0, EISDIR) && fails(METHOD_FILE_WRITE, "fresh/", FILE_IN_PLACE, EISDIR));
  EXPECT(fails(METHOD_FILE_WRITE, "loop", 0, ELOOP) && fails(METHOD_FILE_WRITE, "loop", FILE_IN_PLACE, ELOOP));
  EXPECT(fails(METHOD_FILE_WRITE, "directory", FILE_IN_PLACE, EISDIR) && fails(METHOD_FILE_WRITE, "directory", 0, EISDIR));
  fact("OFFSET without IN_PLACE, OFFSET with APPEND, a MODE over 07777 and a user who does not exist are refused");
  put_field_u64(TAG_OFFSET, 0);
  EXPECT(!does(METHOD_FILE_WRITE, "itself", 0) && run.status == STATUS_BAD_REQUEST);
  put_field_u64(TAG_OFFSET, 0);
  EXPECT(!does(METHOD_FILE_WRITE, "itself", FILE_IN_PLACE | FILE_APPEND) && run.status == STATUS_BAD_REQUEST);
  put_field_u32(TAG_MODE, 010000);
  EXPECT(!does(METHOD_FILE_WRITE, "itself", 0) && run.status == STATUS_BAD_REQUEST);
  put_field_text(TAG_USER, "no such user");
  EXPECT(!does(METHOD_FILE_WRITE, "itself", 0) && run.status == STATUS_UNKNOWN_USER && says("itself", "new"));
}

int main(void) {
  signal(SIGXFSZ, SIG_IGN);
  workspace_open();
  session_begin();
  int before = count_descriptors();
  test_read();
  test_read_errors();
  test_write();
  test_large_write();
  test_unfinished_write();
  test_in_place();
  fact("no request leaves a descriptor open");
  EXPECT(count_descriptors() == before);
  EXPECT(session_finish());
  fact("nothing is left behind");
  EXPECT(workspace_close());
  return conclude();
}
