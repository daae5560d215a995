/* PROCESS_LIST: all detached processes as they are at the moment of the request. */
#ifndef SMOLVM_LIST_H
#define SMOLVM_LIST_H

#include <stddef.h>
#include <stdint.h>

struct session;

struct list {
  uint8_t *records; /* mapped */
  size_t size;
  size_t sent;
};

void list_start(struct session *session, uint32_t id, uint32_t window);

#endif
