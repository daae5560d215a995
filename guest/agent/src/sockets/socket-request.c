#include "socket-request.h"

#include "fields.h"

static bool take_u32(const struct field *field, uint32_t *value, const char *name, struct outcome *outcome) {
  if (field_u32(field, value)) return true;
  return fail(outcome, STATUS_BAD_REQUEST, 0, "%s has %u bytes instead of 4", name, field->length);
}

static bool take(const struct field *field, const char **text, uint32_t *port, uint32_t *window,
                 struct outcome *outcome) {
  switch (field->tag) {
    case TAG_ADDRESS:
      *text = field_string(field);
      return true;
    case TAG_PORT:
      return take_u32(field, port, "PORT", outcome);
    case TAG_WINDOW:
      return take_u32(field, window, "WINDOW", outcome);
    default:
      return true;
  }
}

bool socket_request_parse(struct socket_request *request, const struct frame *frame, struct outcome *outcome) {
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  const char *text = NULL;
  uint32_t port = 0;
  *request = (struct socket_request){.window = DEFAULT_OUTPUT_WINDOW};
  while (fields_next(&reader, &field)) {
    if (!take(&field, &text, &port, &request->window, outcome)) return false;
  }
  if (port == 0 || port > UINT16_MAX) return fail(outcome, STATUS_BAD_REQUEST, 0, "PORT is not one of 1 to 65535");
  if (request->window > MAX_CREDIT) {
    return fail(outcome, STATUS_BAD_REQUEST, 0, "WINDOW of %u is over %u", request->window, MAX_CREDIT);
  }
  request->has_address = text != NULL;
  if (tcp_address_parse(&request->address, text != NULL ? text : "127.0.0.1", (uint16_t)port)) return true;
  return fail(outcome, STATUS_BAD_REQUEST, 0, "ADDRESS is no IP address: %s", text);
}
