#include "terminal-session.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The session in proc(5)'s stat, behind the name in parentheses: state, parent, group, session. 0: it has ended. */
static pid_t session_of(const char *process) {
  char path[64];
  char text[512];
  int session = 0;
  snprintf(path, sizeof path, "/proc/%.16s/stat", process);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return 0;
  text[size] = '\0';
  const char *name_end = strrchr(text, ')');
  if (name_end == NULL || sscanf(name_end + 1, " %*c %*d %*d %d", &session) != 1) return 0;
  return session;
}

void terminal_session_hang_up(pid_t leader) {
  DIR *processes = opendir("/proc");
  struct dirent *entry;
  if (processes == NULL) return;
  while ((entry = readdir(processes)) != NULL) {
    pid_t pid = (pid_t)atoi(entry->d_name);
    if (pid <= 1 || session_of(entry->d_name) != leader) continue;
    kill(pid, SIGHUP);
    /* A stopped one would not hear of it. */
    kill(pid, SIGCONT);
  }
  closedir(processes);
}
