/* FILE_WATCH, in sessions, on real directories. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "one-session.h"
#include "tap.h"
#include "watched.h"
#include "workspace.h"

enum { READY = 0, MOST_EVENTS = 40000 };

struct event {
  uint32_t event; /* READY: the record without fields */
  char name[120];
};

static struct event events[MOST_EVENTS];
static size_t event_count;
static size_t looked_at;

static void take_record(uint8_t *bytes, size_t size) {
  struct field_reader reader = fields_read(bytes, size);
  struct field field;
  if (event_count == MOST_EVENTS) abort();
  struct event *event = &events[event_count++];
  *event = (struct event){.event = READY};
  while (fields_next(&reader, &field)) {
    if (field.tag == TAG_EVENT) field_u32(&field, &event->event);
    if (field.tag == TAG_NAME) snprintf(event->name, sizeof event->name, "%.*s", (int)field.length, (char *)field.bytes);
  }
}

/* Takes the whole records of what came, and keeps the rest for the next time. */
static void take_records(void) {
  uint8_t *bytes = (uint8_t *)run.bytes[0];
  size_t at_byte = 0;
  while (at_byte + 4 <= run.size[0] && at_byte + 4 + get_u32(bytes + at_byte) <= run.size[0]) {
    size_t size = get_u32(bytes + at_byte);
    take_record(bytes + at_byte + 4, size);
    at_byte += 4 + size;
  }
  run.size[0] -= at_byte;
  memmove(bytes, bytes + at_byte, run.size[0]);
  if (at_byte != 0) credit_send((uint32_t)at_byte);
}

/* Whether the event comes, behind those that were awaited before. */
static bool comes(uint32_t event, const char *name) {
  uint64_t deadline = monotonic_us() + 3000000u;
  size_t first = looked_at;
  do {
    for (; looked_at < event_count; looked_at++) {
      if (events[looked_at].event == event && strcmp(events[looked_at].name, name) == 0) {
        looked_at++;
        return true;
      }
    }
    turn(2);
    take_records();
  } while (!run.ended && monotonic_us() < deadline);
  for (size_t i = first; i < event_count && i < first + 20; i++) printf("# came: %u %s\n", events[i].event, events[i].name);
  return false;
}

/* Whether nothing comes for a while. */
static bool is_quiet(void) {
  for (int i = 0; i < 25; i++) turn(2);
  take_records();
  for (; looked_at < event_count; looked_at++) {
    printf("# came: %u %s\n", events[looked_at].event, events[looked_at].name);
    return false;
  }
  return true;
}

static void start(const char *name, uint32_t flags, uint32_t window) {
  event_count = looked_at = 0;
  put_field_text(TAG_PATH, at(name));
  if (flags != 0) put_field_u32(TAG_FLAGS, flags);
  if (window != 0) put_field_u32(TAG_WINDOW, window);
  request_send(METHOD_FILE_WATCH);
}

static bool cancel(void) {
  cancel_send();
  finish();
  return run.status == STATUS_CANCELLED && run.ends == 0;
}

static void change(const char *name) {
  int fd = open(at(name), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0 || write(fd, "x", 1) != 1) abort();
  close(fd);
}

static void test_directory(void) {
  put_directory("d", 0755);
  put_directory("d/inner", 0755);
  put_text("d/file", "");
  fact("a first record without fields says that it watches; each change then is one record");
  start("d", 0, 0);
  EXPECT(comes(READY, "") && told.started && is_quiet());
  put_text("d/new", "");
  EXPECT(comes(EVENT_CREATED, "new"));
  change("d/new");
  EXPECT(comes(EVENT_MODIFIED, "new"));
  EXPECT(chmod(at("d/new"), 0600) == 0 && comes(EVENT_ATTRIBUTES, "new"));
  EXPECT(rename(at("d/new"), at("d/newer")) == 0 && comes(EVENT_REMOVED, "new") && comes(EVENT_CREATED, "newer"));
  EXPECT(unlink(at("d/newer")) == 0 && comes(EVENT_REMOVED, "newer"));
  fact("a file that is being written beside its place is not told of, only the place that it takes");
  put_text("d/.smolvm-0123456789abcdef", "half");
  EXPECT(rename(at("d/.smolvm-0123456789abcdef"), at("d/whole")) == 0 && comes(EVENT_CREATED, "whole"));
  EXPECT(looked_at == event_count && strcmp(events[event_count - 2].name, "newer") == 0);
  put_text("d/.smolvm-0123456789abcdeg", "");
  EXPECT(comes(EVENT_CREATED, ".smolvm-0123456789abcdeg"));
  fact("PATH itself has attributes, too, and what happens in a directory below is not told without RECURSIVE");
  EXPECT(chmod(at("d"), 0700) == 0 && comes(EVENT_ATTRIBUTES, ""));
  put_text("d/inner/deep", "");
  EXPECT(is_quiet() && cancel());
  fact("it ends with OK after PATH is gone, although somebody has it open");
  int open_one = open(at("d/inner"), O_RDONLY | O_CLOEXEC);
  start("d/inner", 0, 0);
  EXPECT(comes(READY, "") && unlink(at("d/inner/deep")) == 0 && rmdir(at("d/inner")) == 0);
  EXPECT(comes(EVENT_REMOVED, "deep") && comes(EVENT_REMOVED, ""));
  finish();
  EXPECT(run.status == STATUS_OK && run.ends == 1);
  close(open_one);
  fact("to move PATH away is to remove it");
  put_directory("d/moved", 0755);
  start("d/moved", FILE_RECURSIVE, 0);
  EXPECT(comes(READY, "") && rename(at("d/moved"), at("d/elsewhere")) == 0 && comes(EVENT_REMOVED, ""));
  finish();
  EXPECT(run.status == STATUS_OK);
}

static void test_recursive(void) {
  put_directory("r", 0755);
  put_directory("r/a", 0755);
  put_directory("r/a/b", 0755);
  put_directory("outside", 0755);
  put_link("r/link", at("outside"));
  fact("with RECURSIVE it tells of all directories below, by path, and follows no link");
  start("r", FILE_RECURSIVE, 0);
  EXPECT(comes(READY, ""));
  put_text("r/a/b/file", "");
  EXPECT(comes(EVENT_CREATED, "a/b/file"));
  put_text("outside/file", "");
  EXPECT(chmod(at("r/a/b"), 0700) == 0 && comes(EVENT_ATTRIBUTES, "a/b") && is_quiet());
  fact("directories that come later are watched, and what is in them by then is told");
  put_directory("whole", 0755);
  put_directory("whole/x", 0755);
  put_text("whole/x/y", "");
  EXPECT(rename(at("whole"), at("r/a/whole")) == 0 && comes(EVENT_CREATED, "a/whole") && comes(EVENT_CREATED, "a/whole/x"));
  EXPECT(comes(EVENT_CREATED, "a/whole/x/y"));
  change("r/a/whole/x/y");
  EXPECT(comes(EVENT_MODIFIED, "a/whole/x/y"));
  char name[200] = "r/quick";
  for (int i = 0; i < 20; i++) {
    put_directory(name, 0755);
    strcat(name, "/d");
  }
  put_text(name, "");
  EXPECT(comes(EVENT_CREATED, name + 2));
  fact("a directory that moves is told by its new path from then on, and one that leaves not at all");
  EXPECT(rename(at("r/a/whole"), at("r/moved")) == 0 && comes(EVENT_REMOVED, "a/whole") && comes(EVENT_CREATED, "moved"));
  EXPECT(comes(EVENT_CREATED, "moved/x/y"));
  change("r/moved/x/y");
  EXPECT(comes(EVENT_MODIFIED, "moved/x/y"));
  EXPECT(rename(at("r/moved"), at("left")) == 0 && comes(EVENT_REMOVED, "moved"));
  change("left/x/y");
  EXPECT(is_quiet());
  fact("a tree that is removed is told from the leaves up");
  EXPECT(unlink(at("r/a/b/file")) == 0 && rmdir(at("r/a/b")) == 0 && rmdir(at("r/a")) == 0);
  EXPECT(comes(EVENT_REMOVED, "a/b/file") && comes(EVENT_REMOVED, "a/b") && comes(EVENT_REMOVED, "a"));
  EXPECT(cancel());
}

static void test_file(void) {
  put_text("f", "");
  put_text("neighbour", "");
  fact("of a file all is about PATH, and it goes on when the file is replaced by rename");
  start("f", 0, 0);
  EXPECT(comes(READY, ""));
  change("f");
  EXPECT(comes(EVENT_MODIFIED, "") && chmod(at("f"), 0600) == 0 && comes(EVENT_ATTRIBUTES, ""));
  change("neighbour");
  EXPECT(is_quiet());
  put_text("replacement", "");
  EXPECT(rename(at("replacement"), at("f")) == 0 && comes(EVENT_CREATED, ""));
  change("f");
  EXPECT(comes(EVENT_MODIFIED, "") && unlink(at("f")) == 0 && comes(EVENT_REMOVED, ""));
  finish();
  EXPECT(run.status == STATUS_OK && run.ends == 1);
  fact("a link is followed, and with NO_FOLLOW watched itself");
  put_text("target", "");
  put_link("link", "target");
  start("link", 0, 0);
  EXPECT(comes(READY, ""));
  change("target");
  EXPECT(comes(EVENT_MODIFIED, "") && cancel());
  start("link", FILE_NO_FOLLOW, 0);
  EXPECT(comes(READY, ""));
  change("target");
  EXPECT(is_quiet() && unlink(at("link")) == 0 && comes(EVENT_REMOVED, ""));
  finish();
  EXPECT(run.status == STATUS_OK);
  fact("what is missing is ENOENT, after STARTED and without a record");
  start("nosuch", 0, 0);
  finish();
  EXPECT(run.status == STATUS_SYSTEM && run.error == ENOENT && run.size[0] == 0 && run.ends == 0);
}

static void test_overflow(void) {
  fact("events that the kernel dropped are told as OVERFLOW, and directories made meanwhile are watched");
  put_directory("o", 0755);
  put_directory("o/busy", 0755);
  start("o", FILE_RECURSIVE, 100);
  EXPECT(comes(READY, ""));
  /* One record more than fits, then nothing is read. */
  for (int i = 0; i < 12000; i++) {
    char name[32];
    snprintf(name, sizeof name, "o/busy/%d", i);
    int fd = open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    if (unlink(at(name)) < 0) abort();
  }
  put_directory("o/late", 0755);
  credit_send(10 << 20);
  EXPECT(comes(EVENT_OVERFLOW, ""));
  put_text("o/late/file", "");
  EXPECT(comes(EVENT_CREATED, "late/file"));
  EXPECT(cancel());
  fact("more directories than there is room for are told as OVERFLOW, and the rest is watched");
  for (int i = 0; i < MAX_WATCHED; i++) {
    char name[32];
    snprintf(name, sizeof name, "o/late/%d", i);
    put_directory(name, 0755);
  }
  start("o", FILE_RECURSIVE, 0);
  EXPECT(comes(READY, "") && comes(EVENT_OVERFLOW, "") && is_quiet());
  put_text("o/new", "");
  EXPECT(comes(EVENT_CREATED, "new"));
  put_directory("o/another", 0755);
  EXPECT(comes(EVENT_CREATED, "another") && comes(EVENT_OVERFLOW, ""));
  EXPECT(cancel());
}

static void test_table(void) {
  char path[64];
  fact("the table finds directories by number and by name, and gives their paths");
  watched_clear();
  EXPECT(watched_add(1, -1, "") && watched_add(2, 1, "a") && watched_add(4098, 2, "b") && watched_add(5, 4098, "c"));
  EXPECT(watched_path(1, "x", path, sizeof path) && strcmp(path, "x") == 0);
  EXPECT(watched_path(5, "x", path, sizeof path) && strcmp(path, "a/b/c/x") == 0);
  EXPECT(watched_path(1, "", path, sizeof path) && strcmp(path, "") == 0);
  EXPECT(watched_named(2, "b") == watched_find(4098) && watched_named(1, "b") == NULL && watched_find(3) == NULL);
  fact("a path that does not fit, and one whose directories are not all known, is none");
  EXPECT(!watched_path(5, "x", path, 7) && watched_path(5, "x", path, 8));
  EXPECT(watched_leaf(1)->number == 5 && watched_leaf(7) == NULL);
  watched_remove(4098);
  EXPECT(!watched_path(5, "x", path, sizeof path) && watched_find(2) != NULL && watched_find(4098) == NULL);
  fact("it takes as many as it has room for, and as many again once these are gone");
  watched_clear();
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < MAX_WATCHED; i++) EXPECT(watched_add(i + round, -1, "n"));
    EXPECT(!watched_add(MAX_WATCHED + round, -1, "n") && watched_add(round, -1, "again"));
    for (int i = 0; i < MAX_WATCHED; i++) watched_remove(i + round);
  }
  watched_clear();
}

int main(void) {
  workspace_open();
  test_table();
  session_begin();
  int before = count_descriptors();
  test_directory();
  test_recursive();
  test_file();
  test_overflow();
  fact("the end of the session ends the watching, and nothing is left behind");
  start("r", FILE_RECURSIVE, 0);
  EXPECT(comes(READY, "") && session_finish());
  EXPECT(count_descriptors() == before - 2 && workspace_close());
  return conclude();
}
