#include "tree-record.h"

#include <string.h>
#include <sys/stat.h>

#include "bytes.h"
#include "fields.h"
#include "wire.h"
#include "writer.h"

static bool is_component(const char *name) {
  if (name[0] == '\0' || strchr(name, '/') != NULL) return false;
  return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool is_known_type(uint32_t mode) {
  return mode <= (S_IFMT | 07777) && (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode));
}

/* What is wrong with an entry, or NULL. */
static const char *objection(const struct tree_entry *entry) {
  if (entry->name != NULL && !is_component(entry->name)) return "a NAME that is not one component";
  if (!is_known_type(entry->mode)) return "an entry whose MODE is no file, directory or link";
  if (S_ISLNK(entry->mode) && entry->target == NULL) return "a link without TARGET";
  return NULL;
}

static enum tree_record invalid(struct tree_entry *entry, const char *why) {
  entry->objection = why;
  return TREE_RECORD_INVALID;
}

static bool take_field(struct tree_entry *entry, const struct field *field, uint32_t *flags) {
  switch (field->tag) {
    case TAG_NAME:
      entry->name = field_string(field);
      return true;
    case TAG_TARGET:
      entry->target = field_string(field);
      return true;
    case TAG_MODE:
      return field_u32(field, &entry->mode);
    case TAG_MTIME_NS:
      entry->has_time = true;
      return field_u64(field, &entry->mtime_ns);
    case TAG_FLAGS:
      return field_u32(field, flags);
    default:
      return true;
  }
}

enum tree_record tree_record_read(struct reader *reader, struct tree_entry *entry) {
  *entry = (struct tree_entry){0};
  const uint8_t *header = reader_take(reader, 4);
  if (header == NULL) return TREE_RECORD_CUT;
  uint32_t size = get_u32(header);
  if (size == 0) return TREE_RECORD_END;
  if (size > MAX_RECORD) return invalid(entry, "a record of over 65536 bytes");
  uint8_t *bytes = reader_take(reader, size);
  if (bytes == NULL) return TREE_RECORD_CUT;
  if (!fields_valid(bytes, size)) return invalid(entry, "a record with malformed fields");
  struct field_reader fields = fields_read(bytes, size);
  struct field field;
  uint32_t flags = 0;
  while (fields_next(&fields, &field)) {
    if (!take_field(entry, &field, &flags)) return invalid(entry, "a number of the wrong size");
  }
  if ((flags & TREE_LEAVE) != 0) return TREE_RECORD_LEAVE;
  entry->objection = objection(entry);
  return entry->objection == NULL ? TREE_RECORD_ENTRY : TREE_RECORD_INVALID;
}
