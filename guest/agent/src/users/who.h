/* The fields of a REQUEST that say whose a process or a file is: USER, or UID and GID. */
#ifndef SMOLVM_WHO_H
#define SMOLVM_WHO_H

#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "fields.h"
#include "outcome.h"

struct who {
  const char *user; /* NULL: not given */
  bool has_uid;
  bool has_gid;
  uint32_t uid;
  uint32_t gid;
};

static inline bool who_is_given(const struct who *who) { return who->user != NULL || who->has_uid || who->has_gid; }
static inline bool who_is_tag(uint16_t tag) { return tag == TAG_USER || tag == TAG_UID || tag == TAG_GID; }
/* Takes a field of one of these tags. The user's name lies in the frame's payload. */
bool who_take(struct who *who, const struct field *field, struct outcome *outcome);
/* Looks the user up, without its groups. GID alone is root in that group. False: UNKNOWN_USER, or BAD_REQUEST. */
bool who_resolve(const struct who *who, struct account *account, struct outcome *outcome);

#endif
