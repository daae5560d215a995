#include "environment.h"

#include <string.h>

#include "wire.h"

static char base[BASE_VARIABLES][72] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "USER=root",
    "LOGNAME=root",
    "SHELL=/bin/sh",
    "LANG=C.UTF-8",
};

/* One CONFIGURE frame holds them, so one payload's size is enough: a field's header outweighs its NUL here. */
static char own_text[MAX_PAYLOAD];
static size_t own_used;
static size_t own_count;

void environment_begin(void) { own_used = own_count = 0; }

void environment_add(const char *variable) {
  size_t size = strlen(variable) + 1;
  if (size > sizeof own_text - own_used || own_count == MAX_OWN_VARIABLES) return;
  memcpy(own_text + own_used, variable, size);
  own_used += size;
  own_count++;
}

bool environment_is_variable(const char *text) {
  const char *equals = strchr(text, '=');
  return equals != NULL && equals != text;
}

size_t environment_put(char **list, size_t count, size_t most, char *variable) {
  size_t name = (size_t)(strchr(variable, '=') - variable) + 1;
  for (size_t i = 0; i < count; i++) {
    if (list[i][0] == variable[0] && strncmp(list[i], variable, name) == 0) {
      list[i] = variable;
      return count;
    }
  }
  if (count < most) list[count++] = variable;
  list[count] = NULL;
  return count;
}

size_t environment_start(char **list) {
  size_t count = 0;
  size_t most = MAX_OWN_VARIABLES + BASE_VARIABLES;
  for (size_t i = 0; i < BASE_VARIABLES; i++) list[count++] = base[i];
  list[count] = NULL;
  for (char *at = own_text; at < own_text + own_used; at += strlen(at) + 1) {
    count = environment_put(list, count, most, at);
  }
  return count;
}

const char *environment_get(char *const *list, const char *name) {
  size_t length = strlen(name);
  for (; *list != NULL; list++) {
    if (strncmp(*list, name, length) == 0 && (*list)[length] == '=') return *list + length + 1;
  }
  return NULL;
}
