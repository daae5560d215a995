#include "fork.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pipes.h"

/* Descriptors of a worker; 2 stays the console. */
enum { WORKER_INPUT = 0, WORKER_OUTPUT = 1, WORKER_REPORT = 3 };

struct pipes {
  struct pipe input;
  struct pipe output;
  struct pipe report;
};

static void close_pipes(struct pipes *pipes) {
  pipe_close(&pipes->input);
  pipe_close(&pipes->output);
  pipe_close(&pipes->report);
}

static bool open_pipes(struct pipes *pipes, const struct task *task) {
  *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
  return (!task->has_input || pipe_to_child(&pipes->input)) && (!task->has_output || pipe_from_child(&pipes->output)) &&
         pipe_from_child(&pipes->report);
}

static void reset_signals(void) {
  sigset_t none;
  signal(SIGPIPE, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void run(const struct task *task, const struct pipes *pipes) {
  struct outcome outcome = {.status = STATUS_OK};
  setsid();
  /* The agent's own descriptors are all above 2. */
  if (task->has_input) dup2(pipes->input.child, WORKER_INPUT);
  if (task->has_output) dup2(pipes->output.child, WORKER_OUTPUT);
  dup2(pipes->report.child, WORKER_REPORT);
  syscall(SYS_close_range, WORKER_REPORT + 1, ~0u, 0);
  reset_signals();
  task->work(task->argument, task->has_input ? WORKER_INPUT : -1, task->has_output ? WORKER_OUTPUT : -1, &outcome);
  /* Smaller than PIPE_BUF: it arrives as a whole or not at all. */
  _exit(write(WORKER_REPORT, &outcome, sizeof outcome) == (ssize_t)sizeof outcome ? 0 : 1);
}

bool fork_worker(const struct task *task, struct worker_process *process, struct outcome *outcome) {
  struct pipes pipes;
  pid_t pid = open_pipes(&pipes, task) ? fork() : -1;
  if (pid == 0) run(task, &pipes);
  if (pid < 0) {
    int error = errno;
    close_pipes(&pipes);
    return fail(outcome, STATUS_SYSTEM, error, "cannot start a worker: %s", strerror(error));
  }
  *process = (struct worker_process){
      .pid = pid,
      .input = pipes.input.agent,
      .output = pipes.output.agent,
      .report = pipes.report.agent,
  };
  pipes.input.agent = pipes.output.agent = pipes.report.agent = -1;
  close_pipes(&pipes);
  return true;
}
