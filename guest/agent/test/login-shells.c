/* The files that login shells read, and what shells make of them. */
#include "login-shells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char root[] = "/tmp/smolvm-login-shells-test.XXXXXX";
static char directory[64], environment[96], profiles[64], profile[96];
static struct login_shells paths;
static struct outcome outcome;

static unsigned mode_of(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? status.st_mode & 07777 : 0;
}

/* What a shell has in `name` after it read the file. */
static bool shell_has(const char *name, const char *value) {
  char command[256];
  char got[4096];
  snprintf(command, sizeof command, "env -i sh -euc '. %s; printenv %s'", environment, name);
  FILE *shell = popen(command, "r");
  size_t size = fread(got, 1, sizeof got, shell);
  /* printenv ends its line. */
  return pclose(shell) == 0 && size == strlen(value) + 1 && memcmp(got, value, size - 1) == 0;
}

int main(void) {
  if (mkdtemp(root) == NULL) return 1;
  umask(022);
  snprintf(directory, sizeof directory, "%s/run", root);
  snprintf(environment, sizeof environment, "%s/environment.sh", directory);
  snprintf(profiles, sizeof profiles, "%s/profile.d", root);
  snprintf(profile, sizeof profile, "%s/smolvm.sh", profiles);
  paths = (struct login_shells){directory, environment, profiles, profile};

  char *variables[] = {"PLAIN=value",  "EMPTY=",           "LINES=one\ntwo\n",     "QUOTES='a' \"b\" `c` $(d) ${e} \\ ''",
                       "UNICODE=ü日本", "EQUALS=a=b=c",     "BAD-NAME=x",           "1ST=x",
                       "a b=x",        "X;touch evil;Y=x", "_under_score9=yes"};
  size_t count = sizeof variables / sizeof *variables;
  fact("values with newlines, quotes and characters of any script survive a shell");
  EXPECT(login_shells_write(&paths, variables, count, &outcome));
  EXPECT(shell_has("PLAIN", "value") && shell_has("EMPTY", "") && shell_has("LINES", "one\ntwo\n"));
  EXPECT(shell_has("QUOTES", "'a' \"b\" `c` $(d) ${e} \\ ''") && shell_has("UNICODE", "ü日本"));
  EXPECT(shell_has("EQUALS", "a=b=c") && shell_has("_under_score9", "yes"));
  fact("names that are no identifiers of a shell are left out");
  char command[256];
  snprintf(command, sizeof command, "grep -c ^export %s | grep -qx 7 && ! grep -qE 'BAD|1ST|evil|a b' %s", environment, environment);
  EXPECT(system(command) == 0);
  fact("the file is readable for all, in a directory that is its owner's");
  EXPECT(mode_of(environment) == 0644 && mode_of(directory) == 0755);
  fact("without a directory of profiles none is written");
  EXPECT(access(profiles, F_OK) < 0);
  fact("where there is one, login shells are told to read the variables, once");
  EXPECT(mkdir(profiles, 0755) == 0 && login_shells_write(&paths, variables, count, &outcome));
  EXPECT(mode_of(profile) == 0644);
  struct stat before, after;
  EXPECT(stat(profile, &before) == 0 && login_shells_write(&paths, variables, 1, &outcome) && stat(profile, &after) == 0);
  EXPECT(before.st_ino == after.st_ino && shell_has("PLAIN", "value") && !shell_has("EQUALS", "a=b=c"));
  fact("a profile with other content is replaced");
  EXPECT(truncate(profile, 10) == 0 && login_shells_write(&paths, variables, 1, &outcome));
  EXPECT(stat(profile, &after) == 0 && after.st_size == before.st_size);
  fact("no variables are an empty file, and no reason for a profile");
  unlink(profile);
  EXPECT(login_shells_write(&paths, variables, 0, &outcome) && access(profile, F_OK) < 0);
  EXPECT(stat(environment, &after) == 0 && after.st_size == 0);
  fact("a value of 60,000 quotes is written as a whole");
  static char long_value[60100] = "LONG=";
  memset(long_value + 5, '\'', 60000);
  char *long_variable[] = {long_value};
  EXPECT(login_shells_write(&paths, long_variable, 1, &outcome));
  EXPECT(stat(environment, &after) == 0 && after.st_size == 4 * 60000 + 15);
  fact("a failure is told with its errno and the path, and leaves nothing behind");
  paths.environment = "/nosuch/environment.sh";
  EXPECT(!login_shells_write(&paths, variables, 1, &outcome) && outcome.status == STATUS_SYSTEM && outcome.error == 2);
  EXPECT(strncmp(outcome.message, "/nosuch/environment.sh: ", 24) == 0);
  paths.environment = profiles;
  EXPECT(!login_shells_write(&paths, variables, 1, &outcome) && outcome.error != 0);
  char temporary[128];
  snprintf(temporary, sizeof temporary, "%s.smolvm", profiles);
  EXPECT(access(temporary, F_OK) < 0);

  unlink(environment);
  unlink(profile);
  rmdir(directory);
  rmdir(profiles);
  EXPECT(rmdir(root) == 0);
  return conclude();
}
