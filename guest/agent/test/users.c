/* Whose a process is: the files that tell of users, and processes that become one. Needs root, as the agent has it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "harness.h"
#include "tap.h"
#include "who.h"

static char directory[] = "/tmp/smolvm-users-test.XXXXXX";
static char passwd[64];
static char group[64];
static char home[64];
static char closed[64];

static struct account account;
static struct outcome outcome;

static void write_file(const char *path, const char *text, int repeats) {
  FILE *file = fopen(path, "w");
  if (file == NULL) abort();
  while (repeats-- > 0) fputs(text, file);
  fclose(file);
}

static void append(const char *path, const char *text) {
  FILE *file = fopen(path, "a");
  if (file == NULL) abort();
  fputs(text, file);
  fclose(file);
}

static void test_accounts(void) {
  fact("a user is found by name and by number, with home and shell, and / and /bin/sh where these are empty");
  write_file(passwd, "root:x:0:0:root:/root:/bin/bash\nalice:x:4711:4712:A,B:/home/alice:/bin/zsh\nbare:x:4713:4714:::\n", 1);
  EXPECT(account_by_name(&account, "alice") && account.uid == 4711 && account.gid == 4712);
  EXPECT(strcmp(account.home, "/home/alice") == 0 && strcmp(account.shell, "/bin/zsh") == 0);
  EXPECT(account_by_uid(&account, 4713) && strcmp(account.name, "bare") == 0 && account.gid == 4714);
  EXPECT(strcmp(account.home, "/") == 0 && strcmp(account.shell, "/bin/sh") == 0);
  fact("a prefix of a name, an empty name and a number as a name are nobody");
  EXPECT(!account_by_name(&account, "alic") && !account_by_name(&account, "") && !account_by_name(&account, "4711"));
  fact("lines that are malformed are nobody's: too few fields, no numbers, numbers beyond 32 bits, the number for none");
  write_file(passwd,
             "\n:x:1:1::/:/\nfew:x:1:1\nword:x:one:1::/:/\nspace:x: 1:1::/:/\nempty:x::1::/:/\nminus:x:-1:1::/:/\n"
             "large:x:4294967296:1::/:/\nnone:x:4294967295:1::/:/\nhuge:x:99999999999999999999999:1::/:/\n"
             "last:x:7:7::/:/bin/sh",
             1);
  const char *const names[] = {"few", "word", "space", "empty", "minus", "large", "none", "huge"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) EXPECT(!account_by_name(&account, names[i]));
  EXPECT(!account_by_uid(&account, 1));
  fact("the last line counts without a newline, too");
  EXPECT(account_by_name(&account, "last") && account.uid == 7);
  fact("a line of over 8 KiB is left out, and the lines around it are not");
  write_file(passwd, "before:x:1:1::/:/\nlong:x:2:2:", 1);
  for (int i = 0; i < 1000; i++) append(passwd, "0123456789012345678901234");
  append(passwd, ":/:/\nafter:x:3:3::/:/\n");
  EXPECT(account_by_name(&account, "before") && !account_by_name(&account, "long") && account_by_name(&account, "after"));
  fact("a user is found behind thousands of others");
  write_file(passwd, "other:x:1000:1000:Somebody Else:/home/other:/bin/bash\n", 5000);
  append(passwd, "behind:x:3:3::/:/\n");
  EXPECT(account_by_name(&account, "behind") && account.uid == 3);
  fact("no file, a directory and a pipe that nobody writes hold no user, and nothing waits for them");
  accounts_are_in("/nosuch", "/nosuch");
  EXPECT(!account_by_name(&account, "root"));
  accounts_are_in("/etc", "/etc");
  EXPECT(!account_by_name(&account, "root"));
  unlink(passwd);
  EXPECT(mkfifo(passwd, 0600) == 0);
  accounts_are_in(passwd, group);
  EXPECT(!account_by_name(&account, "root"));
  unlink(passwd);
}

static void test_groups(void) {
  write_file(passwd, "alice:x:4711:4712::/:/\n", 1);
  fact("the groups of a user are its own and those that list it, each once");
  write_file(group, "one:x:1:bob,alice\ntwo:x:2:malice,alicea\nown:x:4712:alice\nbroken:x:many:alice\nshort:x:5\nthree:x:3:alice\n", 1);
  EXPECT(account_by_name(&account, "alice") && account_find_groups(&account, &outcome));
  EXPECT(account.group_count == 3 && account.groups[0] == 4712 && account.groups[1] == 1 && account.groups[2] == 3);
  fact("a user without an entry has the group of its number alone");
  append(group, "four:x:4:99\n");
  account_without_entry(&account, 99);
  EXPECT(account_find_groups(&account, &outcome) && account.group_count == 1 && account.groups[0] == 99);
  fact("more groups than there is room for are refused, not cut");
  write_file(group, "", 1);
  for (int i = 0; i <= MAX_GROUPS; i++) {
    char line[64];
    snprintf(line, sizeof line, "group%d:x:%d:alice\n", i, 10000 + i);
    append(group, line);
  }
  EXPECT(account_by_name(&account, "alice") && !account_find_groups(&account, &outcome));
  EXPECT(outcome.status == STATUS_SYSTEM && outcome.message[0] != '\0');
}

static struct client client;
static struct run run;

static void shell_as(struct exec_fields exec, const char *command) {
  static uint32_t id;
  const char *const argv[] = {"/bin/sh", "-c", command, NULL};
  exec.argv = argv;
  client_execute(&client, ++id, &exec);
  client_finish(&client, id, &run);
}

#define AS(...) ((struct exec_fields){__VA_ARGS__})
#define NUMBER(value) (&(const uint32_t){value})

static const char everything[] = "id -u; id -g; id -G; echo $HOME $USER $LOGNAME $SHELL; pwd";

static void expect_output(const char *output) {
  if (strcmp(run.bytes[0], output) != 0) printf("# %s%s%u %s\n", run.bytes[0], run.bytes[1], run.status, run.message);
  EXPECT(run.ended && strcmp(run.bytes[0], output) == 0);
}

static void test_processes(void) {
  char expected[512];
  fact("USER gives a process that user's numbers, groups, variables and home");
  shell_as(AS(.user = "alice"), everything);
  snprintf(expected, sizeof expected, "4711\n4712\n4712 4720\n%s alice alice /bin/zsh\n%s\n", home, home);
  expect_output(expected);
  fact("UID takes its group and its groups from the user's entry");
  shell_as(AS(.uid = NUMBER(4711)), everything);
  expect_output(expected);
  fact("UID and GID are taken as they are");
  shell_as(AS(.uid = NUMBER(4711), .gid = NUMBER(5000)), "id -u; id -g; id -G");
  expect_output("4711\n5000\n5000 4720\n");
  fact("a UID without an entry has the group of its number, and / as its home");
  shell_as(AS(.uid = NUMBER(8888)), everything);
  expect_output("8888\n8888\n8888\n/ 8888 8888 /bin/sh\n/\n");
  fact("ENV and CWD of the request win over those of the user");
  shell_as(AS(.user = "alice", .env = (const char *const[]){"HOME=/elsewhere", NULL}, .cwd = "/usr"), "echo $HOME $USER; pwd");
  expect_output("/elsewhere alice\n/usr\n");
  fact("a home that the user cannot enter becomes /, a CWD that it cannot enter is BAD_CWD");
  shell_as(AS(.user = "homeless"), "echo $HOME; pwd");
  snprintf(expected, sizeof expected, "%s\n/\n", closed);
  expect_output(expected);
  shell_as(AS(.user = "alice", .cwd = closed), "pwd");
  EXPECT(run.status == STATUS_BAD_CWD && run.error == 13 && run.pid == 0);
  fact("a program that the user may not execute is NOT_EXECUTABLE although root may");
  shell_as(AS(.user = "alice"), "true");
  char program[128];
  snprintf(program, sizeof program, "%s/program", closed);
  client_execute(&client, 100, &AS(.user = "alice", .argv = (const char *const[]){program, NULL}));
  client_finish(&client, 100, &run);
  EXPECT(run.status == STATUS_NOT_EXECUTABLE);
  fact("the streams are that user's, who can open them by name, and /dev/null stays root's");
  shell_as(AS(.user = "alice"), "echo out >/dev/stdout; echo error >/dev/stderr; stat -L -c %u /dev/stdin");
  expect_output("out\n0\n");
  EXPECT(strcmp(run.bytes[1], "error\n") == 0);
  fact("the process has no way back: no capabilities, no saved user");
  shell_as(AS(.user = "alice"), "grep -E '^(Uid|Gid|CapEff|CapPrm)' /proc/self/status | tr -s '\\t\\n' ' '");
  expect_output("Uid: 4711 4711 4711 4711 Gid: 4712 4712 4712 4712 CapPrm: 0000000000000000 CapEff: 0000000000000000 ");
  fact("a user that the guest does not have is UNKNOWN_USER");
  shell_as(AS(.user = "mallory"), "true");
  EXPECT(run.status == STATUS_UNKNOWN_USER && strcmp(run.message, "mallory: the guest has no such user") == 0);
  fact("USER together with UID, and the number that means none, are BAD_REQUEST");
  shell_as(AS(.user = "alice", .uid = NUMBER(4711)), "true");
  EXPECT(run.status == STATUS_BAD_REQUEST);
  shell_as(AS(.uid = NUMBER(UINT32_MAX)), "true");
  EXPECT(run.status == STATUS_BAD_REQUEST);
  shell_as(AS(.gid = NUMBER(UINT32_MAX)), "true");
  EXPECT(run.status == STATUS_BAD_REQUEST);
  fact("the next command of nobody's is root's again, with root's variables");
  shell_as(AS(.user = "alice"), "true");
  shell_as(AS(.flags = 0), "id -u; echo $HOME $USER $SHELL");
  expect_output("0\n/root root /bin/sh\n");
}

int main(void) {
  if (geteuid() != 0) {
    printf("skipped: users (not root)\n");
    return 0;
  }
  if (mkdtemp(directory) == NULL || chmod(directory, 0755) < 0) return 1;
  snprintf(passwd, sizeof passwd, "%s/passwd", directory);
  snprintf(group, sizeof group, "%s/group", directory);
  snprintf(home, sizeof home, "%s/home", directory);
  snprintf(closed, sizeof closed, "%s/closed", directory);
  accounts_are_in(passwd, group);
  test_accounts();
  test_groups();
  char text[512];
  snprintf(text, sizeof text, "alice:x:4711:4712::%s:/bin/zsh\nhomeless:x:4799:4799::%s:\n", home, closed);
  write_file(passwd, text, 1);
  write_file(group, "friends:x:4720:alice,bob\n", 1);
  mkdir(home, 0755);
  mkdir(closed, 0700);
  agent_start();
  connect_or_abort(&client);
  test_processes();
  client_close(&client);
  fact("the sanitizers found no fault in the agent");
  EXPECT(agent_stop());
  unlink(passwd);
  unlink(group);
  rmdir(home);
  rmdir(closed);
  rmdir(directory);
  return conclude();
}
