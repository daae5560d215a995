/* Kinds of requests: turns, deadlines, streams of regular files, workers. The session is in this process, its host too. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"
#include "client.h"
#include "clock.h"
#include "serve.h"
#include "spawn.h"
#include "tap.h"

static struct session session;
static struct client client;
static struct run run;
static uint32_t last_id;

static void begin(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) abort();
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  session_open(&session, 0, ends[0]);
  client.fd = ends[1];
  client_hello(&client, 1);
  session_turn(&session);
  if (!client_await_welcome(&client, 1)) abort();
}

/* One round of what serve.c does. */
static void turn(int wait_ms) {
  struct ready ready[8];
  int status;
  pid_t pid;
  int count = loop_wait(ready, 8, wait_ms);
  for (int i = 0; i < count; i++) {
    struct watch watch = ready[i].watch;
    if (watch.kind == WATCH_OUTPUT) session_output_ready(&session, watch.request, watch.stream);
    if (watch.kind == WATCH_INPUT) session_input_ready(&session, watch.request);
  }
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) session_reaped(&session, pid, status);
  session.readable = session.writable = true;
  session_turn(&session);
}

/* Turns until the RESULT of the last request, or for two seconds. */
static void finish(void) {
  struct message message;
  uint64_t deadline = monotonic_us() + 2000000u;
  memset(&run, 0, sizeof run);
  while (!run.ended && monotonic_us() < deadline) {
    turn(5);
    while (client_next(&client, &message, 0)) {
      if (message.id == last_id) run_take(&run, &message);
    }
  }
}

static int descriptors(void) {
  DIR *entries = opendir("/proc/self/fd");
  int count = 0;
  while (readdir(entries) != NULL) count++;
  closedir(entries);
  return count;
}

static int turns;
static int ends;
static int released;
static bool released_answered;

static enum turn count_turn(struct session *its, struct request *request) {
  turns++;
  request_pump(its, request);
  return TURN_IDLE;
}

static void count_release(struct session *its, struct request *request, bool answered) {
  (void)its;
  (void)request;
  released++;
  released_answered = answered;
}

static const struct request_kind counting = {.turn = count_turn, .release = count_release};

static void test_turns(void) {
  fact("a request has one turn when it is opened, and none until something happens to it");
  turns = 0;
  struct request *request = request_open(&session, ++last_id, &counting);
  for (int i = 0; i < 5; i++) turn(0);
  EXPECT(turns == 1);
  fact("a frame for it is a reason for a turn, a frame for another is none");
  client_send(&client, TYPE_CREDIT, last_id, STREAM_OUTPUT, "\0\0\0\1", 4);
  client_request(&client, 99, METHOD_PING);
  turn(0);
  EXPECT(turns == 2);
  fact("it has a turn at the time it asked for, which the loop waits for, and only one");
  uint64_t at = monotonic_us() + 30000;
  request_wake_at(&session, request, at + 1000000);
  request_wake_at(&session, request, at);
  EXPECT(session_deadline_us(&session) == at);
  turn(0);
  EXPECT(turns == 2);
  usleep(31000);
  turn(0);
  turn(0);
  EXPECT(turns == 3 && session_deadline_us(&session) == 0);
  fact("CANCEL of a request without a process is answered at once, and releases it");
  client_send(&client, TYPE_CANCEL, last_id, 0, NULL, 0);
  finish();
  EXPECT(run.ended && run.status == STATUS_CANCELLED && released == 1 && released_answered && turns == 3);
  fact("the end of the session releases what is open without an answer");
  request_open(&session, ++last_id, &counting);
  session_end(&session);
  EXPECT(released == 2 && !released_answered && set_is_empty(&session.open) && set_is_empty(&session.due));
  session.greeted = true;
}

static enum turn copy_turn(struct session *its, struct request *request) {
  bool more = request_pump(its, request);
  int error = request->input.error != 0 ? request->input.error : request->outputs[0].error;
  bool done = request_outputs_are_done(request) && input_is_done(&request->input);
  if (error == 0 && !done) return more ? TURN_MORE : TURN_IDLE;
  struct outcome outcome = {.status = STATUS_OK};
  if (error != 0) fail(&outcome, STATUS_SYSTEM, error, "%s", strerror(error));
  answer_outcome(its, request->id, &outcome);
  return TURN_ENDED;
}

static bool end_slowly(struct session *its, struct request *request) {
  ends++;
  if (ends < 3) request_wake_at(its, request, monotonic_us());
  return ends == 3;
}

static const struct request_kind copying = {.turn = copy_turn};
static const struct request_kind ending_slowly = {.turn = copy_turn, .end_input = end_slowly};

static void test_files(void) {
  char path[] = "/tmp/smolvm-requests-test.XXXXXX";
  int fd = mkstemp(path);
  static uint8_t bytes[60000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i % 251);
  fact("input goes straight into a regular file, further ahead than others may be sent, and is counted");
  struct request *request = request_open(&session, ++last_id, &copying);
  request_input(request, dup(fd));
  input_widen(&request->input, sizeof bytes);
  turn(0);
  client_send(&client, TYPE_DATA, last_id, STREAM_INPUT, bytes, sizeof bytes);
  turn(0);
  EXPECT(request->input.written == sizeof bytes && request->input.ring.bytes == NULL);
  client_send(&client, TYPE_END, last_id, STREAM_INPUT, NULL, 0);
  finish();
  EXPECT(run.ended && run.status == STATUS_OK && run.granted == 2 * sizeof bytes);
  fact("a regular file is read to its end although epoll refuses it, as far as the credit goes");
  lseek(fd, 0, SEEK_SET);
  request = request_open(&session, ++last_id, &copying);
  request->input.ended = true;
  request_output(&session, request, STREAM_OUTPUT, dup(fd), 50000);
  for (int i = 0; i < 8; i++) turn(0);
  EXPECT(request->outputs[0].credit == 0 && !output_is_done(&request->outputs[0]));
  client_send(&client, TYPE_CREDIT, last_id, STREAM_OUTPUT, "\0\1\0\0", 4);
  finish();
  EXPECT(run.ended && run.status == STATUS_OK && run.size[0] == sizeof bytes && memcmp(run.bytes[0], bytes, sizeof bytes) == 0);
  fact("a limit below the size of the file ends the output");
  lseek(fd, 0, SEEK_SET);
  request = request_open(&session, ++last_id, &copying);
  request->input.ended = true;
  request_output(&session, request, STREAM_OUTPUT, dup(fd), DEFAULT_OUTPUT_WINDOW);
  request->outputs[0].left = 12345;
  finish();
  EXPECT(run.ended && run.size[0] == 12345);
  fact("a write that fails is known to its request, and input that comes after it is dropped");
  request = request_open(&session, ++last_id, &copying);
  request_input(request, open("/dev/full", O_WRONLY | O_CLOEXEC));
  client_send(&client, TYPE_DATA, last_id, STREAM_INPUT, bytes, 1000);
  client_send(&client, TYPE_DATA, last_id, STREAM_INPUT, bytes, 1000);
  finish();
  EXPECT(run.ended && run.status == STATUS_SYSTEM && run.error == ENOSPC);
  fact("a read that fails is known to its request");
  request = request_open(&session, ++last_id, &copying);
  request->input.ended = true;
  request_output(&session, request, STREAM_OUTPUT, open("/tmp", O_RDONLY | O_CLOEXEC), DEFAULT_OUTPUT_WINDOW);
  finish();
  EXPECT(run.ended && run.status == STATUS_SYSTEM && run.error == EISDIR);
  fact("the end of an input can be put off");
  request = request_open(&session, ++last_id, &ending_slowly);
  request_input(request, dup(fd));
  client_send(&client, TYPE_END, last_id, STREAM_INPUT, NULL, 0);
  finish();
  EXPECT(run.ended && ends == 3);
  close(fd);
  unlink(path);
}

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

static void start(work_function *work, void *argument, bool has_input, bool has_output) {
  struct task task = {.work = work,
                      .argument = argument,
                      .has_input = has_input,
                      .has_output = has_output,
                      .is_announced = true,
                      .window = DEFAULT_OUTPUT_WINDOW};
  worker_start(&session, ++last_id, &task);
}

static void test_workers(void) {
  char greeting[] = "hello ";
  fact("a worker reads its input and writes its output; the END of the output and the outcome follow");
  start(echo_in_capitals, greeting, true, true);
  strcpy(greeting, "later");
  client_send(&client, TYPE_DATA, last_id, STREAM_INPUT, "world", 5);
  client_send(&client, TYPE_END, last_id, STREAM_INPUT, NULL, 0);
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
  start(flood, NULL, false, true);
  for (int i = 0; i < 60; i++) turn(1);
  struct request *request = session_find(&session, last_id);
  EXPECT(request != NULL && request->outputs[0].credit == 0);
  pid_t worker = request->pid;
  client_send(&client, TYPE_CANCEL, last_id, 0, NULL, 0);
  finish();
  EXPECT(run.ended && run.status == STATUS_CANCELLED && run.ends == 0);
  EXPECT(kill(worker, 0) < 0 && errno == ESRCH);
}

int main(void) {
  serve_signals();
  loop_open();
  spawn_open();
  begin();
  test_turns();
  int before = descriptors();
  test_files();
  test_workers();
  fact("no kind of request leaves a descriptor or a child behind");
  EXPECT(descriptors() == before);
  EXPECT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
  close(client.fd);
  return conclude();
}
