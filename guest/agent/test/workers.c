/* Workers: forked copies of the agent, which run one function each. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "one-session.h"
#include "tap.h"
#include "workspace.h"

static bool echo_in_capitals(void *argument, int input, int output, struct outcome *outcome) {
  char byte;
  (void)outcome;
  if (write(output, argument, strlen(argument)) < 0) return false;
  while (read(input, &byte, 1) == 1) {
    byte = (char)(byte - 'a' + 'A');
    if (write(output, &byte, 1) < 0) return false;
  }
  return true;
}

static bool refuse(void *argument, int input, int output, struct outcome *outcome) {
  (void)argument;
  (void)input;
  (void)output;
  return fail(outcome, STATUS_NOT_REGULAR, EISDIR, "a directory");
}

static bool die(void *argument, int input, int output, struct outcome *outcome) {
  (void)input;
  (void)output;
  (void)outcome;
  if (argument != NULL) _exit(0);
  raise(SIGKILL);
  return true;
}

static bool flood(void *argument, int input, int output, struct outcome *outcome) {
  static char bytes[4096];
  (void)argument;
  (void)input;
  (void)outcome;
  while (write(output, bytes, sizeof bytes) > 0) continue;
  return true;
}

/* Descriptors, session and signals, as a worker finds them. */
static bool describe(void *argument, int input, int output, struct outcome *outcome) {
  sigset_t blocked;
  struct sigaction pipe_action;
  (void)argument;
  (void)input;
  (void)outcome;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  sigaction(SIGPIPE, NULL, &pipe_action);
  dprintf(output, "%d %d %d\n", getsid(0) == getpid(), sigismember(&blocked, SIGCHLD),
          pipe_action.sa_handler == SIG_DFL);
  for (int fd = 0; fd < 64; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) dprintf(output, "%d ", fd);
  }
  return true;
}

static uint32_t start(work_function *work, void *argument, bool has_input, bool has_output) {
  struct task task = {.work = work,
                      .argument = argument,
                      .has_input = has_input,
                      .has_output = has_output,
                      .is_announced = true,
                      .window = DEFAULT_OUTPUT_WINDOW};
  uint32_t id = request_begin();
  worker_start(&session, id, &task);
  return id;
}

static void test_workers(void) {
  char greeting[] = "hello ";
  fact("a worker reads its input and writes its output; the END of the output and the outcome follow");
  start(echo_in_capitals, greeting, true, true);
  strcpy(greeting, "later");
  data_send("world", 5);
  end_send();
  finish();
  EXPECT(run.ended && run.status == STATUS_OK && run.ends == 1 && strcmp(run.bytes[0], "hello WORLD") == 0);
  fact("a worker that fails is answered with its outcome, without an END");
  start(refuse, NULL, false, true);
  finish();
  EXPECT(run.status == STATUS_NOT_REGULAR && run.error == EISDIR && strcmp(run.message, "a directory") == 0);
  EXPECT(run.ends == 0);
  fact("a worker that dies, or ends without a report, is answered SYSTEM");
  start(die, NULL, false, false);
  finish();
  EXPECT(run.status == STATUS_SYSTEM && strstr(run.message, "signal 9") != NULL);
  start(die, greeting, true, true);
  finish();
  EXPECT(run.status == STATUS_SYSTEM && run.ends == 0);
  fact("a worker leads its own session, with default signals and no descriptor of the agent's");
  start(describe, NULL, false, true);
  finish();
  EXPECT(strncmp(run.bytes[0], "1 0 1\n", 6) == 0 && strcmp(run.bytes[0] + 6, "0 1 2 3 ") == 0);
  fact("the output of a worker stops at the window, and CANCEL kills it");
  uint32_t id = start(flood, NULL, false, true);
  for (int i = 0; i < 60; i++) turn(1);
  struct request *request = session_find(&session, id);
  EXPECT(request != NULL && request->outputs[0].credit == 0);
  pid_t worker = request->pid;
  cancel_send();
  finish();
  EXPECT(run.ended && run.status == STATUS_CANCELLED && run.ends == 0);
  EXPECT(kill(worker, 0) < 0 && errno == ESRCH);
}

int main(void) {
  session_begin();
  int before = count_descriptors();
  test_workers();
  fact("no worker leaves a descriptor or a child behind");
  EXPECT(count_descriptors() == before);
  EXPECT(session_finish());
  return conclude();
}
