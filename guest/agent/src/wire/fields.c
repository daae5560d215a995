#include "fields.h"

#include <string.h>

#include "bytes.h"
#include "wire.h"

enum { FIELD_HEADER = 6 };

static bool is_string(uint16_t tag) {
  switch (tag) {
    case TAG_AGENT:
    case TAG_MESSAGE:
    case TAG_ARG:
    case TAG_ENV:
    case TAG_CWD:
    case TAG_HOSTNAME:
    case TAG_MACHINE_ID:
    case TAG_SSH_HOST_KEY:
    case TAG_SSH_HOST_PUBLIC_KEY:
    case TAG_ADDRESS:
    case TAG_GATEWAY:
    case TAG_RESOLVER:
    case TAG_USER:
    case TAG_NAME:
    case TAG_PATH:
    case TAG_TARGET:
      return true;
    default:
      return false;
  }
}

bool fields_valid(const uint8_t *payload, size_t size) {
  while (size != 0) {
    if (size < FIELD_HEADER) return false;
    uint16_t tag = get_u16(payload);
    uint32_t length = get_u32(payload + 2);
    payload += FIELD_HEADER;
    size -= FIELD_HEADER;
    if (length > size) return false;
    if (is_string(tag) && length != 0 && memchr(payload, 0, length) != NULL) return false;
    payload += length;
    size -= length;
  }
  return true;
}

bool fields_next(struct field_reader *reader, struct field *field) {
  if (reader->left < FIELD_HEADER) return false;
  field->tag = get_u16(reader->at);
  field->length = get_u32(reader->at + 2);
  field->bytes = reader->at + FIELD_HEADER;
  if (field->length > reader->left - FIELD_HEADER) return false;
  reader->at += FIELD_HEADER + (size_t)field->length;
  reader->left -= FIELD_HEADER + (size_t)field->length;
  return true;
}

bool field_u32(const struct field *field, uint32_t *value) {
  if (field->length != 4) return false;
  *value = get_u32(field->bytes);
  return true;
}

bool field_u64(const struct field *field, uint64_t *value) {
  if (field->length != 8) return false;
  *value = get_u64(field->bytes);
  return true;
}

char *field_string(const struct field *field) {
  char *string = (char *)field->bytes - 1;
  memmove(string, field->bytes, field->length);
  string[field->length] = '\0';
  return string;
}

void fields_put(struct field_writer *writer, uint16_t tag, const void *bytes, size_t length) {
  if (writer->size - writer->used < FIELD_HEADER + length) return;
  uint8_t *at = writer->bytes + writer->used;
  put_u16(at, tag);
  put_u32(at + 2, (uint32_t)length);
  if (length != 0) memcpy(at + FIELD_HEADER, bytes, length);
  writer->used += FIELD_HEADER + length;
}

void fields_put_u32(struct field_writer *writer, uint16_t tag, uint32_t value) {
  uint8_t bytes[4];
  put_u32(bytes, value);
  fields_put(writer, tag, bytes, sizeof bytes);
}

void fields_put_u64(struct field_writer *writer, uint16_t tag, uint64_t value) {
  uint8_t bytes[8];
  put_u64(bytes, value);
  fields_put(writer, tag, bytes, sizeof bytes);
}
