/* The methods of files that carry no content, in sessions, on real files. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "one-session.h"
#include "tap.h"
#include "workspace.h"

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

/* Answered at once, without a STARTED. */
static bool does(uint32_t method, const char *name, uint32_t flags) {
  ask(method, name, flags);
  return finished_in_one_turn() && run.status == STATUS_OK && !told.started;
}

static bool fails(uint32_t method, const char *name, uint32_t flags, int error) {
  ask(method, name, flags);
  finish();
  return failed(error);
}

/* Answered by a worker. */
static bool works(uint32_t method, const char *name, uint32_t flags) {
  ask(method, name, flags);
  finish();
  if (run.status != STATUS_OK) printf("# %s\n", run.message);
  return run.ended && run.status == STATUS_OK;
}

static void test_stat(void) {
  put_text("file", "0123456789");
  put_link("link", "file");
  put_link("dangling", "nothing at all");
  fact("FILE_STAT tells of what a link leads to, and with NO_FOLLOW of the link and its TARGET");
  EXPECT(does(METHOD_FILE_STAT, "link", 0) && S_ISREG(told.numbers[TAG_MODE]) && told.numbers[TAG_SIZE] == 10);
  EXPECT(!told.has[TAG_TARGET]);
  EXPECT(does(METHOD_FILE_STAT, "dangling", FILE_NO_FOLLOW) && S_ISLNK(told.numbers[TAG_MODE]));
  EXPECT(strcmp(told.target, "nothing at all") == 0);
  EXPECT(fails(METHOD_FILE_STAT, "dangling", 0, ENOENT) && fails(METHOD_FILE_STAT, "file/x", 0, ENOTDIR));
  fact("the longest TARGET that Linux has arrives whole");
  static char target[4096];
  memset(target, 't', sizeof target - 1);
  put_link("long", target);
  EXPECT(does(METHOD_FILE_STAT, "long", FILE_NO_FOLLOW) && strcmp(told.target, target) == 0);
  fact("a time before 1970 is negative");
  set_time("file", -1500000000);
  EXPECT(does(METHOD_FILE_STAT, "file", 0) && (int64_t)told.numbers[TAG_MTIME_NS] == -1500000000);
}

static void test_make_directory(void) {
  fact("FILE_MAKE_DIRECTORY makes one of 0755, or of MODE whatever the umask, or of who");
  EXPECT(does(METHOD_FILE_MAKE_DIRECTORY, "d", 0) && stat_of("d").st_mode == (S_IFDIR | 0755));
  put_field_u32(TAG_MODE, 01777);
  EXPECT(does(METHOD_FILE_MAKE_DIRECTORY, "sticky/", 0) && stat_of("sticky").st_mode == (S_IFDIR | 01777));
  put_field_u32(TAG_UID, 77);
  if (getuid() == 0) EXPECT(does(METHOD_FILE_MAKE_DIRECTORY, "theirs", 0) && stat_of("theirs").st_uid == 77);
  fact("what exists is EEXIST, except a directory with PARENTS, which stays as it is");
  EXPECT(fails(METHOD_FILE_MAKE_DIRECTORY, "d", 0, EEXIST) && fails(METHOD_FILE_MAKE_DIRECTORY, "file", FILE_PARENTS, EEXIST));
  put_field_u32(TAG_MODE, 0700);
  EXPECT(does(METHOD_FILE_MAKE_DIRECTORY, "d", FILE_PARENTS) && stat_of("d").st_mode == (S_IFDIR | 0755));
  EXPECT(fails(METHOD_FILE_MAKE_DIRECTORY, "d", FILE_PARENTS | FILE_EXCLUSIVE, EEXIST));
  fact("PARENTS makes all that is missing, and leaves none of it where the last step fails");
  EXPECT(fails(METHOD_FILE_MAKE_DIRECTORY, "a/b/c", 0, ENOENT));
  EXPECT(does(METHOD_FILE_MAKE_DIRECTORY, "a//b/c/", FILE_PARENTS) && is_there("a/b/c"));
  char name[300] = "e/f/";
  memset(name + 4, 'x', sizeof name - 5);
  EXPECT(fails(METHOD_FILE_MAKE_DIRECTORY, name, FILE_PARENTS, ENAMETOOLONG) && !is_there("e"));
  EXPECT(fails(METHOD_FILE_MAKE_DIRECTORY, "file/f/g", FILE_PARENTS, ENOTDIR));
  fact("the root of the guest exists");
  put_field_text(TAG_PATH, "/");
  put_field_u32(TAG_FLAGS, FILE_PARENTS);
  request_send(METHOD_FILE_MAKE_DIRECTORY);
  EXPECT(finished_in_one_turn() && run.status == STATUS_OK);
}

static void test_remove(void) {
  fact("FILE_REMOVE removes a file, a link itself and an empty directory at once");
  put_text("gone", "");
  put_link("gone too", "d");
  EXPECT(does(METHOD_FILE_REMOVE, "gone", FILE_RECURSIVE) && does(METHOD_FILE_REMOVE, "gone too", FILE_RECURSIVE));
  EXPECT(is_there("d") && does(METHOD_FILE_REMOVE, "sticky", 0) && !is_there("sticky"));
  fact("what is missing is ENOENT, and no error with FORCE");
  EXPECT(fails(METHOD_FILE_REMOVE, "gone", 0, ENOENT) && does(METHOD_FILE_REMOVE, "gone", FILE_FORCE));
  EXPECT(does(METHOD_FILE_REMOVE, "file/x", FILE_FORCE));
  fact("a full directory is ENOTEMPTY, and goes with RECURSIVE, links in it unfollowed");
  put_directory("full", 0755);
  put_directory("full/inner", 0);
  put_text("full/inner/file", "");
  EXPECT(mkfifo(at("full/pipe"), 0600) == 0);
  put_link("full/out", at("d"));
  put_text("d/kept", "kept");
  EXPECT(fails(METHOD_FILE_REMOVE, "full", 0, ENOTEMPTY) && works(METHOD_FILE_REMOVE, "full", FILE_RECURSIVE));
  EXPECT(!is_there("full") && says("d/kept", "kept") && !told.started);
  fact("a path that ends in .. is not removed: what is meant is the directory above");
  put_directory("up", 0755);
  put_directory("up/inner", 0755);
  EXPECT(fails(METHOD_FILE_REMOVE, "up/inner/..", FILE_RECURSIVE, EINVAL) && is_there("up/inner"));
}

static void test_rename(void) {
  put_text("one", "one");
  put_text("two", "two");
  fact("FILE_RENAME replaces, and with EXCLUSIVE does not");
  put_field_text(TAG_TARGET, at("two"));
  EXPECT(fails(METHOD_FILE_RENAME, "one", FILE_EXCLUSIVE, EEXIST) && strstr(run.message, "/two: ") != NULL);
  put_field_text(TAG_TARGET, at("two"));
  EXPECT(does(METHOD_FILE_RENAME, "one", 0) && says("two", "one") && !is_there("one"));
  put_field_text(TAG_TARGET, at("three"));
  EXPECT(does(METHOD_FILE_RENAME, "two", FILE_EXCLUSIVE) && says("three", "one"));
  fact("PARENTS makes the directories above TARGET, and none is left after a failure");
  put_field_text(TAG_TARGET, at("x/y/z"));
  EXPECT(fails(METHOD_FILE_RENAME, "nosuch", FILE_PARENTS, ENOENT) && !is_there("x"));
  put_field_text(TAG_TARGET, at("x/y/z"));
  EXPECT(does(METHOD_FILE_RENAME, "three", FILE_PARENTS) && says("x/y/z", "one"));
  fact("a TARGET that is missing or relative is BAD_REQUEST");
  EXPECT(!does(METHOD_FILE_RENAME, "x", 0) && run.status == STATUS_BAD_REQUEST);
  put_field_text(TAG_TARGET, "x");
  EXPECT(!does(METHOD_FILE_RENAME, "x", 0) && run.status == STATUS_BAD_REQUEST);
}

static void test_change(void) {
  fact("FILE_CHANGE sets what is given, through a link or of the link itself");
  put_field_u32(TAG_MODE, 04711);
  EXPECT(does(METHOD_FILE_CHANGE, "link", 0) && stat_of("file").st_mode == (S_IFREG | 04711));
  put_field_u64(TAG_MTIME_NS, 1234567890123456789);
  EXPECT(does(METHOD_FILE_CHANGE, "link", 0) && stat_of("file").st_mtim.tv_nsec == 123456789);
  put_field_u64(TAG_MTIME_NS, (uint64_t)-1);
  EXPECT(does(METHOD_FILE_CHANGE, "dangling", FILE_NO_FOLLOW) && stat_of("dangling").st_mtim.tv_nsec == 999999999);
  EXPECT(stat_of("dangling").st_mtim.tv_sec == -1);
  put_field_u32(TAG_MODE, 0600);
  EXPECT(fails(METHOD_FILE_CHANGE, "dangling", FILE_NO_FOLLOW, EOPNOTSUPP) && fails(METHOD_FILE_CHANGE, "dangling", 0, ENOENT));
  if (getuid() == 0) {
    fact("a change of owner and mode keeps the set-user-id bit; a GID alone leaves the user");
    put_field_u32(TAG_MODE, 04711);
    put_field_u32(TAG_UID, 77);
    put_field_u32(TAG_GID, 78);
    EXPECT(does(METHOD_FILE_CHANGE, "file", 0) && stat_of("file").st_uid == 77 && stat_of("file").st_gid == 78);
    EXPECT(stat_of("file").st_mode == (S_IFREG | 04711));
    put_field_u32(TAG_GID, 79);
    EXPECT(does(METHOD_FILE_CHANGE, "file", 0) && stat_of("file").st_uid == 77 && stat_of("file").st_gid == 79);
  }
  fact("RECURSIVE changes all below, links themselves and not what they lead to");
  put_directory("tree", 0700);
  put_directory("tree/inner", 0700);
  put_text("tree/inner/file", "");
  put_text("outside", "");
  put_link("tree/out", at("outside"));
  EXPECT(mkfifo(at("tree/pipe"), 0600) == 0);
  put_field_u32(TAG_MODE, 0755);
  put_field_u64(TAG_MTIME_NS, 5000000000);
  if (getuid() == 0) put_field_u32(TAG_UID, 77);
  EXPECT(works(METHOD_FILE_CHANGE, "tree", FILE_RECURSIVE) && stat_of("tree/inner/file").st_mode == (S_IFREG | 0755));
  EXPECT(stat_of("tree").st_mtim.tv_sec == 5 && stat_of("tree/pipe").st_mode == (S_IFIFO | 0755));
  EXPECT(stat_of("outside").st_mode == (S_IFREG | 0644) && stat_of("outside").st_mtim.tv_sec != 5);
  EXPECT(stat_of("tree/out").st_mtim.tv_sec == 5);
  if (getuid() == 0) EXPECT(stat_of("tree/out").st_uid == 77 && stat_of("outside").st_uid == 0);
  put_field_u32(TAG_MODE, 0600);
  EXPECT(works(METHOD_FILE_CHANGE, "outside", FILE_RECURSIVE) && stat_of("outside").st_mode == (S_IFREG | 0600));
}

static void test_symlink(void) {
  fact("FILE_SYMLINK makes a link that says anything, and replaces nothing");
  put_field_text(TAG_TARGET, "../any \"thing\"");
  EXPECT(does(METHOD_FILE_SYMLINK, "made", 0) && says("made", "../any \"thing\""));
  put_field_text(TAG_TARGET, "x");
  EXPECT(fails(METHOD_FILE_SYMLINK, "made", 0, EEXIST));
  EXPECT(!does(METHOD_FILE_SYMLINK, "untold", 0) && run.status == STATUS_BAD_REQUEST);
}

/* The records of a list, as one text: a name a line, with the type and the target of a link. */
static const char *listed(void) {
  static char text[65536];
  size_t used = 0;
  const uint8_t *list = (uint8_t *)run.bytes[0];
  text[0] = '\0';
  for (size_t at_byte = 0; at_byte + 4 <= run.size[0]; at_byte += 4 + get_u32(list + at_byte)) {
    struct field_reader reader = fields_read((uint8_t *)run.bytes[0] + at_byte + 4, get_u32(list + at_byte));
    struct field field;
    char name[512] = "", target[512] = "";
    uint32_t mode = 0;
    while (fields_next(&reader, &field)) {
      if (field.tag == TAG_MODE) field_u32(&field, &mode);
      char *into = field.tag == TAG_NAME ? name : field.tag == TAG_TARGET ? target : NULL;
      if (into != NULL) snprintf(into, sizeof name, "%.*s", (int)field.length, (const char *)field.bytes);
    }
    char type = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? 'f' : '?';
    used += (size_t)snprintf(text + used, sizeof text - used, "\n%s %c%s%s\n", name, type, *target != '\0' ? " " : "", target);
  }
  return text;
}

static void test_list(void) {
  put_directory("list", 0755);
  put_directory("list/inner", 0755);
  put_text("list/inner/file", "x");
  put_link("list/link", "inner");
  put_text("list/.hidden", "");
  fact("FILE_LIST tells of each entry itself, and of nothing else; with RECURSIVE of all below by their paths");
  EXPECT(works(METHOD_FILE_LIST, "list", 0) && told.started && run.ends == 1);
  const char *list = listed();
  EXPECT(strstr(list, "\ninner d\n") != NULL && strstr(list, "\nlink l inner\n") != NULL && strstr(list, "\n.hidden f\n") != NULL);
  EXPECT(strlen(list) == strlen("\ninner d\n\nlink l inner\n\n.hidden f\n"));
  EXPECT(works(METHOD_FILE_LIST, "list/", FILE_RECURSIVE) && strstr(listed(), "\ninner/file f\n") != NULL);
  fact("PATH is followed where it is a link, except with NO_FOLLOW");
  EXPECT(works(METHOD_FILE_LIST, "list/link", 0) && strstr(listed(), "\nfile f\n") != NULL);
  EXPECT(fails(METHOD_FILE_LIST, "list/link", FILE_NO_FOLLOW, ENOTDIR));
  fact("an empty directory has no records; what is no directory is ENOTDIR, without an END");
  put_directory("empty", 0755);
  EXPECT(works(METHOD_FILE_LIST, "empty", 0) && run.size[0] == 0 && run.ends == 1);
  EXPECT(fails(METHOD_FILE_LIST, "file", 0, ENOTDIR) && run.ends == 0 && fails(METHOD_FILE_LIST, "nosuch", 0, ENOENT));
  fact("a thousand entries are all told");
  put_directory("many", 0755);
  for (int i = 0; i < 1000; i++) {
    char name[32];
    snprintf(name, sizeof name, "many/%d", i);
    put_text(name, "");
  }
  EXPECT(works(METHOD_FILE_LIST, "many", 0) && run.size[0] > 1000 * 100);
}

static void test_trees(void) {
  fact("TREE_READ and TREE_WRITE go through a session");
  EXPECT(works(METHOD_TREE_READ, "list", 0) && told.started && run.ends == 1 && run.size[0] < sizeof run.bytes[0]);
  static char stream[65536];
  size_t size = run.size[0];
  memcpy(stream, run.bytes[0], size);
  ask(METHOD_TREE_WRITE, "copy", 0);
  data_send(stream, size);
  end_send();
  finish();
  EXPECT(run.status == STATUS_OK && same_tree("list", "copy"));
  fact("a stream that ends too early is BAD_REQUEST");
  ask(METHOD_TREE_WRITE, "copy", 0);
  data_send(stream, size - 4);
  end_send();
  finish();
  EXPECT(run.status == STATUS_BAD_REQUEST);
  fact("CANCEL, and the end of the session, leave no file of a name of the agent's own, and no worker");
  for (int i = 0; i < 2; i++) {
    ask(METHOD_TREE_WRITE, "copy", 0);
    /* Up to the content of `inner/file`, which exists and so is replaced. */
    for (size_t part = 0; part < size && count_names("copy/inner", ".smolvm-") == 0; part++) {
      data_send(stream + part, 1);
      for (int turns = 0; turns < 2; turns++) turn(1);
    }
    EXPECT(count_names("copy/inner", ".smolvm-") == 1);
    if (i == 0) {
      cancel_send();
      finish();
      EXPECT(run.status == STATUS_CANCELLED);
    } else {
      EXPECT(session_finish());
      session_begin();
    }
    EXPECT(count_names("copy/inner", ".smolvm-") == 0 && says("copy/inner/file", "x"));
  }
}

int main(void) {
  workspace_open();
  session_begin();
  int before = count_descriptors();
  test_stat();
  test_make_directory();
  test_remove();
  test_rename();
  test_change();
  test_symlink();
  test_list();
  test_trees();
  fact("no request leaves a descriptor or a child behind");
  EXPECT(count_descriptors() == before && session_finish());
  fact("nothing is left behind");
  EXPECT(workspace_close());
  return conclude();
}
