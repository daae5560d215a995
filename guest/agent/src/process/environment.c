#include "environment.h"

#include <stdio.h>
#include <string.h>

#include "wire.h"

static char home[sizeof "HOME=" + MAX_USER_PATH];
static char user[sizeof "USER=" + MAX_USER_NAME];
static char logname[sizeof "LOGNAME=" + MAX_USER_NAME];
static char shell[sizeof "SHELL=" + MAX_USER_PATH];

static char *const base[BASE_VARIABLES] = {
    (char[]){"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    home,
    user,
    logname,
    shell,
    (char[]){"LANG=C.UTF-8"},
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

static void write_base(const char *its_name, const char *its_home, const char *its_shell) {
  snprintf(home, sizeof home, "HOME=%s", its_home);
  snprintf(user, sizeof user, "USER=%s", its_name);
  snprintf(logname, sizeof logname, "LOGNAME=%s", its_name);
  snprintf(shell, sizeof shell, "SHELL=%s", its_shell);
}

void environment_become(const struct account *account) { write_base(account->name, account->home, account->shell); }

size_t environment_start(char **list) {
  size_t count = 0;
  size_t most = MAX_OWN_VARIABLES + BASE_VARIABLES;
  write_base("root", "/root", "/bin/sh");
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
