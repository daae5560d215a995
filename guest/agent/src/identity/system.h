/* What CONFIGURE changes in the running system. Every one can be called again. */
#ifndef SMOLVM_SYSTEM_H
#define SMOLVM_SYSTEM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outcome.h"

bool system_add_entropy(const uint8_t *bytes, size_t size, struct outcome *outcome);
bool system_set_clock(uint64_t nanoseconds, struct outcome *outcome);
bool system_set_hostname(const char *name, struct outcome *outcome);
/* 32 hexadecimal digits: /etc/machine-id */
bool system_set_machine_id(const char *id, struct outcome *outcome);
bool system_set_ssh_host_key(const char *private_key, const char *public_key, struct outcome *outcome);
/* This guest is a copy of another: seeds of randomness, and copies of the machine id (NULL: it stays), differ from now on. */
bool system_renew(const char *machine_id, struct outcome *outcome);
/* Of the first network interface, six bytes. */
bool system_set_mac(const uint8_t *mac, struct outcome *outcome);
bool system_set_address(struct in_addr address, unsigned prefix, struct outcome *outcome);
bool system_set_gateway(struct in_addr gateway, struct outcome *outcome);
bool system_set_resolvers(const char *const *resolvers, size_t count, struct outcome *outcome);
/* For login shells. `NAME=value` each. */
bool system_set_variables(char *const *variables, size_t count, struct outcome *outcome);
bool system_grow_root(struct outcome *outcome);
/* Part of every boot: programs expect 127.0.0.1 to work. */
void system_start_loopback(void);

#endif
