#include "configure.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "fields.h"
#include "lifetime.h"
#include "system.h"

static bool is_hostname(const char *text) {
  size_t length = strlen(text);
  if (length == 0 || length > 63 || text[0] == '-' || text[0] == '.') return false;
  return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == length;
}

/* machine-id(5) */
static bool is_machine_id(const char *text) {
  return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

/* As OpenSSH writes them. `size` counts what the field has. */
static bool is_private_key(const char *text, size_t size) {
  static const char start[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  return size <= MAX_SSH_HOST_KEY && strncmp(text, start, sizeof start - 1) == 0 && text[size - 1] == '\n';
}

static bool is_public_key(const char *text, size_t size) {
  static const char start[] = "ssh-ed25519 ";
  return size <= MAX_SSH_HOST_KEY && strncmp(text, start, sizeof start - 1) == 0 && strchr(text, '\n') == text + size - 1;
}

/* a.b.c.d/prefix */
static bool parse_address(const char *text, struct configuration *configuration) {
  char address[INET_ADDRSTRLEN];
  const char *slash = strchr(text, '/');
  if (slash == NULL || (size_t)(slash - text) >= sizeof address) return false;
  memcpy(address, text, (size_t)(slash - text));
  address[slash - text] = '\0';
  size_t digits = strspn(slash + 1, "0123456789");
  if (digits == 0 || digits > 2 || slash[1 + digits] != '\0') return false;
  configuration->prefix = (unsigned)atoi(slash + 1);
  configuration->has_address = true;
  return configuration->prefix <= 32 && inet_pton(AF_INET, address, &configuration->address) == 1;
}

static bool is_address(const char *text) {
  uint8_t address[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool bad(struct outcome *outcome, const char *name, const char *what) {
  return fail(outcome, STATUS_BAD_REQUEST, 0, "%s %s", name, what);
}

static bool parse_field(struct configuration *configuration, const struct field *field, struct outcome *outcome) {
  uint32_t number;
  const char *text;
  switch (field->tag) {
    case TAG_ENTROPY:
      if (field->length > MAX_ENTROPY) return bad(outcome, "ENTROPY", "is longer than 512 bytes");
      configuration->entropy = field->bytes;
      configuration->entropy_size = field->length;
      return true;
    case TAG_CLOCK_NS:
      configuration->has_clock = true;
      /* The kernel's time ends in 2262, at 2^63 nanoseconds. */
      if (field_u64(field, &configuration->clock_ns) && configuration->clock_ns <= INT64_MAX) return true;
      return bad(outcome, "CLOCK_NS", "is not one u64 below 2^63");
    case TAG_HOSTNAME:
      configuration->hostname = text = field_string(field);
      return is_hostname(text) || bad(outcome, "HOSTNAME", "is not 1 to 63 letters, digits, hyphens and dots");
    case TAG_MACHINE_ID:
      configuration->machine_id = text = field_string(field);
      return is_machine_id(text) || bad(outcome, "MACHINE_ID", "is not 32 hexadecimal digits in lower case");
    case TAG_SSH_HOST_KEY:
      configuration->ssh_host_key = text = field_string(field);
      return is_private_key(text, field->length) || bad(outcome, "SSH_HOST_KEY", "is not an OpenSSH private key");
    case TAG_SSH_HOST_PUBLIC_KEY:
      configuration->ssh_host_public_key = text = field_string(field);
      return is_public_key(text, field->length) || bad(outcome, "SSH_HOST_PUBLIC_KEY", "is not one line of ssh-ed25519");
    case TAG_NEW_IDENTITY:
      if (!field_u32(field, &number) || number > 1) return bad(outcome, "NEW_IDENTITY", "is neither 0 nor 1");
      configuration->is_new_identity = number == 1;
      return true;
    case TAG_LIFETIME_MS:
      configuration->has_lifetime = true;
      return field_u64(field, &configuration->lifetime_ms) || bad(outcome, "LIFETIME_MS", "is not one u64");
    case TAG_MAC:
      configuration->mac = field->bytes;
      /* The lowest bit of the first byte marks the address of a group. */
      return (field->length == MAC_SIZE && (field->bytes[0] & 1) == 0) || bad(outcome, "MAC", "is not 6 bytes of one machine");
    case TAG_ADDRESS:
      return parse_address(field_string(field), configuration) || bad(outcome, "ADDRESS", "is not a.b.c.d/prefix");
    case TAG_GATEWAY:
      configuration->has_gateway = true;
      return inet_pton(AF_INET, field_string(field), &configuration->gateway) == 1 ||
             bad(outcome, "GATEWAY", "is not a.b.c.d");
    case TAG_RESOLVER:
      if (configuration->resolver_count == MAX_RESOLVERS) return bad(outcome, "RESOLVER", "is there over 16 times");
      configuration->resolvers[configuration->resolver_count++] = text = field_string(field);
      return is_address(text) || bad(outcome, "RESOLVER", "is not an IP address");
    case TAG_ENV:
      text = field_string(field);
      configuration->variables[configuration->variable_count++] = (char *)(uintptr_t)text;
      configuration->replaces_variables = true;
      return environment_is_variable(text) || bad(outcome, "ENV", "is not NAME=value");
    case TAG_FLAGS:
      if (!field_u32(field, &number)) return bad(outcome, "FLAGS", "is not one u32");
      if ((number & CONFIGURE_REPLACES_ENV) != 0) configuration->replaces_variables = true;
      return true;
    case TAG_GROW_ROOT:
      if (!field_u32(field, &number) || number > 1) return bad(outcome, "GROW_ROOT", "is neither 0 nor 1");
      configuration->grow_root = number == 1;
      return true;
    default:
      return true;
  }
}

bool configuration_parse(struct configuration *configuration, const struct frame *frame, struct outcome *outcome) {
  static char *variables[MAX_PAYLOAD / 6];
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  *configuration = (struct configuration){.variables = variables};
  while (fields_next(&reader, &field)) {
    if (!parse_field(configuration, &field, outcome)) return false;
  }
  bool is_whole_key = (configuration->ssh_host_key == NULL) == (configuration->ssh_host_public_key == NULL);
  return is_whole_key || bad(outcome, "SSH_HOST_KEY", "comes with SSH_HOST_PUBLIC_KEY");
}

static bool replace_variables(const struct configuration *configuration, struct outcome *outcome) {
  environment_begin();
  for (size_t i = 0; i < configuration->variable_count; i++) environment_add(configuration->variables[i]);
  return system_set_variables(configuration->variables, configuration->variable_count, outcome);
}

bool configuration_apply(const struct configuration *configuration, struct outcome *outcome) {
  const struct configuration *c = configuration;
  /* First: it gets older. */
  if (c->has_clock && !system_set_clock(c->clock_ns, outcome)) return false;
  if (c->entropy_size != 0 && !system_add_entropy(c->entropy, c->entropy_size, outcome)) return false;
  if (c->hostname != NULL && !system_set_hostname(c->hostname, outcome)) return false;
  if (c->machine_id != NULL && !system_set_machine_id(c->machine_id, outcome)) return false;
  if (c->ssh_host_key != NULL && !system_set_ssh_host_key(c->ssh_host_key, c->ssh_host_public_key, outcome)) return false;
  if (c->is_new_identity && !system_renew(c->machine_id, outcome)) return false;
  if (c->mac != NULL && !system_set_mac(c->mac, outcome)) return false;
  if (c->has_address && !system_set_address(c->address, c->prefix, outcome)) return false;
  if (c->has_gateway && !system_set_gateway(c->gateway, outcome)) return false;
  if (c->resolver_count != 0 && !system_set_resolvers(c->resolvers, c->resolver_count, outcome)) return false;
  if (c->replaces_variables && !replace_variables(c, outcome)) return false;
  if (c->grow_root && !system_grow_root(outcome)) return false;
  if (c->has_lifetime) lifetime_set(c->lifetime_ms);
  return true;
}
