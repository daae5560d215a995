/* The agent's sessions and commands as a program of the test machine, on a Unix socket, until stdin ends. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-guest.h"

int main(int argc, char **argv) {
  char byte;
  if (argc != 2) return 64;
  pid_t agent = fake_guest_start(argv[1]);
  puts("ready");
  fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  kill(agent, SIGKILL);
  waitpid(agent, NULL, 0);
  return 0;
}
