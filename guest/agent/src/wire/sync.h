/* The sync word: 16 bytes that begin a session and occur nowhere else. */
#ifndef SMOLVM_SYNC_H
#define SMOLVM_SYNC_H

#include <stddef.h>
#include <stdint.h>

enum { SYNC_SIZE = 16 };

extern const uint8_t sync_word[SYNC_SIZE];

/*
 * Looks for the word in a stream that arrives in pieces. `matched` carries what the pieces so far ended with; it starts
 * as 0. Returns the offset behind the word in this piece, or 0 if the word does not end in it.
 */
size_t sync_find(unsigned *matched, const uint8_t *data, size_t size);

#endif
