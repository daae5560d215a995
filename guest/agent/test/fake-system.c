/* CONFIGURE without a guest: the machine that runs the tests keeps its name, clock and network. */
#include "fake-system.h"

#include <stdio.h>
#include <string.h>

#include "system.h"

char fake_system_log[4096];

static bool record(const char *what, const char *value) {
  size_t used = strlen(fake_system_log);
  snprintf(fake_system_log + used, sizeof fake_system_log - used, "%s %s\n", what, value);
  return true;
}

bool system_add_entropy(const uint8_t *bytes, size_t size, struct outcome *outcome) {
  (void)outcome;
  return record("entropy", size == 0 || bytes == NULL ? "none" : "some");
}

bool system_set_clock(uint64_t nanoseconds, struct outcome *outcome) {
  (void)outcome;
  return record("clock", nanoseconds == 0 ? "0" : "set");
}

bool system_set_hostname(const char *name, struct outcome *outcome) {
  (void)outcome;
  return record("hostname", name);
}

bool system_set_machine_id(const char *id, struct outcome *outcome) {
  (void)outcome;
  return record("machine-id", id);
}

bool system_set_ssh_host_key(const char *private_key, const char *public_key, struct outcome *outcome) {
  (void)outcome;
  return record("ssh-host-key", strchr(private_key, '\n') == NULL ? "none" : "some") && record("ssh-host-public-key", public_key);
}

bool system_renew(const char *machine_id, struct outcome *outcome) {
  (void)outcome;
  return record("renew", machine_id == NULL ? "seeds" : machine_id);
}

bool system_set_mac(const uint8_t *mac, struct outcome *outcome) {
  char text[64];
  (void)outcome;
  snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  return record("mac", text);
}

bool system_set_address(struct in_addr address, unsigned prefix, struct outcome *outcome) {
  char text[64];
  (void)outcome;
  snprintf(text, sizeof text, "%08x/%u", ntohl(address.s_addr), prefix);
  return record("address", text);
}

bool system_set_gateway(struct in_addr gateway, struct outcome *outcome) {
  char text[64];
  snprintf(text, sizeof text, "%08x", ntohl(gateway.s_addr));
  if (gateway.s_addr == 0) return fail(outcome, STATUS_SYSTEM, 101, "no such gateway");
  return record("gateway", text);
}

bool system_set_resolvers(const char *const *resolvers, size_t count, struct outcome *outcome) {
  (void)outcome;
  for (size_t i = 0; i < count; i++) record("resolver", resolvers[i]);
  return true;
}

bool system_set_variables(char *const *variables, size_t count, struct outcome *outcome) {
  (void)outcome;
  if (count == 0) record("variables", "none");
  for (size_t i = 0; i < count; i++) record("variable", variables[i]);
  return true;
}

bool system_grow_root(struct outcome *outcome) {
  (void)outcome;
  return record("grow", "root");
}
