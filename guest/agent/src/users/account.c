#include "account.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lines.h"

enum { PASSWD_FIELDS = 7, GROUP_FIELDS = 4 };

static const char *passwd_path = "/etc/passwd";
static const char *group_path = "/etc/group";

static struct lines lines;

void accounts_are_in(const char *passwd, const char *group) {
  passwd_path = passwd;
  group_path = group;
}

/* Decimal digits, and nothing else. The highest number means "none" to the kernel, which would leave the process root. */
static bool parse_id(const char *text, uint32_t *id) {
  uint64_t value = 0;
  if (*text == '\0') return false;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9') return false;
    value = value * 10 + (uint64_t)(*text - '0');
    if (value >= UINT32_MAX) return false;
  }
  *id = (uint32_t)value;
  return true;
}

/* Cuts the line at its colons. False: it has too few fields. */
static bool split(char *line, char **fields, int count) {
  for (int i = 0; i < count; i++) {
    fields[i] = strsep(&line, ":");
    if (fields[i] == NULL) return false;
  }
  return true;
}

static bool copy(char *to, size_t size, const char *text, const char *otherwise) {
  return snprintf(to, size, "%s", *text != '\0' ? text : otherwise) < (int)size;
}

/* name:password:uid:gid:comment:home:shell */
static bool read_account(char *line, struct account *account) {
  char *fields[PASSWD_FIELDS];
  return split(line, fields, PASSWD_FIELDS) && *fields[0] != '\0' && parse_id(fields[2], &account->uid) &&
         parse_id(fields[3], &account->gid) && copy(account->name, sizeof account->name, fields[0], "") &&
         copy(account->home, sizeof account->home, fields[5], "/") &&
         copy(account->shell, sizeof account->shell, fields[6], "/bin/sh");
}

static bool find(struct account *account, const char *name, uint32_t uid) {
  bool found = false;
  char *line;
  if (!lines_open(&lines, passwd_path)) return false;
  while (!found && (line = lines_next(&lines)) != NULL) {
    found = read_account(line, account) && (name != NULL ? strcmp(account->name, name) == 0 : account->uid == uid);
  }
  lines_close(&lines);
  account->group_count = 0;
  account->has_entry = found;
  return found;
}

bool account_by_name(struct account *account, const char *name) { return find(account, name, 0); }
bool account_by_uid(struct account *account, uint32_t uid) { return find(account, NULL, uid); }

void account_without_entry(struct account *account, uint32_t uid) {
  *account = (struct account){.uid = uid, .gid = uid, .home = "/", .shell = "/bin/sh"};
  snprintf(account->name, sizeof account->name, "%u", (unsigned)uid);
}

/* a,b,c */
static bool is_member(char *members, const char *name) {
  char *member;
  while ((member = strsep(&members, ",")) != NULL) {
    if (strcmp(member, name) == 0) return true;
  }
  return false;
}

static bool add_group(struct account *account, uint32_t gid) {
  for (size_t i = 0; i < account->group_count; i++) {
    if (account->groups[i] == gid) return true;
  }
  if (account->group_count == MAX_GROUPS) return false;
  account->groups[account->group_count++] = gid;
  return true;
}

bool account_find_groups(struct account *account, struct outcome *outcome) {
  char *fields[GROUP_FIELDS];
  char *line;
  uint32_t gid;
  bool fits = true;
  account->group_count = 0;
  add_group(account, account->gid);
  if (!account->has_entry || !lines_open(&lines, group_path)) return true;
  while (fits && (line = lines_next(&lines)) != NULL) {
    /* name:password:gid:members */
    if (!split(line, fields, GROUP_FIELDS) || !parse_id(fields[2], &gid)) continue;
    if (is_member(fields[3], account->name)) fits = add_group(account, gid);
  }
  lines_close(&lines);
  return fits || fail(outcome, STATUS_SYSTEM, E2BIG, "%s is in more than %d groups", account->name, MAX_GROUPS);
}
