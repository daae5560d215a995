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
#include "pipes.h"

enum { CHILD_STACK = 65536 };

static _Alignas(16) uint8_t child_stack[CHILD_STACK];
static int null_fd = -1;

void spawn_open(void) {
  null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  /* Children's streams are put on 0 to 2, so no descriptor of the agent's own may be one of these. */
  while (null_fd >= 0 && null_fd <= STDERR_FILENO) null_fd = fcntl(null_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static void close_pipes(struct pipe pipes[3]) {
  /* What every child without an input shares. */
  if (pipes[STREAM_INPUT].child == null_fd) pipes[STREAM_INPUT].child = -1;
  for (int i = 0; i < 3; i++) pipe_close(&pipes[i]);
}

static bool open_pipes(struct pipe pipes[3], bool has_input) {
  return (!has_input || pipe_to_child(&pipes[STREAM_INPUT])) && pipe_from_child(&pipes[STREAM_OUTPUT]) &&
         pipe_from_child(&pipes[STREAM_ERRORS]);
}

static bool duplicate(int fd, int *copy) {
  *copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  return *copy >= 0;
}

/* Each stream has descriptors of its own, so that each can be closed by itself. */
static bool open_terminal(struct pipe pipes[3], const struct command *command) {
  struct pipe *output = &pipes[STREAM_OUTPUT];
  uint32_t uid = command->account != NULL ? command->account->uid : 0;
  return terminal_open(output, command->size, uid) && duplicate(output->child, &pipes[STREAM_INPUT].child) &&
         duplicate(output->child, &pipes[STREAM_ERRORS].child) &&
         (!command->has_input || duplicate(output->agent, &pipes[STREAM_INPUT].agent));
}

static bool open_streams(struct pipe pipes[3], const struct command *command) {
  pipes[STREAM_INPUT] = (struct pipe){-1, command->has_terminal ? -1 : null_fd};
  pipes[STREAM_OUTPUT] = pipes[STREAM_ERRORS] = (struct pipe){-1, -1};
  return command->has_terminal ? open_terminal(pipes, command) : open_pipes(pipes, command->has_input);
}

static bool explain(const struct child *child, struct outcome *outcome) {
  const struct command *command = child->command;
  const char *name = command->arguments[0];
  if (child->user_error != 0) {
    return fail(outcome, STATUS_SYSTEM, child->user_error, "cannot become %s: %s", command->account->name,
                strerror(child->user_error));
  }
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
  struct pipe pipes[3];
  if (!open_streams(pipes, command)) {
    int error = errno;
    close_pipes(pipes);
    return fail(outcome, STATUS_SYSTEM, error, "cannot open %s: %s", command->has_terminal ? "a terminal" : "a pipe",
                strerror(error));
  }
  struct child child = {.command = command};
  for (int i = 0; i < 3; i++) child.streams[i] = pipes[i].child;
  /* CLONE_VFORK without a copy of the memory is several times faster than fork(), and shares `child`. */
  pid_t pid = clone(child_main, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
  int clone_error = errno;
  bool started = pid > 0 && child.user_error == 0 && child.directory_error == 0 &&
                 child.execute_error == 0;
  if (started) {
    *process = (struct process){
        .pid = pid,
        .input = pipes[STREAM_INPUT].agent,
        .output = pipes[STREAM_OUTPUT].agent,
        .errors = pipes[STREAM_ERRORS].agent,
        .terminal = command->has_terminal ? pipes[STREAM_ERRORS].child : -1,
    };
    for (int i = 0; i < 3; i++) pipes[i].agent = -1;
    if (command->has_terminal) pipes[STREAM_ERRORS].child = -1;
  }
  close_pipes(pipes);
  if (started) return true;
  if (pid < 0) return fail(outcome, STATUS_SYSTEM, clone_error, "cannot start a process: %s", strerror(clone_error));
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  return explain(&child, outcome);
}

void kill_group(pid_t leader, int signal) { kill(-leader, signal); }
