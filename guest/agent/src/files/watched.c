#include "watched.h"

#include <stdint.h>
#include <string.h>

/* Chains of places; place 0 ends a chain. */
enum { BUCKETS = 4096 };

/* A worker is a process of its own: nobody else uses these. */
static struct watched table[MAX_WATCHED + 1];
static uint16_t next[MAX_WATCHED + 1];
static uint16_t heads[BUCKETS];
static uint16_t unused; /* chain of places that were given back */
static uint16_t used;   /* places from 1 to this one were used at some time */

static uint16_t *head_of(int number) { return &heads[(unsigned)number % BUCKETS]; }

void watched_clear(void) {
  memset(heads, 0, sizeof heads);
  for (unsigned place = 1; place <= used; place++) table[place].number = -1;
  unused = used = 0;
}

struct watched *watched_find(int number) {
  uint16_t place = *head_of(number);
  while (place != 0 && table[place].number != number) place = next[place];
  return place != 0 ? &table[place] : NULL;
}

struct watched *watched_named(int parent, const char *name) {
  for (unsigned place = 1; place <= used; place++) {
    const struct watched *each = &table[place];
    if (each->number >= 0 && each->parent == parent && strcmp(each->name, name) == 0) return &table[place];
  }
  return NULL;
}

static uint16_t free_place(void) {
  uint16_t place = unused;
  if (place != 0) unused = next[place];
  else if (used < MAX_WATCHED) place = ++used;
  return place;
}

bool watched_add(int number, int parent, const char *name) {
  if (watched_find(number) != NULL) return true;
  uint16_t place = free_place();
  if (place == 0) return false;
  table[place] = (struct watched){.number = number, .parent = parent};
  strncpy(table[place].name, name, NAME_MAX);
  next[place] = *head_of(number);
  *head_of(number) = place;
  return true;
}

void watched_remove(int number) {
  for (uint16_t *link = head_of(number); *link != 0; link = &next[*link]) {
    uint16_t place = *link;
    if (table[place].number != number) continue;
    *link = next[place];
    table[place].number = -1;
    next[place] = unused;
    unused = place;
    return;
  }
}

static struct watched *child_of(int parent) {
  for (unsigned place = 1; place <= used; place++) {
    if (table[place].number >= 0 && table[place].parent == parent) return &table[place];
  }
  return NULL;
}

struct watched *watched_leaf(int number) {
  struct watched *leaf = watched_find(number);
  struct watched *child = leaf;
  while (child != NULL) {
    leaf = child;
    child = child_of(leaf->number);
  }
  return leaf;
}

bool watched_path(int number, const char *name, char *path, size_t size) {
  size_t at = size - 1;
  size_t length = strlen(name);
  path[at] = '\0';
  for (const struct watched *each = watched_find(number);; each = watched_find(each->parent)) {
    if (each == NULL || length + (each->parent >= 0) > at) return false;
    at -= length;
    memcpy(path + at, name, length);
    if (each->parent < 0) break;
    name = each->name;
    length = strlen(name);
    path[--at] = '/';
  }
  memmove(path, path + at, size - at);
  return true;
}
