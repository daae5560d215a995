/* EXEC with real processes: streams, exits, failures, floods. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bounds.h"
#include "bytes.h"
#include "harness.h"
#include "sync.h"
#include "tap.h"

static struct client client;
static struct run run;
static uint32_t last_id;

static void shell(const char *command) {
  client_shell(&client, ++last_id, command, 0, 0);
  client_finish(&client, last_id, &run);
}

static void execute(const char *const *argv, const char *const *env, const char *cwd) {
  client_exec(&client, ++last_id, argv, env, cwd);
  client_finish(&client, last_id, &run);
}

/* Reads until nothing comes for a while. */
static void read_what_comes(int quiet_ms) {
  struct message message;
  memset(&run, 0, sizeof run);
  while (client_next(&client, &message, quiet_ms)) run_take(&run, &message);
}

static void test_exits(void) {
  fact("output and errors arrive apart, each with its END, then RESULT with the exit code");
  shell("echo out; echo err >&2; exit 7");
  EXPECT(run.ended && run.status == STATUS_OK && run.exit_code == 7 && run.ends == 2 && run.pid > 1);
  EXPECT(strcmp(run.bytes[0], "out\n") == 0 && strcmp(run.bytes[1], "err\n") == 0);
  fact("a death by signal is told as a signal");
  shell("kill -9 $$");
  EXPECT(run.ended && run.signal == SIGKILL && run.status == STATUS_OK);
  fact("DURATION_US covers the life of the process");
  shell("sleep 0.2");
  EXPECT(run.duration_us > 190000 && run.duration_us < 5000000);
  fact("the process starts with default signals, an empty mask, its own session and no descriptors but three");
  shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2; ps -o sid= -p $$; echo /; ls /proc/$$/fd; true");
  unsigned long long blocked = 1, ignored = 1;
  unsigned session = 0;
  EXPECT(sscanf(run.bytes[0], "%llx %llx %u", &blocked, &ignored, &session) == 3);
  /* Signals from 32 on belong to the C library of whoever started this program. */
  EXPECT(blocked == 0 && (ignored & 0x7fffffff) == 0 && session == run.pid);
  EXPECT(strstr(run.bytes[0], "/\n0\n1\n2\n") != NULL);
  fact("without an input stream stdin is /dev/null");
  shell("readlink /proc/self/fd/0");
  EXPECT(strcmp(run.bytes[0], "/dev/null\n") == 0);
}

static void test_start(void) {
  const char *const env[] = {"A=1", "A=2", "PATH=/nowhere:/bin:/usr/bin", NULL};
  fact("the environment is the base and the request's variables, later ones winning, and its PATH is searched");
  execute((const char *[]){"env", NULL}, env, NULL);
  EXPECT(strstr(run.bytes[0], "A=2\n") != NULL && strstr(run.bytes[0], "A=1\n") == NULL);
  EXPECT(strstr(run.bytes[0], "HOME=/root\n") != NULL && strstr(run.bytes[0], "LANG=C.UTF-8\n") != NULL);
  fact("the working directory is the one that was asked for");
  execute((const char *[]){"pwd", NULL}, NULL, "/usr");
  EXPECT(strcmp(run.bytes[0], "/usr\n") == 0);
  fact("a command that does not exist is NOT_FOUND, without STARTED");
  execute((const char *[]){"nosuch", NULL}, NULL, NULL);
  EXPECT(run.status == STATUS_NOT_FOUND && run.error == 2 && run.pid == 0 && run.ends == 0);
  EXPECT(strcmp(run.message, "nosuch: command not found") == 0);
  execute((const char *[]){"", NULL}, NULL, NULL);
  EXPECT(run.status == STATUS_NOT_FOUND);
  fact("a file without execute permission and a directory are NOT_EXECUTABLE");
  execute((const char *[]){"/etc/passwd", NULL}, NULL, NULL);
  EXPECT(run.status == STATUS_NOT_EXECUTABLE && run.error == 13);
  execute((const char *[]){"/etc", NULL}, NULL, NULL);
  EXPECT(run.status == STATUS_NOT_EXECUTABLE);
  fact("a working directory that does not exist is BAD_CWD, a relative one BAD_REQUEST");
  execute((const char *[]){"pwd", NULL}, NULL, "/nosuch");
  EXPECT(run.status == STATUS_BAD_CWD && run.error == 2);
  execute((const char *[]){"pwd", NULL}, NULL, "usr");
  EXPECT(run.status == STATUS_BAD_REQUEST);
  fact("EXEC without ARG and ENV without a name are BAD_REQUEST");
  execute((const char *[]){NULL}, NULL, NULL);
  EXPECT(run.status == STATUS_BAD_REQUEST);
  execute((const char *[]){"pwd", NULL}, (const char *[]){"=x", NULL}, NULL);
  EXPECT(run.status == STATUS_BAD_REQUEST);
}

static void test_scripts(void) {
  char plain[160], orphan[160], command[1024];
  snprintf(plain, sizeof plain, "%s.plain", agent_path);
  snprintf(orphan, sizeof orphan, "%s.orphan", agent_path);
  snprintf(command, sizeof command, "echo 'echo plain $1' >%s; echo '#!/nosuch' >%s; chmod +x %s %s", plain, orphan,
           plain, orphan);
  shell(command);
  fact("a script without an interpreter line is run by the shell");
  execute((const char *[]){plain, "argument", NULL}, NULL, NULL);
  EXPECT(strcmp(run.bytes[0], "plain argument\n") == 0);
  fact("a script whose interpreter is missing is NOT_FOUND with a message that says so");
  execute((const char *[]){orphan, NULL}, NULL, NULL);
  EXPECT(run.status == STATUS_NOT_FOUND && strstr(run.message, "interpreter") != NULL);
  unlink(plain);
  unlink(orphan);
}

static void test_input(void) {
  fact("input reaches the process, and END closes it");
  client_shell(&client, ++last_id, "cat; echo end", 1, 0);
  client_send(&client, TYPE_DATA, last_id, 0, "in\0put", 6);
  client_send(&client, TYPE_END, last_id, 0, NULL, 0);
  client_finish(&client, last_id, &run);
  EXPECT(run.size[0] == 10 && memcmp(run.bytes[0], "in\0putend\n", 10) == 0);
  fact("a megabyte of input passes with the credit that comes back");
  client_shell(&client, ++last_id, "sleep 0.2; wc -c", 1, 0);
  static uint8_t bytes[16384];
  uint32_t credit = FIRST_INPUT_WINDOW;
  size_t left = 1 << 20;
  struct message message;
  while (left != 0) {
    while (credit == 0 && client_next(&client, &message, PATIENCE_MS)) {
      if (message.type == TYPE_CREDIT) credit += get_u32(message.payload);
    }
    uint32_t size = credit < sizeof bytes ? credit : sizeof bytes;
    if (size == 0 || !client_send(&client, TYPE_DATA, last_id, 0, bytes, size)) break;
    credit -= size;
    left -= size;
  }
  client_send(&client, TYPE_END, last_id, 0, NULL, 0);
  client_finish(&client, last_id, &run);
  EXPECT(left == 0 && strcmp(run.bytes[0], "1048576\n") == 0);
  fact("input that a process closed is dropped, its credit comes back, and the process ends normally");
  client_shell(&client, ++last_id, "exec <&-; sleep 0.3; echo closed", 1, 0);
  usleep(100000);
  for (int i = 0; i < 4; i++) client_send(&client, TYPE_DATA, last_id, 0, bytes, FIRST_INPUT_WINDOW / 4);
  client_finish(&client, last_id, &run);
  EXPECT(strcmp(run.bytes[0], "closed\n") == 0 && run.exit_code == 0 && run.granted >= FIRST_INPUT_WINDOW / 2);
}

static void test_control(void) {
  uint8_t payload[16];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u32(&fields, TAG_SIGNAL, SIGUSR1);
  fact("CONTROL sends a signal to the process group");
  client_shell(&client, ++last_id, "trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.05; done", 0, 0);
  struct message message;
  memset(&run, 0, sizeof run);
  while (run.size[0] == 0 && client_next(&client, &message, PATIENCE_MS)) run_take(&run, &message);
  client_send(&client, TYPE_CONTROL, last_id, 0, payload, fields.used);
  client_finish(&client, last_id, &run);
  EXPECT(run.exit_code == 3 && strstr(run.bytes[0], "caught") != NULL);
  fact("CANCEL kills the group and is answered with CANCELLED, without the rest of the output");
  client_shell(&client, ++last_id, "sleep 1000 & yes", 0, 4096);
  read_what_comes(200);
  pid_t pid = (pid_t)run.pid;
  client_send(&client, TYPE_CANCEL, last_id, 0, NULL, 0);
  client_finish(&client, last_id, &run);
  EXPECT(run.status == STATUS_CANCELLED && run.ends == 0 && run.size[0] == 0 && is_gone(pid));
}

static void test_background(void) {
  fact("children in the background do not hold the request, and outlive what they write later");
  shell("(sleep 0.3; echo late; echo late; echo survived >/proc/self/fd/3) 3>/tmp/smolvm-agent-late & echo now");
  EXPECT(run.ended && strcmp(run.bytes[0], "now\n") == 0 && run.duration_us < 250000);
  shell("sleep 0.6; cat /tmp/smolvm-agent-late; rm /tmp/smolvm-agent-late");
  EXPECT(strcmp(run.bytes[0], "survived\n") == 0);
  fact("what the pipe holds at the exit is sent, also when credit for it comes late");
  client_shell(&client, ++last_id, "head -c 50000 /dev/zero; exit 7", 0, 1000);
  read_what_comes(300);
  EXPECT(!run.ended && run.size[0] == 1000);
  bool was_told = run.exited && run.exit_code == 7;
  uint8_t credit[4];
  put_u32(credit, 100000);
  client_send(&client, TYPE_CREDIT, last_id, 1, credit, sizeof credit);
  client_finish(&client, last_id, &run);
  EXPECT(run.ended && run.size[0] == 49000 && run.exit_code == 7);
  fact("the exit is told ahead, and once, where output waits for credit, and not where it can be sent");
  EXPECT(was_told && !run.exited);
  shell("head -c 50000 /dev/zero");
  EXPECT(!run.exited && run.size[0] == 50000);
}

static void test_floods(void) {
  fact("output stops at the window, and goes on with credit");
  client_shell(&client, ++last_id, "yes", 0, 100000);
  read_what_comes(300);
  EXPECT(run.size[0] == 100000 && !run.ended);
  fact("a request that floods does not hold up another");
  static struct client other;
  connect_or_abort(&other);
  client_shell(&other, 1, "yes", 0, 0x7fffffff);
  shell("echo quick");
  EXPECT(strcmp(run.bytes[0], "quick\n") == 0);
  client_close(&other);
  client_send(&client, TYPE_CANCEL, last_id - 1, 0, NULL, 0);
  client_finish(&client, last_id - 1, &run);
  EXPECT(run.status == STATUS_CANCELLED);
  fact("output that holds the sync word is split inside it");
  shell("for i in 1 2 3; do printf '\\377\\123\\115\\117\\114\\126\\115\\055\\123\\131\\116\\103\\376\\303\\245\\377'; done");
  EXPECT(run.size[0] == 48 && memcmp(run.bytes[0] + 16, sync_word, SYNC_SIZE) == 0);
  unsigned matched = 0;
  EXPECT(sync_find(&matched, client.buffer, client.filled) == 0);
}

static void test_many(void) {
  fact("256 requests run at once, the 257th is BUSY, and all end");
  uint32_t first = last_id + 1;
  for (int i = 0; i < MAX_REQUESTS; i++) client_shell(&client, ++last_id, "read line; echo done", 1, 0);
  shell("echo 257");
  EXPECT(run.status == STATUS_BUSY && run.message[0] != '\0');
  for (uint32_t id = first; id < first + MAX_REQUESTS; id++) client_send(&client, TYPE_END, id, 0, NULL, 0);
  int ended = 0;
  struct message message;
  while (ended < MAX_REQUESTS && client_next(&client, &message, 10000)) ended += message.type == TYPE_RESULT;
  EXPECT(ended == MAX_REQUESTS);
  fact("200 commands at once over four sessions all end");
  static struct client clients[4];
  for (int i = 0; i < 4; i++) connect_or_abort(&clients[i]);
  for (uint32_t id = 1; id <= 50; id++) {
    for (int i = 0; i < 4; i++) client_shell(&clients[i], id, "sleep 0.1; echo x", 0, 0);
  }
  for (int i = 0; i < 4; i++) {
    ended = 0;
    while (ended < 50 && client_next(&clients[i], &message, 10000)) ended += message.type == TYPE_RESULT;
    EXPECT(ended == 50);
    client_close(&clients[i]);
  }
}

static void test_leaks(void) {
  fact("1,000 commands, failures among them, leave no descriptor and no child behind");
  shell("true");
  int before = agent_descriptors();
  int good = 0;
  for (int i = 0; i < 1000; i++) {
    execute((const char *[]){i % 10 == 0 ? "nosuch" : "/bin/true", NULL}, NULL, i % 10 == 1 ? "/nosuch" : NULL);
    good += run.ended;
  }
  EXPECT(good == 1000 && agent_descriptors() == before);
  char command[128];
  /* The shell itself is a child. */
  snprintf(command, sizeof command, "cat /proc/%d/task/%d/children | wc -w", (int)agent_pid, (int)agent_pid);
  shell(command);
  EXPECT(strcmp(run.bytes[0], "1\n") == 0);
}

int main(void) {
  agent_start();
  connect_or_abort(&client);
  test_exits();
  test_start();
  test_scripts();
  test_input();
  test_control();
  test_background();
  test_floods();
  test_many();
  test_leaks();
  client_close(&client);
  fact("the sanitizers found no fault in the agent");
  EXPECT(agent_stop());
  return conclude();
}
