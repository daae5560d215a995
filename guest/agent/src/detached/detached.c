#include "detached.h"

#include <signal.h>
#include <string.h>

#include "attach.h"
#include "clock.h"
#include "loop.h"
#include "spawn.h"

static struct detached table[MAX_DETACHED];
static uint32_t last_number;
static uint64_t due; /* places whose streams have something to read */

_Static_assert(MAX_DETACHED <= 64, "`due` has 64 bits");

struct detached *detached_find(uint32_t number) {
  for (unsigned i = 0; i < MAX_DETACHED && number != 0; i++) {
    if (table[i].number == number) return &table[i];
  }
  return NULL;
}

struct detached *detached_next(uint32_t number) {
  struct detached *next = NULL;
  for (unsigned i = 0; i < MAX_DETACHED; i++) {
    if (table[i].number > number && (next == NULL || table[i].number < next->number)) next = &table[i];
  }
  return next;
}

bool detached_is_over(const struct detached *process) {
  return !process->runs && history_is_done(&process->streams[0]) && history_is_done(&process->streams[1]);
}

void detached_signal(struct detached *process, int signal) {
  if (!process->runs) return;
  if (signal == SIGKILL) process->life.was_killed = true;
  kill_group(process->pid, signal);
}

static bool name_runs(const char *name) {
  for (unsigned i = 0; i < MAX_DETACHED; i++) {
    if (table[i].runs && strcmp(table[i].name, name) == 0) return true;
  }
  return false;
}

/* A free place, or that of the one that ended first among those that nobody has to be told of; NULL: there is none. */
static struct detached *find_place(void) {
  struct detached *place = NULL;
  for (unsigned i = 0; i < MAX_DETACHED; i++) {
    struct detached *each = &table[i];
    if (each->number == 0) return each;
    if (each->is_told && each->readers == NULL && (place == NULL || each->number < place->number)) place = each;
  }
  return place;
}

/* As much of the arguments as there is room for, cut between characters. */
static void copy_arguments(struct detached *process, char *const *arguments) {
  size_t used = 0;
  for (; *arguments != NULL && used < sizeof process->arguments; arguments++) {
    size_t room = sizeof process->arguments - used - 1;
    size_t length = strlen(*arguments);
    if (length > room) {
      length = room;
      while (length > 0 && ((unsigned char)(*arguments)[length] & 0xc0) == 0x80) length--;
    }
    memcpy(process->arguments + used, *arguments, length);
    used += length;
    process->arguments[used++] = '\0';
  }
  process->arguments_size = used;
}

static void open_stream(struct detached *process, unsigned stream, int fd) {
  struct watch watch = {.kind = WATCH_DETACHED, .session = (uint8_t)(process - table), .stream = (uint8_t)stream};
  history_open(&process->streams[stream], fd);
  if (fd >= 0) loop_add(fd, READY_READ, watch);
}

struct detached *detached_start(const struct command *command, struct outcome *outcome) {
  struct process process;
  if (command->name[0] != '\0' && name_runs(command->name)) {
    fail(outcome, STATUS_NAME_IN_USE, 0, "%s: a detached process of this name runs", command->name);
    return NULL;
  }
  struct detached *place = find_place();
  if (place == NULL) {
    fail(outcome, STATUS_BUSY, 0, "%d detached processes run, or nobody was told of their end", MAX_DETACHED);
    return NULL;
  }
  struct life life;
  life_begin(&life);
  if (!spawn(command, &process, outcome)) return NULL;
  for (int i = 0; i < 2 && place->number != 0; i++) history_free(&place->streams[i]);
  *place = (struct detached){
      .number = ++last_number,
      .pid = process.pid,
      .runs = true,
      .start_ns = realtime_ns(),
      .life = life,
  };
  open_stream(place, 0, process.output);
  open_stream(place, 1, process.errors);
  strcpy(place->name, command->name);
  copy_arguments(place, command->arguments);
  return place;
}

bool detached_reaped(pid_t pid, int wait_status) {
  for (unsigned i = 0; i < MAX_DETACHED; i++) {
    struct detached *process = &table[i];
    if (!process->runs || process->pid != pid) continue;
    process->runs = false;
    life_end(&process->life, pid, wait_status);
    for (int stream = 0; stream < 2; stream++) history_exit(&process->streams[stream]);
    due |= (uint64_t)1 << i;
    return true;
  }
  return false;
}

void detached_output_ready(unsigned place, unsigned stream) {
  if (table[place].number == 0) return;
  table[place].streams[stream].readable = true;
  due |= (uint64_t)1 << place;
}

bool detached_turn(void) {
  for (uint64_t set = due; set != 0; set &= set - 1) {
    unsigned place = (unsigned)__builtin_ctzll(set);
    struct detached *process = &table[place];
    bool grown = false;
    bool more = history_read(&process->streams[0], &grown);
    more = history_read(&process->streams[1], &grown) || more;
    if (!more) due &= ~((uint64_t)1 << place);
    if (grown || detached_is_over(process)) attach_wake(process);
  }
  return due != 0;
}

void detached_forget(void) {
  for (unsigned i = 0; i < MAX_DETACHED; i++) {
    for (int stream = 0; stream < 2 && table[i].number != 0; stream++) history_free(&table[i].streams[stream]);
  }
  memset(table, 0, sizeof table);
  last_number = 0;
  due = 0;
}
