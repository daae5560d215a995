/* Processes that outlive their sessions. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "bytes.h"
#include "harness.h"
#include "tap.h"

static struct client client;
static struct run run;
static uint32_t last_id;

static void start(struct exec_fields exec, const char *command) {
  const char *const argv[] = {"/bin/sh", "-c", command, NULL};
  exec.argv = argv;
  exec.flags |= EXEC_DETACHED;
  client_execute(&client, ++last_id, &exec);
}

#define EXEC(...) ((struct exec_fields){__VA_ARGS__})

static void finish(void) { client_finish(&client, last_id, &run); }

/* One more message into `run`, if it is of the last request: one that was let alone may end at any time. */
static bool take_next(int timeout_ms) {
  struct message message;
  if (!client_next(&client, &message, timeout_ms)) return false;
  if (message.id == last_id) run_take(&run, &message);
  return true;
}

static void await_started(void) {
  memset(&run, 0, sizeof run);
  while (run.process == 0 && !run.ended && take_next(PATIENCE_MS)) continue;
}

/* Starts it, and lets go of it before it ends. Returns its number; 0: it was not started. */
static uint32_t leave(struct exec_fields exec, const char *command) {
  start(exec, command);
  await_started();
  uint32_t process = run.process;
  if (run.ended) return 0;
  client_send(&client, TYPE_CANCEL, last_id, 0, NULL, 0);
  finish();
  return process;
}

static void request(uint32_t method, uint32_t process, uint32_t signal, uint32_t window) {
  uint8_t payload[64];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  if (process != 0) fields_put_u32(&fields, TAG_PROCESS, process);
  if (signal != 0) fields_put_u32(&fields, TAG_SIGNAL, signal);
  if (window != 0) fields_put_u32(&fields, TAG_WINDOW, window);
  client_request_with(&client, ++last_id, method, &fields);
}

static void attach(uint32_t process) { request(METHOD_PROCESS_ATTACH, process, 0, 0); }

static void credit(uint32_t bytes) {
  uint8_t more[4];
  put_u32(more, bytes);
  client_send(&client, TYPE_CREDIT, last_id, STREAM_OUTPUT, more, sizeof more);
}

/* The record of this process in a list, or an empty one. */
static struct field_reader find_record(uint32_t process) {
  uint8_t *at = (uint8_t *)run.bytes[0];
  uint8_t *end = at + run.size[0];
  while (end - at > 4) {
    struct field_reader reader = fields_read(at + 4, get_u32(at));
    struct field field;
    uint32_t number = 0;
    at += 4 + get_u32(at);
    struct field_reader record = reader;
    if (fields_next(&reader, &field) && field_u32(&field, &number) && number == process) return record;
  }
  return (struct field_reader){0};
}

static bool has_text(struct field_reader record, uint16_t tag, const char *text) {
  struct field field;
  while (fields_next(&record, &field)) {
    if (field.tag == tag && field.length == strlen(text) && memcmp(field.bytes, text, field.length) == 0) return true;
  }
  return false;
}

static int count(struct field_reader record, uint16_t tag, size_t *bytes) {
  struct field field;
  int found = 0;
  *bytes = 0;
  while (fields_next(&record, &field)) {
    if (field.tag != tag) continue;
    found++;
    *bytes += field.length;
  }
  return found;
}

/* Looks until the list tells of its end, for five seconds at most. */
static bool await_end(uint32_t process) {
  size_t bytes;
  for (int tries = 0; tries < 500; tries++) {
    request(METHOD_PROCESS_LIST, 0, 0, 0);
    finish();
    struct field_reader record = find_record(process);
    if (count(record, TAG_EXIT_CODE, &bytes) + count(record, TAG_SIGNAL, &bytes) != 0) return true;
    usleep(10000);
  }
  return false;
}

/* Follows it until it has written this, then lets go of it. */
static void await_output(uint32_t process, const char *text) {
  attach(process);
  memset(&run, 0, sizeof run);
  while (strstr(run.bytes[0], text) == NULL && take_next(PATIENCE_MS)) continue;
  client_send(&client, TYPE_CANCEL, last_id, 0, NULL, 0);
  finish();
}

static void test_life(void) {
  fact("a detached process is started with a number, and its request follows it to its exit");
  start(EXEC(.flags = 0), "echo out; echo error >&2; exit 3");
  finish();
  EXPECT(run.ended && run.process == 1 && run.pid > 1 && run.exit_code == 3 && run.ends == 2);
  EXPECT(strcmp(run.bytes[0], "out\n") == 0 && strcmp(run.bytes[1], "error\n") == 0 && run.duration_us > 0);
  fact("the end of the session leaves it alone, and the next one attaches to all that was written and to what follows");
  start(EXEC(.flags = 0), "echo before; sleep 0.4; echo after; exit 4");
  await_started();
  uint32_t process = run.process;
  pid_t pid = (pid_t)run.pid;
  client_close(&client);
  usleep(100000);
  EXPECT(process == 2 && kill(pid, 0) == 0);
  connect_or_abort(&client);
  attach(process);
  finish();
  EXPECT(run.process == process && (pid_t)run.pid == pid && run.exit_code == 4);
  EXPECT(strcmp(run.bytes[0], "before\nafter\n") == 0 && run.skipped[0] == 0);
  fact("it can be attached to again after its end");
  attach(process);
  finish();
  EXPECT(run.ended && strcmp(run.bytes[0], "before\nafter\n") == 0 && run.exit_code == 4);
  fact("two readers both get everything");
  process = leave(EXEC(.flags = 0), "echo one; sleep 0.2; echo two");
  attach(process);
  attach(process);
  struct message message;
  static struct run runs[2];
  memset(runs, 0, sizeof runs);
  while (!(runs[0].ended && runs[1].ended) && client_next(&client, &message, PATIENCE_MS)) {
    run_take(&runs[message.id == last_id], &message);
  }
  EXPECT(strcmp(runs[0].bytes[0], "one\ntwo\n") == 0 && strcmp(runs[1].bytes[0], "one\ntwo\n") == 0);
  fact("CANCEL lets go of it, CONTROL sends it a signal");
  process = leave(EXEC(.flags = 0), "trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.05; done");
  EXPECT(run.status == STATUS_CANCELLED);
  await_output(process, "ready");
  attach(process);
  uint8_t payload[16];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u32(&fields, TAG_SIGNAL, SIGUSR1);
  client_send(&client, TYPE_CONTROL, last_id, 0, payload, fields.used);
  finish();
  EXPECT(run.exit_code == 5 && strcmp(run.bytes[0], "ready\ncaught\n") == 0);
  fact("what it left in the background does not hold its end, and outlives what it writes later");
  start(EXEC(.flags = 0), "(sleep 1; seq 1 20000; echo survived >/tmp/smolvm-agent-late) & echo now");
  finish();
  EXPECT(strcmp(run.bytes[0], "now\n") == 0 && run.duration_us < 900000);
  client_shell(&client, ++last_id, "sleep 1.5; cat /tmp/smolvm-agent-late; rm /tmp/smolvm-agent-late", 0, 0);
  finish();
  EXPECT(strcmp(run.bytes[0], "survived\n") == 0);
}

static void test_history(void) {
  fact("a process never waits for its reader, who is told how much it missed");
  start(EXEC(.window = 1000), "seq 1 200000; echo done >&2");
  memset(&run, 0, sizeof run);
  /* The other stream has its own credit. */
  while (run.size[1] == 0 && take_next(PATIENCE_MS)) continue;
  EXPECT(strcmp(run.bytes[1], "done\n") == 0 && run.size[0] == 1000);
  size_t had = run.size[0];
  credit(1 << 20);
  finish();
  EXPECT(run.ended && run.exit_code == 0 && run.skipped[1] == 0);
  EXPECT(had + run.skipped[0] + run.size[0] == 1288895 && run.size[0] == HISTORY);
  fact("who attaches late gets the last 256 KiB, and is told of what was lost before");
  uint32_t process = leave(EXEC(.flags = 0), "sleep 0.3; seq 1 200000");
  EXPECT(await_end(process));
  attach(process);
  finish();
  EXPECT(run.skipped[0] == 1288895 - HISTORY && run.size[0] == HISTORY);
  fact("less than that is kept as a whole, and sent as far as the credit goes");
  process = leave(EXEC(.flags = 0), "sleep 0.3; head -c 100000 /dev/zero");
  EXPECT(await_end(process));
  request(METHOD_PROCESS_ATTACH, process, 0, 30000);
  memset(&run, 0, sizeof run);
  while (take_next(200)) continue;
  EXPECT(!run.ended && run.size[0] == 30000);
  credit(100000);
  finish();
  EXPECT(run.ended && run.size[0] == 70000 && run.skipped[0] == 0);
}

static void test_names(void) {
  fact("two that run may not share a name, and a name is free again after the end");
  uint32_t process = leave(EXEC(.name = "server"), "exec sleep 1000");
  start(EXEC(.name = "server"), "true");
  finish();
  EXPECT(run.status == STATUS_NAME_IN_USE && run.pid == 0);
  request(METHOD_PROCESS_SIGNAL, process, SIGKILL, 0);
  finish();
  EXPECT(run.ended && run.status == STATUS_OK);
  attach(process);
  finish();
  EXPECT(run.signal == SIGKILL);
  start(EXEC(.name = "server"), "true");
  finish();
  EXPECT(run.ended && run.status == STATUS_OK && run.exit_code == 0);
  fact("a NAME of 65 bytes, an empty one, and DETACHED with INPUT or TTY are BAD_REQUEST");
  start(EXEC(.name = "01234567890123456789012345678901234567890123456789012345678901234"), "true");
  finish();
  EXPECT(run.status == STATUS_BAD_REQUEST);
  start(EXEC(.name = ""), "true");
  finish();
  EXPECT(run.status == STATUS_BAD_REQUEST);
  start(EXEC(.flags = EXEC_HAS_INPUT), "true");
  finish();
  EXPECT(run.status == STATUS_BAD_REQUEST);
  start(EXEC(.flags = EXEC_TTY), "true");
  finish();
  EXPECT(run.status == STATUS_BAD_REQUEST);
  fact("one that cannot be started is answered as any command, and takes no place");
  const char *const nosuch[] = {"nosuch", NULL};
  client_execute(&client, ++last_id, &EXEC(.argv = nosuch, .flags = EXEC_DETACHED));
  finish();
  EXPECT(run.status == STATUS_NOT_FOUND && run.process == 0);
  fact("signals to one that ended do nothing; an unknown number is NO_PROCESS, an unknown signal BAD_REQUEST");
  request(METHOD_PROCESS_SIGNAL, process, SIGTERM, 0);
  finish();
  EXPECT(run.ended && run.status == STATUS_OK);
  request(METHOD_PROCESS_SIGNAL, 99999, SIGTERM, 0);
  finish();
  EXPECT(run.status == STATUS_NO_PROCESS);
  attach(0);
  finish();
  EXPECT(run.status == STATUS_NO_PROCESS);
  request(METHOD_PROCESS_SIGNAL, process, 65, 0);
  finish();
  EXPECT(run.status == STATUS_BAD_REQUEST);
  request(METHOD_PROCESS_SIGNAL, process, 0, 0);
  finish();
  EXPECT(run.status == STATUS_BAD_REQUEST);
}

static void test_list(void) {
  size_t bytes;
  fact("PROCESS_LIST tells number, name, words and start of each, and the exit of those that ended");
  uint32_t ended = leave(EXEC(.name = "short"), "sleep 0.3; exit 9");
  uint32_t running = leave(EXEC(.name = "long"), "exec sleep 1000");
  EXPECT(await_end(ended));
  request(METHOD_PROCESS_LIST, 0, 0, 0);
  finish();
  struct field_reader record = find_record(running);
  EXPECT(run.ended && run.status == STATUS_OK && run.ends == 1);
  EXPECT(has_text(record, TAG_NAME, "long") && has_text(record, TAG_ARG, "exec sleep 1000") && count(record, TAG_ARG, &bytes) == 3);
  EXPECT(count(record, TAG_EXIT_CODE, &bytes) == 0 && count(record, TAG_START_NS, &bytes) == 1 && bytes == 8);
  record = find_record(ended);
  EXPECT(count(record, TAG_EXIT_CODE, &bytes) == 1 && count(record, TAG_DURATION_US, &bytes) == 1);
  fact("the list comes as far as the credit goes");
  size_t whole = run.size[0];
  request(METHOD_PROCESS_LIST, 0, 0, 10);
  memset(&run, 0, sizeof run);
  while (take_next(100)) continue;
  EXPECT(run.size[0] == 10 && !run.ended);
  credit(1 << 20);
  finish();
  EXPECT(run.ended && run.size[0] == whole - 10);
  fact("of long words 1,024 bytes are told, cut between characters");
  char word[2101] = "";
  for (int i = 0; i < 700; i++) strcat(word, "\xe2\x82\xac");
  const char *const argv[] = {"sleep", "1000", word, NULL};
  client_execute(&client, ++last_id, &EXEC(.argv = argv, .flags = EXEC_DETACHED));
  await_started();
  uint32_t wordy = run.process;
  client_send(&client, TYPE_CANCEL, last_id, 0, NULL, 0);
  finish();
  request(METHOD_PROCESS_LIST, 0, 0, 0);
  finish();
  record = find_record(wordy);
  EXPECT(count(record, TAG_ARG, &bytes) == 3 && bytes <= 1024 && bytes > 1000 && (bytes - 9) % 3 == 0);
  request(METHOD_PROCESS_SIGNAL, running, SIGKILL, 0);
  request(METHOD_PROCESS_SIGNAL, wordy, SIGKILL, 0);
  finish();
}

/* Lists them, and sends each KILL. Returns how many there are; `first` is the number of the first. */
static int kill_all(uint32_t *first) {
  static uint32_t numbers[2 * MAX_DETACHED];
  int records = 0;
  request(METHOD_PROCESS_LIST, 0, 0, 0);
  finish();
  for (size_t at = 0; at < run.size[0] && records < 2 * MAX_DETACHED; records++) {
    uint8_t *record = (uint8_t *)run.bytes[0] + at;
    /* PROCESS is the first field: behind the length and a field's header. */
    numbers[records] = get_u32(record + 4 + 6);
    at += 4 + get_u32(record);
  }
  for (int i = 0; i < records; i++) {
    request(METHOD_PROCESS_SIGNAL, numbers[i], SIGKILL, 0);
    finish();
  }
  *first = numbers[0];
  return records;
}

static void test_places(void) {
  static const char forever[] = "echo x; exec sleep 1000";
  uint32_t first, last, told;
  int started = 0;
  fact("64 that nobody was told of fill the places, and one more is BUSY");
  while (leave(EXEC(.flags = 0), forever) != 0 && started < 200) started++;
  EXPECT(run.status == STATUS_BUSY && run.message[0] != '\0' && started > 0);
  EXPECT(kill_all(&first) == MAX_DETACHED);
  EXPECT(leave(EXEC(.flags = 0), forever) == 0 && run.status == STATUS_BUSY);
  fact("once one was told of, its place is taken, and its number is never used again");
  attach(first);
  finish();
  EXPECT(run.ended && run.status == STATUS_OK);
  told = first;
  last = leave(EXEC(.flags = 0), forever);
  EXPECT(run.status == STATUS_CANCELLED && last > told);
  await_output(last, "x");
  attach(told);
  finish();
  EXPECT(run.status == STATUS_NO_PROCESS);
  fact("one that is being read keeps its place although another reader was told of its end");
  request(METHOD_PROCESS_SIGNAL, last, SIGKILL, 0);
  finish();
  request(METHOD_PROCESS_ATTACH, last, 0, 1);
  uint32_t reader = last_id;
  attach(last);
  finish();
  EXPECT(run.ended && run.signal == SIGKILL && run.size[0] == 2);
  EXPECT(leave(EXEC(.flags = 0), forever) == 0 && run.status == STATUS_BUSY);
  client_send(&client, TYPE_CANCEL, reader, 0, NULL, 0);
  client_finish(&client, reader, &run);
  EXPECT(run.status == STATUS_CANCELLED);
  EXPECT(leave(EXEC(.flags = 0), forever) != 0);
  kill_all(&first);
}

int main(void) {
  agent_start();
  connect_or_abort(&client);
  test_life();
  test_history();
  test_names();
  test_list();
  test_places();
  client_close(&client);
  fact("the sanitizers found no fault in the agent");
  EXPECT(agent_stop());
  return conclude();
}
