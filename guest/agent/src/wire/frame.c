#include "frame.h"

#include <string.h>

#include "bytes.h"
#include "sync.h"

uint8_t *receiver_space(struct receiver *receiver, size_t *size) {
  *size = sizeof receiver->buffer - receiver->filled;
  return receiver->buffer + receiver->filled;
}

void receiver_filled(struct receiver *receiver, size_t size) { receiver->filled += size; }

void receiver_hunt(struct receiver *receiver) { receiver->in_session = false; }

static void look_for_sync(struct receiver *receiver) {
  if (receiver->sync_end != 0) return;
  size_t behind = sync_find(&receiver->matched, receiver->buffer + receiver->scanned,
                            receiver->filled - receiver->scanned);
  if (behind == 0) {
    receiver->scanned = receiver->filled;
  } else {
    receiver->scanned += behind;
    receiver->sync_end = receiver->scanned;
  }
}

static enum received next_in_session(struct receiver *receiver, size_t limit, struct frame *frame) {
  size_t available = limit - receiver->start;
  uint8_t *at = receiver->buffer + receiver->start;
  if (available < 4) return RECEIVED_NOTHING;
  uint32_t length = get_u32(at);
  if (length > MAX_PAYLOAD) {
    receiver_hunt(receiver);
    return RECEIVED_TOO_LONG;
  }
  if (available < HEADER_SIZE + (size_t)length) return RECEIVED_NOTHING;
  *frame = (struct frame){
      .length = length,
      .id = get_u32(at + 4),
      .type = at[8],
      .stream = at[9],
      .reserved = get_u16(at + 10),
      .payload = at + HEADER_SIZE,
  };
  receiver->start += HEADER_SIZE + (size_t)length;
  return RECEIVED_FRAME;
}

static void compact(struct receiver *receiver) {
  if (!receiver->in_session) receiver->start = receiver->filled;
  size_t kept = receiver->filled - receiver->start;
  if (receiver->start != 0 && kept != 0) memmove(receiver->buffer, receiver->buffer + receiver->start, kept);
  receiver->start = 0;
  receiver->filled = kept;
  receiver->scanned = kept;
}

enum received receiver_next(struct receiver *receiver, struct frame *frame) {
  look_for_sync(receiver);
  size_t limit = receiver->filled;
  if (receiver->sync_end != 0) {
    /* The word's first bytes may be gone already: they completed a frame of a client that died inside it. */
    limit = receiver->sync_end > SYNC_SIZE ? receiver->sync_end - SYNC_SIZE : 0;
    if (limit < receiver->start) limit = receiver->start;
  }
  if (receiver->in_session) {
    enum received received = next_in_session(receiver, limit, frame);
    if (received != RECEIVED_NOTHING) return received;
  }
  if (receiver->sync_end != 0) {
    receiver->start = receiver->sync_end;
    receiver->sync_end = 0;
    receiver->in_session = true;
    return RECEIVED_SYNC;
  }
  compact(receiver);
  return RECEIVED_NOTHING;
}

void frame_header(uint8_t header[HEADER_SIZE], uint32_t length, uint32_t id, uint8_t type, uint8_t stream) {
  put_u32(header, length);
  put_u32(header + 4, id);
  header[8] = type;
  header[9] = stream;
  put_u16(header + 10, 0);
}
