/* The guest's own table of sockets that listen: Linux announces no listen(2). */
#ifndef SMOLVM_LISTENING_H
#define SMOLVM_LISTENING_H

#include <stdbool.h>
#include <stdint.h>

/* On any address of IPv4 or IPv6. */
bool is_listening(uint16_t port);
/* One line of /proc/net/tcp or tcp6. */
bool line_is_of_listener(const char *line, uint16_t *port);

#endif
