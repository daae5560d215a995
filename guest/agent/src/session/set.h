/* A set of a session's places for requests: which are open, which want a turn. */
#ifndef SMOLVM_SET_H
#define SMOLVM_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"

enum { SET_WORD = 64, SET_WORDS = MAX_REQUESTS / SET_WORD };

_Static_assert(MAX_REQUESTS % SET_WORD == 0, "a set has whole words");

struct set {
  uint64_t words[SET_WORDS];
};

static inline void set_add(struct set *set, unsigned member) {
  set->words[member / SET_WORD] |= (uint64_t)1 << member % SET_WORD;
}

static inline void set_remove(struct set *set, unsigned member) {
  set->words[member / SET_WORD] &= ~((uint64_t)1 << member % SET_WORD);
}

static inline bool set_has(const struct set *set, unsigned member) {
  return (set->words[member / SET_WORD] >> member % SET_WORD & 1) != 0;
}

/* The first member that is not below `from`; MAX_REQUESTS: there is none. */
static inline unsigned set_next(const struct set *set, unsigned from) {
  for (unsigned word = from / SET_WORD; word < SET_WORDS; word++) {
    uint64_t left = set->words[word];
    if (word == from / SET_WORD) left &= (uint64_t)-1 << from % SET_WORD;
    if (left != 0) return word * SET_WORD + (unsigned)__builtin_ctzll(left);
  }
  return MAX_REQUESTS;
}

/* The lowest place that is not in the set; MAX_REQUESTS: all are. */
static inline unsigned set_first_absent(const struct set *set) {
  for (unsigned word = 0; word < SET_WORDS; word++) {
    if (set->words[word] != UINT64_MAX) return word * SET_WORD + (unsigned)__builtin_ctzll(~set->words[word]);
  }
  return MAX_REQUESTS;
}

static inline bool set_is_empty(const struct set *set) { return set_next(set, 0) == MAX_REQUESTS; }

#endif
