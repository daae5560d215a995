#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

enum { CHILD_STACK = 65536 };

static _Alignas(16) uint8_t child_stack[CHILD_STACK];
static int null_fd = -1;

void spawn_open(void) {
  null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  /* Children's streams are put on 0 to 2, so no descriptor of the agent's own may be one of these. */
  while (null_fd >= 0 && null_fd <= STDERR_FILENO) null_fd = fcntl(null_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

struct pipes {
  int agent[3];
  int child[3];
};

static void close_all(const int fds[3], int keep) {
  for (int i = 0; i < 3; i++) {
    if (fds[i] >= 0 && fds[i] != keep) close(fds[i]);
  }
}

static bool open_pipe(struct pipes *pipes, int stream) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  int mine = stream == STREAM_INPUT ? 1 : 0;
  pipes->agent[stream] = ends[mine];
  pipes->child[stream] = ends[1 - mine];
  /* Only the agent's end: programs do not expect EAGAIN from their own streams. */
  return fcntl(ends[mine], F_SETFL, O_NONBLOCK) == 0;
}

static bool open_pipes(struct pipes *pipes, bool has_input) {
  *pipes = (struct pipes){{-1, -1, -1}, {null_fd, -1, -1}};
  return (!has_input || open_pipe(pipes, STREAM_INPUT)) && open_pipe(pipes, STREAM_OUTPUT) &&
         open_pipe(pipes, STREAM_ERRORS);
}

static bool explain(const struct child *child, struct outcome *outcome) {
  const struct command *command = child->command;
  const char *name = command->arguments[0];
  if (child->directory_error != 0) {
    const char *directory = command->directory != NULL ? command->directory : "/";
    return fail(outcome, STATUS_BAD_CWD, child->directory_error, "%s: %s", directory, strerror(child->directory_error));
  }
  int error = child->execute_error;
  if (child->interpreter_missing) {
    return fail(outcome, STATUS_NOT_FOUND, error, "%s: its interpreter or program loader was not found", name);
  }
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return fail(outcome, STATUS_NOT_FOUND, error, "%s: command not found", name);
    case EACCES:
    case ENOEXEC:
    case EISDIR:
      return fail(outcome, STATUS_NOT_EXECUTABLE, error, "%s: %s", name, strerror(error));
    default:
      return fail(outcome, STATUS_SYSTEM, error, "%s: %s", name, strerror(error));
  }
}

bool spawn(const struct command *command, struct process *process, struct outcome *outcome) {
  struct pipes pipes;
  if (!open_pipes(&pipes, command->has_input)) {
    int error = errno;
    close_all(pipes.agent, -1);
    close_all(pipes.child, null_fd);
    return fail(outcome, STATUS_SYSTEM, error, "cannot open a pipe: %s", strerror(error));
  }
  struct child child = {.command = command};
  memcpy(child.streams, pipes.child, sizeof child.streams);
  /* CLONE_VFORK without a copy of the memory is several times faster than fork(), and shares `child`. */
  pid_t pid = clone(child_main, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
  int clone_error = errno;
  close_all(pipes.child, null_fd);
  bool started = pid > 0 && child.directory_error == 0 && child.execute_error == 0;
  if (!started) {
    close_all(pipes.agent, -1);
    if (pid < 0) return fail(outcome, STATUS_SYSTEM, clone_error, "cannot start a process: %s", strerror(clone_error));
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return explain(&child, outcome);
  }
  *process = (struct process){
      .pid = pid,
      .input = pipes.agent[STREAM_INPUT],
      .output = pipes.agent[STREAM_OUTPUT],
      .errors = pipes.agent[STREAM_ERRORS],
  };
  return true;
}

void kill_group(pid_t leader, int signal) { kill(-leader, signal); }
