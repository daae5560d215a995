/* PREPARE_FREEZE: what of a session goes on when the machine was copied. A hang-up stands for the copy. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "tap.h"

enum { MANY = 100 };

static char note[] = "/tmp/smolvm-freeze-test.XXXXXX";
static struct client client, other;
static struct run run;
static uint32_t last_id;

static uint32_t freeze(struct client *from, uint32_t flags) {
  uint8_t payload[16];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u32(&fields, TAG_FLAGS, flags);
  client_request_with(from, ++last_id, METHOD_PREPARE_FREEZE, &fields);
  client_finish(from, last_id, &run);
  return run.ended ? run.status : UINT32_MAX;
}

/* Starts a command of a shell that knows `note` as $0. Returns its process once it runs. */
static pid_t start(struct client *from, uint32_t flags, const char *command) {
  const char *const argv[] = {"/bin/sh", "-c", command, note, NULL};
  struct message message;
  client_execute(from, ++last_id, &(struct exec_fields){.argv = argv, .flags = flags});
  memset(&run, 0, sizeof run);
  while (run.pid == 0 && !run.ended && client_next(from, &message, PATIENCE_MS)) {
    if (message.id == last_id) run_take(&run, &message);
  }
  return (pid_t)run.pid;
}

static size_t noted(char *text, size_t size) {
  int fd = open(note, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);
  if (fd >= 0) close(fd);
  if (length < 0) length = 0;
  text[length] = '\0';
  return (size_t)length;
}

/* Waits until the note says this, ten seconds at most, and empties it. */
static bool is_noted(const char *expected) {
  char text[1024];
  bool is_there = false;
  for (int tries = 0; tries < 1000 && !is_there; tries++) {
    usleep(10000);
    noted(text, sizeof text);
    is_there = strcmp(text, expected) == 0;
  }
  if (!is_there) printf("# noted: %s\n", text);
  if (truncate(note, 0) < 0) abort();
  return is_there;
}

/* More than pipes and terminals hold, then a note. */
#define WRITE_MUCH "head -c 300000 /dev/zero && head -c 300000 /dev/zero >&2 && "

static void test_commands(void) {
  fact("a command of a session that was kept goes on: its input ends, and its output goes to nobody");
  connect_or_abort(&client);
  start(&client, EXEC_HAS_INPUT, "cat && " WRITE_MUCH "echo done > $0");
  EXPECT(freeze(&client, FREEZE_KEEP_PROCESSES) == STATUS_OK);
  client_close(&client);
  EXPECT(is_noted("done\n"));
  fact("so does one whose session a new sync word replaces, and the new session ends as any other");
  connect_or_abort(&client);
  start(&client, 0, "sleep 0.2; " WRITE_MUCH "echo done > $0");
  freeze(&client, FREEZE_KEEP_PROCESSES);
  client_hello(&client, 9);
  EXPECT(client_await_welcome(&client, 9) && is_noted("done\n"));
  pid_t sleeper = start(&client, 0, "exec sleep 1000");
  client_close(&client);
  EXPECT(sleeper > 1 && is_gone(sleeper));
  fact("a process keeps its terminal, and is not hung up");
  connect_or_abort(&client);
  start(&client, EXEC_TTY | EXEC_HAS_INPUT, "trap 'echo lost > $0; exit' HUP; sleep 0.2; " WRITE_MUCH "tty -s && echo done > $0");
  freeze(&client, FREEZE_KEEP_PROCESSES);
  client_close(&client);
  EXPECT(is_noted("done\n"));
  fact("no command is the one too many");
  connect_or_abort(&client);
  for (int i = 0; i < MANY; i++) start(&client, 0, "sleep 1; echo x && echo x >&2 && printf . >> $0");
  freeze(&client, FREEZE_KEEP_PROCESSES);
  client_close(&client);
  char dots[MANY + 1];
  memset(dots, '.', MANY);
  dots[MANY] = '\0';
  EXPECT(is_noted(dots));
}

static void test_end(void) {
  fact("THAW ends it: the next hang-up kills, as before");
  connect_or_abort(&client);
  pid_t sleeper = start(&client, 0, "exec sleep 1000");
  freeze(&client, FREEZE_KEEP_PROCESSES);
  EXPECT(freeze(&client, FREEZE_THAW) == STATUS_OK && kill(sleeper, 0) == 0);
  client_close(&client);
  EXPECT(is_gone(sleeper));
  fact("it holds for all sessions that are open, and a CONFIGURE in one of them ends it");
  connect_or_abort(&client);
  connect_or_abort(&other);
  sleeper = start(&other, 0, "exec sleep 1000");
  freeze(&client, FREEZE_KEEP_PROCESSES);
  client_request(&client, ++last_id, METHOD_CONFIGURE);
  client_finish(&client, last_id, &run);
  client_close(&other);
  EXPECT(run.status == STATUS_OK && is_gone(sleeper));
  fact("a CONFIGURE in a session that is new lets those that hang up after it keep their processes");
  connect_or_abort(&other);
  start(&other, 0, "sleep 0.3; " WRITE_MUCH "echo done > $0");
  freeze(&other, FREEZE_KEEP_PROCESSES);
  client_close(&client);
  connect_or_abort(&client);
  client_request(&client, ++last_id, METHOD_CONFIGURE);
  client_finish(&client, last_id, &run);
  client_close(&other);
  EXPECT(run.status == STATUS_OK && is_noted("done\n"));
  fact("without KEEP_PROCESSES nothing is kept");
  sleeper = start(&client, 0, "exec sleep 1000");
  EXPECT(freeze(&client, FREEZE_SYNC_DISKS) == STATUS_OK);
  client_close(&client);
  EXPECT(is_gone(sleeper));
}

static void test_others(void) {
  char text[64];
  fact("a command that was cancelled is not kept, and other kinds of requests end as ever");
  connect_or_abort(&client);
  int before = agent_descriptors();
  pid_t sleeper = start(&client, 0, "trap 'echo late > $0' EXIT; sleep 1000");
  uint8_t payload[64];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put(&fields, TAG_PATH, "/tmp", 4);
  client_request_with(&client, ++last_id, METHOD_FILE_WATCH, &fields);
  freeze(&client, FREEZE_KEEP_PROCESSES);
  client_send(&client, TYPE_CANCEL, last_id - 2, 0, NULL, 0);
  client_close(&client);
  EXPECT(is_gone(sleeper) && noted(text, sizeof text) == 0 && agent_settles_at(before));
  fact("SYNC_DISKS is answered when they are written, and THAW comes alone");
  connect_or_abort(&client);
  EXPECT(freeze(&client, FREEZE_SYNC_DISKS | FREEZE_KEEP_PROCESSES) == STATUS_OK && freeze(&client, FREEZE_THAW) == STATUS_OK);
  EXPECT(freeze(&client, FREEZE_THAW | FREEZE_SYNC_DISKS) == STATUS_BAD_REQUEST);
  client_close(&client);
}

int main(void) {
  int fd = mkstemp(note);
  if (fd < 0) abort();
  close(fd);
  agent_start();
  /* Two ports, which stay open when their clients have gone. */
  connect_or_abort(&client);
  connect_or_abort(&other);
  int idle = agent_descriptors();
  client_close(&client);
  client_close(&other);
  test_commands();
  test_end();
  test_others();
  fact("nothing is left in the agent");
  EXPECT(agent_settles_at(idle) && agent_stop());
  unlink(note);
  return conclude();
}
