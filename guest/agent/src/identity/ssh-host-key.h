/* The host key of the guest's SSH server. The host makes it: copies of one guest must not share theirs. */
#ifndef SMOLVM_SSH_HOST_KEY_H
#define SMOLVM_SSH_HOST_KEY_H

#include <stdbool.h>

#include "outcome.h"

/*
 * `directory` (/etc/ssh) gets this Ed25519 key, and loses every other host key. Where it is missing there is nothing to do.
 * Both texts are at most MAX_SMALL_FILE bytes.
 */
bool ssh_host_key_write(const char *directory, const char *private_key, const char *public_key, struct outcome *outcome);

#endif
