/* Nonblocking TCP connections. */
#ifndef SMOLVM_TCP_H
#define SMOLVM_TCP_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct tcp_address {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  };
};

enum { TCP_ADDRESS_TEXT = INET6_ADDRSTRLEN + sizeof " port 65535" };

/* A number of IPv4 or IPv6, no name. */
bool tcp_address_parse(struct tcp_address *address, const char *text, uint16_t port);
uint16_t tcp_address_port(const struct tcp_address *address);
/* For messages: `127.0.0.1 port 80`. */
void tcp_address_print(const struct tcp_address *address, char text[TCP_ADDRESS_TEXT]);

/* A socket on its way to the address; -1: errno. */
int tcp_connect(const struct tcp_address *address);
enum tcp_progress { TCP_CONNECTING, TCP_CONNECTED, TCP_FAILED };
/* TCP_FAILED: errno. */
enum tcp_progress tcp_progress(int fd);
/* Closing it will not wait for the other side, and tell it that the connection broke. */
void tcp_reset_on_close(int fd);

#endif
