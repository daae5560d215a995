#include "unfinished.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const char *volatile file;
static volatile int file_directory;

static void remove_and_exit(int signal) {
  if (file != NULL) unlinkat(file_directory, file, 0);
  _exit(128 + signal);
}

void unfinished_catch(void) {
  struct sigaction action = {.sa_handler = remove_and_exit};
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigaction(SIGTERM, &action, NULL);
  sigprocmask(SIG_UNBLOCK, &term, NULL);
}

void unfinished_begin(int directory, const char *name) {
  file_directory = directory;
  file = name;
}

void unfinished_end(void) { file = NULL; }
