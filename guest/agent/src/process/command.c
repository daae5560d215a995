#include "command.h"

#include <string.h>

#include "environment.h"
#include "fields.h"
#include "who.h"

/* A field has a header of 6 bytes, so a frame cannot hold more. */
enum { MAX_FIELDS = MAX_PAYLOAD / 6 };

enum { DEFAULT_COLUMNS = 80, DEFAULT_ROWS = 24 };

static char *arguments[1 + MAX_FIELDS + 1];
static char default_terminal[] = "TERM=xterm-256color";
static struct account account;
static char *environment[BASE_VARIABLES + MAX_OWN_VARIABLES + MAX_FIELDS + 2];

static bool parse_number(const struct field *field, uint32_t *value, const char *name, struct outcome *outcome) {
  if (field_u32(field, value)) return true;
  return fail(outcome, STATUS_BAD_REQUEST, 0, "%s has %u bytes instead of 4", name, field->length);
}

static bool parse_size(const struct field *field, uint16_t *size, const char *name, struct outcome *outcome) {
  uint32_t value;
  if (!parse_number(field, &value, name, outcome)) return false;
  if (value < 1 || value > UINT16_MAX) {
    return fail(outcome, STATUS_BAD_REQUEST, 0, "%s of %u is not in 1 to %u", name, value, UINT16_MAX);
  }
  *size = (uint16_t)value;
  return true;
}

static bool become(struct command *command, const struct who *who, struct outcome *outcome) {
  /* The default costs no look into any file. */
  if (!who_is_given(who)) return true;
  if (!who_resolve(who, &account, outcome) || !account_find_groups(&account, outcome)) return false;
  environment_become(&account);
  command->account = &account;
  command->home = account.home;
  return true;
}

/* What the fields say while they are read. */
struct parsing {
  struct command *command;
  struct outcome *outcome;
  size_t argument_count;
  size_t environment_count;
  struct who who;
  uint32_t flags;
};

static void put_variable(struct parsing *parsing, char *variable) {
  size_t most = sizeof environment / sizeof *environment - 1;
  parsing->environment_count = environment_put(environment, parsing->environment_count, most, variable);
}

static bool take_field(struct parsing *parsing, const struct field *field) {
  struct command *command = parsing->command;
  struct outcome *outcome = parsing->outcome;
  char *text;
  switch (field->tag) {
    case TAG_ARG:
      command->arguments[parsing->argument_count++] = field_string(field);
      return true;
    case TAG_ENV:
      text = field_string(field);
      if (!environment_is_variable(text)) {
        return fail(outcome, STATUS_BAD_REQUEST, 0, "ENV is not NAME=value: %s", text);
      }
      put_variable(parsing, text);
      return true;
    case TAG_CWD:
      command->directory = text = field_string(field);
      return text[0] == '/' || fail(outcome, STATUS_BAD_REQUEST, 0, "CWD is not absolute: %s", text);
    case TAG_NAME:
      command->name = text = field_string(field);
      if (text[0] != '\0' && strlen(text) <= MAX_NAME) return true;
      return fail(outcome, STATUS_BAD_REQUEST, 0, "NAME is empty or longer than %d bytes", MAX_NAME);
    case TAG_FLAGS:
      return parse_number(field, &parsing->flags, "FLAGS", outcome);
    case TAG_WINDOW:
      return parse_number(field, &command->window, "WINDOW", outcome);
    case TAG_COLUMNS:
      return parse_size(field, &command->size.columns, "COLUMNS", outcome);
    case TAG_ROWS:
      return parse_size(field, &command->size.rows, "ROWS", outcome);
    default:
      return !who_is_tag(field->tag) || who_take(&parsing->who, field, outcome);
  }
}

bool command_parse(struct command *command, const struct frame *frame, struct outcome *outcome) {
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  struct parsing parsing = {
      .command = command,
      .outcome = outcome,
      .environment_count = environment_start(environment),
  };
  *command = (struct command){
      .arguments = arguments + 1,
      .environment = environment,
      .home = "/root",
      .name = "",
      .size = {.columns = DEFAULT_COLUMNS, .rows = DEFAULT_ROWS},
      .window = DEFAULT_OUTPUT_WINDOW,
  };
  while (fields_next(&reader, &field)) {
    if (!take_field(&parsing, &field)) return false;
  }
  command->arguments[parsing.argument_count] = NULL;
  command->has_input = (parsing.flags & EXEC_HAS_INPUT) != 0;
  command->has_terminal = (parsing.flags & EXEC_TTY) != 0;
  command->is_detached = (parsing.flags & EXEC_DETACHED) != 0;
  if (parsing.argument_count == 0) return fail(outcome, STATUS_BAD_REQUEST, 0, "EXEC without an ARG");
  if (command->window > MAX_CREDIT) {
    return fail(outcome, STATUS_BAD_REQUEST, 0, "WINDOW of %u is over %u", command->window, MAX_CREDIT);
  }
  if (command->is_detached && (command->has_input || command->has_terminal)) {
    return fail(outcome, STATUS_BAD_REQUEST, 0, "DETACHED together with INPUT or TTY");
  }
  if (command->has_terminal && environment_get(environment, "TERM") == NULL) put_variable(&parsing, default_terminal);
  command->path = environment_get(environment, "PATH");
  return become(command, &parsing.who, outcome);
}
