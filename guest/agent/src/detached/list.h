/* PROCESS_LIST: a record for each detached process, in the order of their numbers. */
#ifndef SMOLVM_LIST_H
#define SMOLVM_LIST_H

#include <stddef.h>
#include <stdint.h>

struct session;

struct list {
  uint32_t last;   /* the number of the process whose record was written last */
  uint8_t *record; /* mapped: the host may take it piece by piece */
  size_t size;
  size_t sent;
};

void list_start(struct session *session, uint32_t id, uint32_t window);

#endif
