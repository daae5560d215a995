/* CONFIGURE: what the host says about the guest, checked as a whole before any of it is applied. */
#ifndef SMOLVM_CONFIGURE_H
#define SMOLVM_CONFIGURE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "outcome.h"

enum { MAX_RESOLVERS = 16 };

struct configuration {
  const uint8_t *entropy;
  size_t entropy_size;
  bool has_clock;
  uint64_t clock_ns;
  const char *hostname;
  const char *machine_id;
  const char *ssh_host_key; /* with its public half, or NULL */
  const char *ssh_host_public_key;
  bool is_new_identity;
  const uint8_t *mac;
  bool has_address;
  struct in_addr address;
  unsigned prefix;
  bool has_gateway;
  struct in_addr gateway;
  const char *resolvers[MAX_RESOLVERS];
  size_t resolver_count;
  char **variables;
  size_t variable_count;
  bool replaces_variables; /* also by none */
  bool grow_root;
  bool has_lifetime;
  uint64_t lifetime_ms;
};

/* The strings lie in the frame's payload. */
bool configuration_parse(struct configuration *configuration, const struct frame *frame, struct outcome *outcome);
bool configuration_apply(const struct configuration *configuration, struct outcome *outcome);

#endif
