#include "outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A cut may not leave half a character: strings on the wire are UTF-8. */
static void cut_at_character(char *text, size_t size) {
  size_t at = size;
  while (at > 0 && ((unsigned char)text[at - 1] & 0xc0) == 0x80) at--;
  if (at > 0 && ((unsigned char)text[at - 1] & 0xc0) == 0xc0) at--;
  text[at] = '\0';
}

bool fail(struct outcome *outcome, enum status status, int error, const char *format, ...) {
  va_list arguments;
  outcome->status = status;
  outcome->error = error;
  va_start(arguments, format);
  int length = vsnprintf(outcome->message, sizeof outcome->message, format, arguments);
  va_end(arguments);
  if (length >= (int)sizeof outcome->message) cut_at_character(outcome->message, sizeof outcome->message - 1);
  return false;
}
