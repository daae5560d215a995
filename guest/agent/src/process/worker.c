#include "worker.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"
#include "fork.h"

static void take_report(const struct worker *worker, struct outcome *outcome) {
  ssize_t size = read(worker->report, outcome, sizeof *outcome);
  if (size == (ssize_t)sizeof *outcome) return;
  if (WIFSIGNALED(worker->wait_status)) {
    fail(outcome, STATUS_SYSTEM, 0, "the worker was killed by signal %d", WTERMSIG(worker->wait_status));
  } else {
    fail(outcome, STATUS_SYSTEM, 0, "the worker ended without a report");
  }
}

static enum turn worker_turn(struct session *session, struct request *request) {
  bool more = request_pump(session, request);
  if (request->pid != 0 || !request_outputs_are_done(request)) return more ? TURN_MORE : TURN_IDLE;
  struct outcome outcome;
  take_report(&request->worker, &outcome);
  /* An END says that the stream is whole. */
  if (request->worker.has_output && outcome.status == STATUS_OK) answer_end(session, request->id, STREAM_OUTPUT);
  answer_outcome(session, request->id, &outcome);
  return TURN_ENDED;
}

static void worker_reaped(struct session *session, struct request *request, pid_t pid, int wait_status) {
  (void)session;
  (void)pid;
  request->worker.wait_status = wait_status;
  input_close(&request->input);
}

static void worker_release(struct session *session, struct request *request, bool answered) {
  (void)session;
  (void)answered;
  close(request->worker.report);
}

static const struct request_kind worker_kind = {
    .turn = worker_turn,
    .reaped = worker_reaped,
    .release = worker_release,
    /* It may have something to undo. */
    .end_signal = SIGTERM,
};

void worker_start(struct session *session, uint32_t id, const struct task *task) {
  struct outcome outcome = {.status = STATUS_OK};
  struct worker_process process;
  if (!fork_worker(task, &process, &outcome)) {
    answer_outcome(session, id, &outcome);
    return;
  }
  struct request *request = request_open(session, id, &worker_kind);
  request->pid = process.pid;
  request->worker = (struct worker){.report = process.report, .has_output = task->has_output};
  request_input(request, process.input);
  request_output(session, request, STREAM_OUTPUT, process.output, task->window);
  if (!task->is_announced) return;
  session_be_patient(session);
  answer_started(session, id);
}
