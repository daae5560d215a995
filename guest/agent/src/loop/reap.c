#include "reap.h"

#include <errno.h>
#include <sys/wait.h>

#include "detached.h"
#include "ports.h"

bool reap(void) {
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0) return true;
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) return false;
    bool known = detached_reaped(pid, status);
    for (int i = 0; i < MAX_PORTS && !known; i++) known = session_reaped(&ports[i], pid, status);
  }
}
