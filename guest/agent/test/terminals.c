/* EXEC with TTY: real terminals of this machine. */
#include <signal.h>
#include <stdio.h>
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
  exec.flags |= EXEC_TTY;
  client_execute(&client, ++last_id, &exec);
}

static void finish(void) { client_finish(&client, last_id, &run); }

static void type(const char *text) { client_send(&client, TYPE_DATA, last_id, 0, text, strlen(text)); }

static void end_input(void) { client_send(&client, TYPE_END, last_id, 0, NULL, 0); }

/* Reads until the output holds `text`. */
static bool await(const char *text) {
  struct message message;
  memset(&run, 0, sizeof run);
  while (strstr(run.bytes[0], text) == NULL && client_next(&client, &message, PATIENCE_MS)) run_take(&run, &message);
  return strstr(run.bytes[0], text) != NULL;
}

static void resize(uint32_t columns, uint32_t rows) {
  uint8_t payload[32];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u32(&fields, TAG_COLUMNS, columns);
  fields_put_u32(&fields, TAG_ROWS, rows);
  client_send(&client, TYPE_CONTROL, last_id, 0, payload, fields.used);
}

static bool is_output(const char *output) {
  if (run.ended && strcmp(run.bytes[0], output) == 0) return true;
  printf("# %s%u %s\n", run.bytes[0], run.status, run.message);
  return false;
}

#define EXEC(...) ((struct exec_fields){__VA_ARGS__})

static void test_streams(void) {
  fact("all three streams are one terminal of 80 by 24, whose output is stream 1");
  start(EXEC(.flags = 0), "test -t 0 && test -t 1 && test -t 2 && stty size && echo error >&2");
  finish();
  EXPECT(is_output("24 80\r\nerror\r\n") && run.exit_code == 0 && run.ends == 2 && run.size[1] == 0);
  fact("COLUMNS and ROWS are its size, and out of range they are BAD_REQUEST");
  start(EXEC(.columns = 132, .rows = 50), "stty size");
  finish();
  EXPECT(is_output("50 132\r\n"));
  start(EXEC(.columns = 65536), "stty size");
  finish();
  EXPECT(run.status == STATUS_BAD_REQUEST && run.pid == 0);
  fact("TERM is xterm-256color unless ENV says otherwise, and unset without a terminal");
  start(EXEC(.flags = 0), "echo $TERM");
  finish();
  EXPECT(is_output("xterm-256color\r\n"));
  start(EXEC(.env = (const char *const[]){"TERM=dumb", NULL}), "echo $TERM");
  finish();
  EXPECT(is_output("dumb\r\n"));
  client_shell(&client, ++last_id, "env | grep -c ^TERM=", 0, 0);
  finish();
  EXPECT(is_output("0\n"));
  fact("it is the controlling terminal of the process's session");
  start(EXEC(.flags = 0), "echo to the terminal >/dev/tty");
  finish();
  EXPECT(is_output("to the terminal\r\n"));
  fact("it belongs to the user that the process runs as");
  start(EXEC(.uid = &(const uint32_t){4711}), "stat -c %u $(tty); echo mine >$(tty)");
  finish();
  EXPECT(is_output("4711\r\nmine\r\n"));
  fact("what was written right before the exit arrives whole");
  for (int i = 0; i < 20; i++) {
    start(EXEC(.flags = 0), "seq 1 4000");
    finish();
    EXPECT(run.ended && run.size[0] == 18893 + 4000 && strstr(run.bytes[0], "\n3999\r\n4000\r\n") != NULL);
  }
  fact("a process in the background that holds the terminal does not hold the request, and lives on");
  start(EXEC(.flags = 0), "trap '' HUP; (sleep 1; echo late; echo survived >/tmp/smolvm-agent-late) & echo now");
  finish();
  EXPECT(is_output("now\r\n") && run.duration_us < 900000);
  client_shell(&client, ++last_id, "sleep 1.5; cat /tmp/smolvm-agent-late; rm /tmp/smolvm-agent-late", 0, 0);
  finish();
  EXPECT(is_output("survived\n"));
}

static void test_input(void) {
  fact("input is typed, and echoed");
  start(EXEC(.flags = EXEC_HAS_INPUT), "read line; echo got $line");
  type("hello\n");
  finish();
  EXPECT(is_output("hello\r\ngot hello\r\n"));
  fact("control-C interrupts what runs in the foreground");
  start(EXEC(.flags = EXEC_HAS_INPUT), "echo ready; exec sleep 1000");
  EXPECT(await("ready"));
  type("\003");
  finish();
  EXPECT(run.ended && run.signal == SIGINT);
  fact("END types the end-of-file character, after all that was typed before");
  start(EXEC(.flags = EXEC_HAS_INPUT), "stty -echo; echo ready; sleep 0.2; wc -l");
  EXPECT(await("ready"));
  char line[101];
  memset(line, 'x', 99);
  strcpy(line + 99, "\n");
  uint32_t credit = FIRST_INPUT_WINDOW;
  struct message message;
  int lines = 0;
  while (lines < 2000) {
    for (; lines < 2000 && credit >= 100; lines++, credit -= 100) type(line);
    if (lines < 2000 && client_next(&client, &message, PATIENCE_MS) && message.type == TYPE_CREDIT) {
      credit += get_u32(message.payload);
    }
  }
  end_input();
  finish();
  EXPECT(is_output("2000\r\n"));
  fact("the end-of-file character is the terminal's own");
  start(EXEC(.flags = EXEC_HAS_INPUT), "stty eof ^X; stty -echo; echo ready; cat; echo end");
  EXPECT(await("ready"));
  end_input();
  finish();
  EXPECT(strstr(run.bytes[0], "end\r\n") != NULL && run.exit_code == 0);
  fact("without INPUT nothing can be typed");
  start(EXEC(.flags = 0), "echo ready; read -r line; echo $line");
  EXPECT(await("ready"));
  type("lost\n");
  client_send(&client, TYPE_CANCEL, last_id, 0, NULL, 0);
  finish();
  EXPECT(run.status == STATUS_CANCELLED && run.size[0] == 0);
}

static void test_control(void) {
  fact("CONTROL with COLUMNS and ROWS changes the size, and tells the process");
  start(EXEC(.flags = 0), "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done");
  EXPECT(await("ready"));
  resize(100, 40);
  finish();
  EXPECT(is_output("40 100\r\n") && run.exit_code == 5);
  fact("CONTROL with a size out of range, or of a process without a terminal, is ignored");
  start(EXEC(.flags = 0), "echo ready; sleep 0.2; stty size");
  EXPECT(await("ready"));
  resize(0, 40);
  resize(70000, 40);
  finish();
  EXPECT(is_output("24 80\r\n"));
  client_shell(&client, ++last_id, "sleep 0.1; echo fine", 0, 0);
  resize(100, 40);
  finish();
  EXPECT(is_output("fine\n"));
}

/* A job in a process group of its own, as interactive shells have them: `set -m`. */
static pid_t start_job(const char *after) {
  char script[160];
  int job = 0;
  snprintf(script, sizeof script, "set -m; sleep 987 & echo job $! begun; %s", after);
  start(EXEC(.flags = 0), script);
  if (!await("begun")) return 0;
  sscanf(strstr(run.bytes[0], "job "), "job %d", &job);
  return (pid_t)job;
}

static void test_jobs(void) {
  fact("jobs of a terminal that is hung up are hung up with it, also when its shell is killed");
  pid_t job = start_job("trap '' HUP; while :; do sleep 1; done");
  uint8_t payload[16];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u32(&fields, TAG_SIGNAL, SIGHUP);
  client_send(&client, TYPE_CONTROL, last_id, 0, payload, fields.used);
  client_send(&client, TYPE_CANCEL, last_id, 0, NULL, 0);
  finish();
  EXPECT(job > 1 && is_gone(job));
  fact("jobs of a shell that ends by itself live on");
  job = start_job("sleep 0.2; exit 0");
  finish();
  EXPECT(job > 1 && kill(job, 0) == 0 && kill(job, SIGKILL) == 0);
}

static void test_hang_up(void) {
  fact("the end of the session hangs up the terminal and kills the process");
  start(EXEC(.flags = 0), "trap '' HUP; echo ready; while :; do sleep 1; done");
  EXPECT(await("ready"));
  pid_t pid = (pid_t)run.pid;
  client_close(&client);
  EXPECT(pid > 1 && is_gone(pid));
}

int main(void) {
  agent_start();
  connect_or_abort(&client);
  start(EXEC(.flags = 0), "true");
  finish();
  int before = agent_descriptors();
  test_streams();
  test_input();
  test_control();
  fact("terminals leave no descriptors open");
  EXPECT(agent_settles_at(before));
  test_jobs();
  test_hang_up();
  fact("the sanitizers found no fault in the agent");
  EXPECT(agent_stop());
  return conclude();
}
