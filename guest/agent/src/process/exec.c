#include "exec.h"

#include <signal.h>
#include <unistd.h>

#include "answer.h"
#include "attach.h"
#include "detached.h"
#include "sink.h"
#include "spawn.h"
#include "terminal-session.h"

static enum turn exec_turn(struct session *session, struct request *request) {
  bool more = request_pump(session, request);
  if (request->pid == 0 && request_outputs_are_done(request)) {
    life_answer(&request->exec.life, session, request->id);
    return TURN_ENDED;
  }
  /* What can be sent at once needs no announcement. */
  if (request->pid == 0 && !more && !request->exec.is_announced) {
    life_announce(&request->exec.life, session, request->id);
    request->exec.is_announced = true;
  }
  return more ? TURN_MORE : TURN_IDLE;
}

static void exec_control(struct session *session, struct request *request, const struct control *control) {
  (void)session;
  /* Once it is reaped, its number may be somebody else's. */
  if (control->signal != 0 && request->pid != 0) {
    if (control->signal == SIGKILL) request->exec.life.was_killed = true;
    if (control->signal == SIGHUP) request->exec.is_hung_up = true;
    kill_group(request->pid, control->signal);
  }
  if (control->columns != 0 && control->rows != 0 && request->exec.terminal >= 0) {
    terminal_resize(request->exec.terminal, (struct terminal_size){control->columns, control->rows});
  }
}

static bool exec_end_input(struct session *session, struct request *request) {
  (void)session;
  if (request->exec.terminal < 0) return true;
  request->input.writable = terminal_type_end(request->input.fd);
  return request->input.writable;
}

static void exec_reaped(struct session *session, struct request *request, pid_t pid, int wait_status) {
  (void)session;
  life_end(&request->exec.life, pid, wait_status);
  for (int i = 0; i < 2 && request->exec.terminal < 0; i++) output_exit(&request->outputs[i]);
  if (request->exec.terminal >= 0) output_exit_of_terminal(&request->outputs[0]);
  input_close(&request->input);
}

static void exec_release(struct session *session, struct request *request, bool answered) {
  (void)session;
  bool is_lost = !answered || request->cancelled || request->exec.is_hung_up;
  /* A shell that was killed has not told its jobs; one that is hung up while it ends may not have, either. */
  if (request->exec.terminal >= 0 && is_lost) terminal_session_hang_up(request->exec.leader);
  /* First: a terminal that no process has open is at its end then, and needs no sink. */
  if (request->exec.terminal >= 0) close(request->exec.terminal);
  for (int i = 0; i < 2 && answered; i++) {
    if (request->outputs[i].fd >= 0) sink_adopt(request->outputs[i].fd);
    request->outputs[i].fd = -1;
  }
}

/* As what a process in the background writes after its request: it goes to nobody. Its input is at its end. */
static void exec_let_go(struct request *request) {
  if (request->exec.terminal >= 0) close(request->exec.terminal);
  request->exec.terminal = -1;
  for (int i = 0; i < 2; i++) {
    if (request->outputs[i].fd >= 0) sink_adopt(request->outputs[i].fd);
    request->outputs[i].fd = -1;
  }
}

static const struct request_kind exec_kind = {
    .turn = exec_turn,
    .control = exec_control,
    .reaped = exec_reaped,
    .end_input = exec_end_input,
    .release = exec_release,
    .let_go = exec_let_go,
};

static void start_attached(struct session *session, uint32_t id, const struct command *command,
                           struct outcome *outcome) {
  struct process process;
  struct life life;
  life_begin(&life);
  if (!spawn(command, &process, outcome)) return;
  struct request *request = request_open(session, id, &exec_kind);
  request->pid = process.pid;
  request->exec = (struct exec){.life = life, .terminal = process.terminal, .leader = process.pid};
  request_input(request, process.input);
  request_output(session, request, STREAM_OUTPUT, process.output, command->window);
  request_output(session, request, STREAM_ERRORS, process.errors, command->window);
  /* Most commands end, or print, at once: one message to the host then instead of two. */
  session_be_patient(session);
  struct answer answer;
  answer_begin(&answer);
  fields_put_u32(&answer.fields, TAG_PID, (uint32_t)process.pid);
  answer_send(session, id, TYPE_STARTED, &answer);
}

static void start_detached(struct session *session, uint32_t id, const struct command *command,
                           struct outcome *outcome) {
  struct detached *process = detached_start(command, outcome);
  if (process != NULL) attach_start(session, id, process, command->window);
}

void exec_request(struct session *session, const struct frame *frame) {
  struct outcome outcome = {.status = STATUS_OK};
  struct command command;
  if (command_parse(&command, frame, &outcome)) {
    if (command.is_detached) start_detached(session, frame->id, &command, &outcome);
    else start_attached(session, frame->id, &command, &outcome);
  }
  if (outcome.status != STATUS_OK) answer_outcome(session, frame->id, &outcome);
}
