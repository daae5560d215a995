/*
 * A user as /etc/passwd and /etc/group tell of it. The C library's own functions allocate, and may ask a network service
 * that the guest's image names.
 */
#ifndef SMOLVM_ACCOUNT_H
#define SMOLVM_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outcome.h"

enum { MAX_USER_NAME = 256, MAX_USER_PATH = 4096, MAX_GROUPS = 1024 };

struct account {
  uint32_t uid;
  uint32_t gid;
  bool has_entry;
  char name[MAX_USER_NAME]; /* the number of a user that has no entry */
  char home[MAX_USER_PATH];
  char shell[MAX_USER_PATH];
  uint32_t groups[MAX_GROUPS]; /* `gid` among them */
  size_t group_count;
};

/* False: there is no such user. The groups are not looked for. */
bool account_by_name(struct account *account, const char *name);
bool account_by_uid(struct account *account, uint32_t uid);
/* Whoever has no entry: its group is the number of the user, its home is /. */
void account_without_entry(struct account *account, uint32_t uid);
/* Fills in the groups. False: there are more than MAX_GROUPS. */
bool account_find_groups(struct account *account, struct outcome *outcome);

/* For tests: other files than those in /etc. */
void accounts_are_in(const char *passwd, const char *group);

#endif
