#include "fake-process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "detached.h"
#include "fork.h"
#include "ports.h"
#include "terminal-session.h"
#include "spawn.h"

enum { MOST = 4096, EXIT_CODES = 256 };

struct fake {
  pid_t pid;
  int signal;
};

static pid_t next_pid = 1000;
static struct fake fakes[MOST];
static int count;

static pid_t new_pid(void) {
  if (count == MOST) count = 0;
  fakes[count++] = (struct fake){.pid = next_pid};
  return next_pid++;
}

void spawn_open(void) {}

/* The command's words are read to their ends, as a start would. Its first letter says how the start goes. */
bool spawn(const struct command *command, struct process *process, struct outcome *outcome) {
  size_t length = 0;
  int pipe_ends[2];
  for (char **each = command->arguments; *each != NULL; each++) length += strlen(*each);
  for (char **each = command->environment; *each != NULL; each++) length += strlen(*each);
  if (length == 0 || command->arguments[0][0] == 'n') {
    return fail(outcome, STATUS_NOT_FOUND, ENOENT, "%s: command not found", command->arguments[0]);
  }
  *process = (struct process){.pid = new_pid(), .input = -1, .output = -1, .errors = -1, .terminal = -1};
  if (pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC) == 0) {
    /* Some output that fits into the pipe; nobody holds its other end. */
    if (write(pipe_ends[1], command->arguments[0], strlen(command->arguments[0]) % 4096) < 0) process->errors = -1;
    close(pipe_ends[1]);
    process->output = pipe_ends[0];
  }
  /* Not a terminal, and no more than its functions are promised: a descriptor. */
  if (command->has_terminal) process->terminal = dup(process->output);
  if (command->has_input && pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC) == 0) {
    /* Half of the readers never come, the others leave at once. */
    process->input = pipe_ends[1];
    if (next_pid % 2 == 0) close(pipe_ends[0]);
    else if (dup2(pipe_ends[0], 1000) >= 0) close(pipe_ends[0]);
  }
  return true;
}

/* Its report is there at once: every third one's is not, as if it had died. Its work, which may do anything, is not done. */
bool fork_worker(const struct task *task, struct worker_process *process, struct outcome *outcome) {
  struct outcome told = {.status = STATUS_OK};
  int pipe_ends[2];
  if (next_pid % 7 == 0) return fail(outcome, STATUS_SYSTEM, EAGAIN, "cannot start a worker");
  *process = (struct worker_process){.pid = new_pid(), .input = -1, .output = -1, .report = -1};
  if (pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC) < 0) return fail(outcome, STATUS_SYSTEM, errno, "no pipe");
  if (next_pid % 3 != 0 && write(pipe_ends[1], &told, sizeof told) < 0) told.error = errno;
  close(pipe_ends[1]);
  process->report = pipe_ends[0];
  if (task->has_output && pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC) == 0) {
    if (write(pipe_ends[1], &told, sizeof told) < 0) told.error = errno;
    close(pipe_ends[1]);
    process->output = pipe_ends[0];
  }
  if (task->has_input && pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC) == 0) {
    process->input = pipe_ends[1];
    close(pipe_ends[0]);
  }
  return true;
}

void terminal_session_hang_up(pid_t leader) { (void)leader; }

void kill_group(pid_t leader, int signal) {
  for (int i = 0; i < count; i++) {
    if (fakes[i].pid == leader) fakes[i].signal = signal;
  }
}

static void tell(pid_t pid, int wait_status) {
  bool known = detached_reaped(pid, wait_status);
  for (int i = 0; i < MAX_PORTS && !known; i++) known = session_reaped(&ports[i], pid, wait_status);
}

void fake_process_exits(void) {
  int left = 0;
  for (int i = 0; i < count; i++) {
    struct fake fake = fakes[i];
    /* Every exit code comes up: 137 is one that the agent looks at. */
    if (fake.signal != 0) tell(fake.pid, fake.signal);
    else if (fake.pid % 3 == 0) tell(fake.pid, (fake.pid % EXIT_CODES) << 8);
    else fakes[left++] = fake;
  }
  count = left;
}

void fake_process_forget(void) {
  count = 0;
  next_pid = 1000;
}
