#include "sync.h"

#include <string.h>

const uint8_t sync_word[SYNC_SIZE] = {0xff, 0x53, 0x4d, 0x4f, 0x4c, 0x56, 0x4d, 0x2d,
                                      0x53, 0x59, 0x4e, 0x43, 0xfe, 0xc3, 0xa5, 0xff};

size_t sync_find(unsigned *matched, const uint8_t *data, size_t size) {
  size_t at = 0;
  unsigned have = *matched;
  while (at < size) {
    if (have == 0) {
      const uint8_t *first = memchr(data + at, sync_word[0], size - at);
      if (first == NULL) break;
      at = (size_t)(first - data) + 1;
      have = 1;
      continue;
    }
    uint8_t byte = data[at++];
    /* FF stands at both ends of the word only, so a mismatch can begin a new match with this byte, never earlier. */
    if (byte == sync_word[have]) have++;
    else have = byte == sync_word[0] ? 1 : 0;
    if (have == SYNC_SIZE) {
      *matched = 0;
      return at;
    }
  }
  *matched = have;
  return 0;
}
