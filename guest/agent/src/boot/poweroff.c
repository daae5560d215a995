#include "poweroff.h"

#include <errno.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "ports.h"
#include "reap.h"

enum { KILL_WAIT_MS = 2000, MAX_MOUNTS = 256, MAX_PATH = 256 };

/* True: all processes have ended. */
static bool wait_for_processes(uint32_t timeout_ms) {
  uint64_t deadline = monotonic_us() + (uint64_t)timeout_ms * 1000u;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  while (reap()) {
    uint64_t now = monotonic_us();
    if (now >= deadline) return false;
    uint64_t left = deadline - now;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000000u), .tv_nsec = (long)(left % 1000000u) * 1000};
    sigtimedwait(&child, NULL, &timeout);
  }
  return true;
}

static void end_processes(uint32_t grace_ms) {
  kill(-1, SIGTERM);
  /* A stopped process would not hear of it. */
  kill(-1, SIGCONT);
  if (wait_for_processes(grace_ms)) return;
  kill(-1, SIGKILL);
  if (!wait_for_processes(KILL_WAIT_MS)) log_line("power off: processes are left that KILL does not end");
}

/* What users mounted, the latest first: it may stand on the root filesystem or keep it busy. */
static void unmount_others(void) {
  static char paths[MAX_MOUNTS][MAX_PATH];
  int count = 0;
  FILE *mounts = setmntent("/proc/self/mounts", "re");
  struct mntent *entry;
  if (mounts == NULL) return;
  while (count < MAX_MOUNTS && (entry = getmntent(mounts)) != NULL) {
    if (strcmp(entry->mnt_dir, "/") == 0 || strlen(entry->mnt_dir) >= MAX_PATH) continue;
    strcpy(paths[count++], entry->mnt_dir);
  }
  endmntent(mounts);
  while (count-- > 0) umount2(paths[count], MNT_DETACH);
}

/* What they had not written to its end must not stay on the disk. */
static void end_sessions(void) {
  for (int i = 0; i < MAX_PORTS; i++) session_end(&ports[i]);
}

static void release_root(void) {
  if (chdir("/") < 0) return;
  sync();
  if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0) return;
  unmount_others();
  if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0) {
    log_line("power off: the root filesystem stays writable: %s", strerror(errno));
  }
  sync();
}

void poweroff_now(void) {
  reboot(RB_POWER_OFF);
  /* Machines without a power switch: the VMM takes a reset for the end, too. */
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

void poweroff_begin(uint32_t grace_ms) {
  end_processes(grace_ms);
  end_sessions();
  release_root();
  poweroff_now();
}
