#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  MAX_RECORD = 8192,
  /* More than a log holds, so that nobody who writes to it without end holds up the agent. */
  MAX_RECORDS = 65536,
  /* More kills than these, while one process runs, are remembered by their number only. */
  REMEMBERED = 64,
  /* What shells end with when their child was killed: 128 and the signal. */
  KILLED_EXIT_CODE = 128 + SIGKILL,
};

static int log_fd = -1;
static pid_t victims[REMEMBERED];
static uint64_t kills;

void oom_read_from(int fd) { log_fd = fd; }

void oom_open(void) {
  log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (log_fd >= 0) lseek(log_fd, 0, SEEK_END);
}

/*
 * priority,sequence,microseconds,flags[,...];message. Programs may write to the log, but not with a priority of the
 * kernel's facility, which is 0: a priority below 8.
 */
static const char *kernel_message(const char *record) {
  const char *semicolon = strchr(record, ';');
  if (record[0] < '0' || record[0] > '7' || record[1] != ',' || semicolon == NULL) return NULL;
  return semicolon + 1;
}

/* mm/oom_kill.c: "Out of memory: Killed process 123 (name) total-vm:...", or "Memory cgroup out of memory: Killed ...". */
static void take_record(const char *record) {
  static const char before[] = "of memory";
  static const char words[] = ": Killed process ";
  const char *message = kernel_message(record);
  const char *reason = message == NULL ? NULL : strstr(message, before);
  const char *kill = reason == NULL ? NULL : strstr(reason, words);
  if (kill == NULL) return;
  victims[kills++ % REMEMBERED] = (pid_t)strtol(kill + sizeof words - 1, NULL, 10);
}

static void read_log(void) {
  static char record[MAX_RECORD + 1];
  for (int records = 0; log_fd >= 0 && records < MAX_RECORDS; records++) {
    ssize_t size = read(log_fd, record, MAX_RECORD);
    /* EPIPE: records were overwritten before they were read; the next read goes on behind them. */
    if (size < 0 && (errno == EINTR || errno == EPIPE)) continue;
    if (size <= 0) return;
    record[size] = '\0';
    take_record(record);
  }
}

uint64_t oom_mark(void) {
  read_log();
  return kills;
}

bool oom_explains(pid_t pid, int wait_status, uint64_t mark) {
  bool was_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
  bool had_killed_child = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == KILLED_EXIT_CODE;
  if (!was_killed && !had_killed_child) return false;
  read_log();
  if (had_killed_child) return kills != mark;
  uint64_t oldest = kills > REMEMBERED ? kills - REMEMBERED : 0;
  for (uint64_t i = mark > oldest ? mark : oldest; i < kills; i++) {
    if (victims[i % REMEMBERED] == pid) return true;
  }
  return false;
}
