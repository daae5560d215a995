#include "who.h"

static bool take_id(const struct field *field, bool *has, uint32_t *id, const char *name, struct outcome *outcome) {
  *has = true;
  if (!field_u32(field, id)) {
    return fail(outcome, STATUS_BAD_REQUEST, 0, "%s has %u bytes instead of 4", name, field->length);
  }
  /* To the kernel this one says "leave it as it is", and it is root. */
  if (*id == UINT32_MAX) return fail(outcome, STATUS_BAD_REQUEST, 0, "%s of %u is not valid", name, *id);
  return true;
}

bool who_take(struct who *who, const struct field *field, struct outcome *outcome) {
  if (field->tag == TAG_UID) return take_id(field, &who->has_uid, &who->uid, "UID", outcome);
  if (field->tag == TAG_GID) return take_id(field, &who->has_gid, &who->gid, "GID", outcome);
  who->user = field_string(field);
  return true;
}

bool who_resolve(const struct who *who, struct account *account, struct outcome *outcome) {
  if (who->user != NULL) {
    if (who->has_uid || who->has_gid) return fail(outcome, STATUS_BAD_REQUEST, 0, "USER together with UID or GID");
    if (account_by_name(account, who->user)) return true;
    return fail(outcome, STATUS_UNKNOWN_USER, 0, "%s: the guest has no such user", who->user);
  }
  uint32_t uid = who->has_uid ? who->uid : 0;
  if (!account_by_uid(account, uid)) account_without_entry(account, uid);
  if (who->has_gid) account->gid = who->gid;
  return true;
}
