#include "child.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FAILED_TO_START = 127, SOFT_FILE_LIMIT = 1024, HARD_FILE_LIMIT = 1048576 };

/*
 * The child runs in the parent's memory: system calls only, no allocation, no locks, nothing static but this buffer,
 * which nobody else uses while the parent stands still.
 */
static char candidate[PATH_MAX];

static int try_program(struct child *child, const char *program) {
  const struct command *command = child->command;
  execve(program, command->arguments, command->environment);
  int error = errno;
  if (error == ENOEXEC) {
    char **with_shell = command->arguments - 1;
    char *name = command->arguments[0];
    with_shell[0] = (char *)"sh";
    with_shell[1] = (char *)program;
    execve("/bin/sh", with_shell, command->environment);
    with_shell[1] = name;
  }
  if (error == ENOENT && access(program, F_OK) == 0) child->interpreter_missing = true;
  return error;
}

static int search_path(struct child *child, const char *path) {
  const char *name = child->command->arguments[0];
  size_t name_size = strlen(name) + 1;
  bool denied = false;
  while (path != NULL && name_size > 1) {
    const char *colon = strchr(path, ':');
    size_t length = colon != NULL ? (size_t)(colon - path) : strlen(path);
    if (length + 1 + name_size <= sizeof candidate) {
      memcpy(candidate, path, length);
      /* An empty entry means the working directory. */
      if (length != 0) candidate[length++] = '/';
      memcpy(candidate + length, name, name_size);
      int error = try_program(child, candidate);
      if (error == EACCES) denied = true;
      else if (child->interpreter_missing || (error != ENOENT && error != ENOTDIR)) return error;
    }
    path = colon != NULL ? colon + 1 : NULL;
  }
  return denied ? EACCES : ENOENT;
}

/* So that the user may open /dev/stdout; what has no input shares the agent's /dev/null. */
static void give_streams(const struct command *command) {
  for (int i = command->has_input ? STDIN_FILENO : STDOUT_FILENO; i <= STDERR_FILENO; i++) {
    if (fchown(i, command->account->uid, (gid_t)-1) < 0) return;
  }
}

/*
 * The library's functions of these names would change the whole process, which is the agent. In the moment in which the
 * child is that user's and still has the agent's memory nobody but root can trace it: the change made it undumpable.
 */
static int become(const struct command *command) {
  const struct account *account = command->account;
  if (account == NULL) return 0;
  give_streams(command);
  if (syscall(SYS_setgroups, account->group_count, account->groups) == 0 &&
      syscall(SYS_setresgid, account->gid, account->gid, account->gid) == 0 &&
      syscall(SYS_setresuid, account->uid, account->uid, account->uid) == 0) {
    return 0;
  }
  return errno;
}

static int enter_directory(const struct command *command) {
  if (command->directory != NULL) return chdir(command->directory) == 0 ? 0 : errno;
  if (chdir(command->home) == 0 || chdir("/") == 0) return 0;
  return errno;
}

int child_main(void *argument) {
  struct child *child = argument;
  const struct command *command = child->command;
  setsid();
  for (int i = 0; i < 3; i++) dup2(child->streams[i], i);
  if (command->has_terminal) ioctl(STDIN_FILENO, TIOCSCTTY, 0);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){SOFT_FILE_LIMIT, HARD_FILE_LIMIT});
  child->user_error = become(command);
  if (child->user_error != 0) _exit(FAILED_TO_START);
  /* As the user: root may enter what that one may not. */
  child->directory_error = enter_directory(command);
  if (child->directory_error != 0) _exit(FAILED_TO_START);

  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);

  bool is_path = strchr(command->arguments[0], '/') != NULL;
  /* Written after the last attempt only: an error left by an earlier one would outlive the success of a later one. */
  child->execute_error =
      is_path ? try_program(child, command->arguments[0]) : search_path(child, command->path);
  _exit(FAILED_TO_START);
}
