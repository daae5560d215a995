/* Frames out of a byte stream, and the sync word that begins a session. Pure: no I/O. */
#ifndef SMOLVM_FRAME_H
#define SMOLVM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct frame {
  uint32_t id;
  uint8_t type;
  uint8_t stream;
  uint16_t reserved;
  uint32_t length;
  /* In the receiver's buffer: valid until the receiver is used again. Its holder may overwrite these bytes. */
  uint8_t *payload;
};

enum received {
  RECEIVED_NOTHING,  /* more bytes are needed */
  RECEIVED_FRAME,
  RECEIVED_SYNC,     /* what came before belonged to an earlier session */
  RECEIVED_TOO_LONG, /* a length over the cap; the receiver now hunts for the sync word */
};

struct receiver {
  bool in_session; /* false: every byte up to the next sync word is dropped */
  unsigned matched;
  size_t start;    /* first byte that was not handed out */
  size_t scanned;  /* up to here sync words were looked for */
  size_t filled;
  size_t sync_end; /* behind a sync word that was found but not handed out yet; 0: none */
  uint8_t buffer[HEADER_SIZE + MAX_PAYLOAD];
};

/* Where to put new bytes, and how many fit. After receiver_next() said RECEIVED_NOTHING at least one does. */
uint8_t *receiver_space(struct receiver *receiver, size_t *size);
void receiver_filled(struct receiver *receiver, size_t size);
enum received receiver_next(struct receiver *receiver, struct frame *frame);
/* Ends the session: frames are dropped until the next sync word, also those that are in the buffer already. */
void receiver_hunt(struct receiver *receiver);

void frame_header(uint8_t header[HEADER_SIZE], uint32_t length, uint32_t id, uint8_t type, uint8_t stream);

#endif
