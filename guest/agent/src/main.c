#include <signal.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "clock.h"
#include "log.h"
#include "loop.h"
#include "oom.h"
#include "poweroff.h"
#include "serve.h"
#include "spawn.h"
#include "uevent.h"
#include "version.h"

int main(void) {
  if (getpid() != 1) {
    log_line("version " AGENT_VERSION ", runs as PID 1 of a guest only");
    return 2;
  }
  umask(022);
  serve_signals();
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){MAX_FDS, 1048576});
  /* Ctrl-Alt-Del becomes a SIGINT, which ends the guest in good order. */
  reboot(RB_DISABLE_CAD);
  loop_open();
  boot_prepare();
  spawn_open();
  oom_open();
  if (!boot_switch_root()) poweroff_now();
  log_line("version " AGENT_VERSION " ready %u ms after the kernel started", (unsigned)(monotonic_us() / 1000));
  serve();
}
