#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake-guest.h"

const char *agent_path;
pid_t agent_pid;

static char directory[] = "/tmp/smolvm-agent-test.XXXXXX";
static char path[128];

void agent_start(void) {
  /* What this program inherited would be found in the agent's children. */
  for (int fd = STDERR_FILENO + 1; fd < 1024; fd++) close(fd);
  if (mkdtemp(directory) == NULL) abort();
  snprintf(path, sizeof path, "%s/agent.sock", directory);
  agent_path = path;
  agent_pid = fake_guest_start(path);
}

bool agent_stop(void) {
  int status = -1;
  kill(agent_pid, SIGTERM);
  waitpid(agent_pid, &status, 0);
  unlink(path);
  rmdir(directory);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int agent_descriptors(void) {
  char name[64];
  int count = 0;
  snprintf(name, sizeof name, "/proc/%d/fd", (int)agent_pid);
  DIR *entries = opendir(name);
  if (entries == NULL) return -1;
  while (readdir(entries) != NULL) count++;
  closedir(entries);
  return count;
}

bool agent_settles_at(int descriptors) {
  const struct timespec pause = {.tv_nsec = 10000000};
  for (int tries = 0; tries < 200; tries++) {
    if (agent_descriptors() <= descriptors) return true;
    nanosleep(&pause, NULL);
  }
  return false;
}

/* A zombie has ended: where nobody reaps orphans, as in a container without an init, it stays one. */
static bool is_zombie(pid_t pid) {
  char stat_path[64];
  char state = 0;
  snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(stat_path, "re");
  if (file == NULL) return false;
  if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 0;
  fclose(file);
  return state == 'Z';
}

bool is_gone(pid_t pid) {
  const struct timespec pause = {.tv_nsec = 10000000};
  for (int tries = 0; tries < 200; tries++) {
    if ((kill(pid, 0) < 0 && errno == ESRCH) || is_zombie(pid)) return true;
    nanosleep(&pause, NULL);
  }
  return false;
}

bool connect_or_abort(struct client *client) {
  if (client_open(client, agent_path)) return true;
  fprintf(stderr, "no WELCOME from the agent\n");
  abort();
}
