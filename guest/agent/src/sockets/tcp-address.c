#include <stdio.h>
#include <string.h>

#include "tcp.h"

bool tcp_address_parse(struct tcp_address *address, const char *text, uint16_t port) {
  *address = (struct tcp_address){0};
  if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons(port);
    return true;
  }
  if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) != 1) return false;
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = htons(port);
  return true;
}

/* The port lies at the same place in both families. */
uint16_t tcp_address_port(const struct tcp_address *address) { return ntohs(address->v4.sin_port); }

void tcp_address_print(const struct tcp_address *address, char text[TCP_ADDRESS_TEXT]) {
  bool is_v4 = address->any.sa_family == AF_INET;
  const void *number = is_v4 ? (const void *)&address->v4.sin_addr : (const void *)&address->v6.sin6_addr;
  inet_ntop(address->any.sa_family, number, text, INET6_ADDRSTRLEN);
  snprintf(text + strlen(text), sizeof " port 65535", " port %u", (unsigned)tcp_address_port(address));
}
