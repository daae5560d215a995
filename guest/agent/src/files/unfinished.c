#include "unfinished.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const char *volatile file;
static volatile int file_directory;
static volatile sig_atomic_t held;
static volatile sig_atomic_t pending;

static void remove_and_exit(int signal) {
  if (held) {
    pending = signal;
    return;
  }
  if (file != NULL) unlinkat(file_directory, file, 0);
  _exit(128 + signal);
}

void unfinished_catch(void) {
  struct sigaction action = {.sa_handler = remove_and_exit, .sa_flags = SA_RESTART};
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigaction(SIGTERM, &action, NULL);
  sigprocmask(SIG_UNBLOCK, &term, NULL);
}

void unfinished_hold(void) { held = 1; }

void unfinished_release(void) {
  held = 0;
  if (pending != 0) remove_and_exit(pending);
}

void unfinished_begin(int directory, const char *name) {
  file_directory = directory;
  file = name;
}

void unfinished_end(void) { file = NULL; }
