/* Field lists: u16 tag, u32 length, that many bytes. Pure: no I/O. */
#ifndef SMOLVM_FIELDS_H
#define SMOLVM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field {
  uint16_t tag;
  uint32_t length;
  uint8_t *bytes;
};

struct field_reader {
  uint8_t *at;
  size_t left;
};

static inline struct field_reader fields_read(uint8_t *payload, size_t size) {
  return (struct field_reader){.at = payload, .left = size};
}

/* The next field, or false at the end. Only for payloads that fields_valid() accepted. */
bool fields_next(struct field_reader *reader, struct field *field);
/* Whether no field runs past the payload and no string holds a NUL byte. */
bool fields_valid(const uint8_t *payload, size_t size);

bool field_u32(const struct field *field, uint32_t *value);
bool field_u64(const struct field *field, uint64_t *value);
/*
 * Makes the field's bytes a C string, in place: they move down one byte, over their own length, which frees a byte for
 * the NUL. The field list cannot be read again afterwards.
 */
char *field_string(const struct field *field);

/* Writes fields into a buffer. What does not fit is left out as a whole. */
struct field_writer {
  uint8_t *bytes;
  size_t size;
  size_t used;
};

void fields_put(struct field_writer *writer, uint16_t tag, const void *bytes, size_t length);
void fields_put_u32(struct field_writer *writer, uint16_t tag, uint32_t value);
void fields_put_u64(struct field_writer *writer, uint16_t tag, uint64_t value);

#endif
