/* Who was killed for want of memory, by a log that this test writes. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "life.h"
#include "oom.h"
#include "tap.h"

enum { KILLED = SIGKILL, TERMINATED = SIGTERM, EXITED_137 = 137 << 8, EXITED_1 = 1 << 8 };

static int kernel = -1;

static void tell(const char *record) { EXPECT(send(kernel, record, strlen(record), 0) > 0); }

static void tell_kill(const char *process) {
  char record[256] = "3,1021,78213452,-;Out of memory: Killed process ";
  strcat(record, process);
  tell(strcat(record, " (python3) total-vm:1052652kB, anon-rss:480124kB, UID:0 pgtables:996kB oom_score_adj:0\n"));
}

static bool explains(pid_t pid, int status) {
  static uint64_t mark;
  bool result = oom_explains(pid, status, mark);
  mark = oom_mark();
  return result;
}

int main(void) {
  int ends[2];
  fact("without a log nobody was killed for want of memory");
  EXPECT(!explains(100, KILLED) && oom_mark() == 0);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) < 0) return 1;
  kernel = ends[0];
  oom_read_from(ends[1]);
  fact("a process that the kernel says it killed was, and no other");
  tell("6,1020,78213000,-;python3 invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0\n");
  tell_kill("100");
  EXPECT(explains(100, KILLED));
  tell_kill("100");
  EXPECT(!explains(10, KILLED));
  tell_kill("100");
  EXPECT(!explains(1000, KILLED));
  fact("the limit of a control group counts, and so do lines that carry a caller");
  tell("3,1,2,-;Memory cgroup out of memory: Killed process 101 (a) total-vm:1kB\n");
  EXPECT(explains(101, KILLED));
  tell("3,1,2,-,caller=T42;Out of memory: Killed process 102 (a) total-vm:1kB\n SUBSYSTEM=memory\n");
  EXPECT(explains(102, KILLED));
  fact("one that exits with 137 while any process was killed lost a child to want of memory");
  tell_kill("103");
  EXPECT(explains(50, EXITED_137));
  fact("kills before a process was started do not explain its end");
  tell_kill("104");
  uint64_t mark = oom_mark();
  EXPECT(!oom_explains(104, KILLED, mark) && !oom_explains(50, EXITED_137, mark));
  fact("other signals and exit codes have other reasons");
  tell_kill("105");
  EXPECT(!explains(105, TERMINATED));
  tell_kill("105");
  EXPECT(!explains(105, EXITED_1));
  fact("what programs write to the log, and what only looks like a kill, is not believed");
  tell("12,1,2,-;Out of memory: Killed process 106 (a)\n");
  tell("11,1,2,-;Out of memory: Killed process 106 (a)\n");
  tell("3,1,2,-;init: Killed process 106 (a)\n");
  tell("3,1,2,-;Out of memory and patience\n");
  tell("3,1,2,- no message");
  tell(";");
  tell("Out of memory: Killed process 106 (a)\n");
  EXPECT(!explains(106, KILLED));
  fact("a victim is found among the last 64, and forgotten behind more");
  for (int i = 0; i < 10; i++) tell_kill("200");
  tell_kill("107");
  for (int i = 0; i < 50; i++) tell_kill("200");
  EXPECT(explains(107, KILLED));
  tell_kill("107");
  for (int i = 0; i < 30; i++) tell_kill("200");
  oom_mark();
  for (int i = 0; i < 34; i++) tell_kill("200");
  EXPECT(!explains(107, KILLED));
  fact("a process that the agent itself killed was not killed for want of memory");
  struct life life;
  life_begin(&life);
  tell_kill("108");
  life_end(&life, 108, KILLED);
  EXPECT(life.oom_killed);
  life_begin(&life);
  life.was_killed = true;
  tell_kill("108");
  life_end(&life, 108, KILLED);
  EXPECT(!life.oom_killed);
  close(ends[0]);
  close(ends[1]);
  return conclude();
}
