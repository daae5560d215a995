#include "file-request.h"

#include "fields.h"
#include "who.h"

static bool take_u32(const struct field *field, uint32_t *value, const char *name, struct outcome *outcome) {
  if (field_u32(field, value)) return true;
  return fail(outcome, STATUS_BAD_REQUEST, 0, "%s has %u bytes instead of 4", name, field->length);
}

static bool take_u64(const struct field *field, uint64_t *value, const char *name, struct outcome *outcome) {
  if (field_u64(field, value)) return true;
  return fail(outcome, STATUS_BAD_REQUEST, 0, "%s has %u bytes instead of 8", name, field->length);
}

static bool take(struct file_request *request, const struct field *field, struct outcome *outcome) {
  switch (field->tag) {
    case TAG_PATH:
      request->path = field_string(field);
      return true;
    case TAG_TARGET:
      request->target = field_string(field);
      return true;
    case TAG_FLAGS:
      return take_u32(field, &request->flags, "FLAGS", outcome);
    case TAG_WINDOW:
      return take_u32(field, &request->window, "WINDOW", outcome);
    case TAG_MODE:
      request->has_mode = true;
      return take_u32(field, &request->mode, "MODE", outcome);
    case TAG_OFFSET:
      request->has_offset = true;
      return take_u64(field, &request->offset, "OFFSET", outcome);
    case TAG_LENGTH:
      return take_u64(field, &request->length, "LENGTH", outcome);
    case TAG_MTIME_NS:
      request->has_time = true;
      return take_u64(field, &request->mtime_ns, "MTIME_NS", outcome);
    default:
      return true;
  }
}

static bool check(const struct file_request *request, struct outcome *outcome) {
  if (request->path == NULL || request->path[0] != '/') {
    return fail(outcome, STATUS_BAD_REQUEST, 0, "PATH is not absolute: %s", request->path != NULL ? request->path : "");
  }
  if (request->mode > 07777) return fail(outcome, STATUS_BAD_REQUEST, 0, "MODE is over 07777");
  if (request->offset > INT64_MAX) return fail(outcome, STATUS_BAD_REQUEST, 0, "OFFSET is over 2^63-1");
  if (request->window > MAX_CREDIT) {
    return fail(outcome, STATUS_BAD_REQUEST, 0, "WINDOW of %u is over %u", request->window, MAX_CREDIT);
  }
  return true;
}

static bool find_owner(struct file_request *request, const struct who *who, struct outcome *outcome) {
  static struct account account;
  if (!who_is_given(who)) return true;
  if (!who_resolve(who, &account, outcome)) return false;
  request->has_user = who->user != NULL || who->has_uid;
  request->has_group = true;
  request->user = account.uid;
  request->group = account.gid;
  return true;
}

bool file_request_parse(struct file_request *request, const struct frame *frame, struct outcome *outcome) {
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  struct who who = {0};
  *request = (struct file_request){.window = DEFAULT_OUTPUT_WINDOW, .length = UINT64_MAX};
  while (fields_next(&reader, &field)) {
    bool good = who_is_tag(field.tag) ? who_take(&who, &field, outcome) : take(request, &field, outcome);
    if (!good) return false;
  }
  return check(request, outcome) && find_owner(request, &who, outcome);
}
