#include "watch.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "temporary.h"
#include "trail.h"
#include "watch-set.h"
#include "watched.h"
#include "writer.h"

enum { EVENTS_SIZE = 65536 };

/* A worker is a process of its own: nobody else uses these. */
static struct writer writer;
static char path_below[MAX_TRAIL];

enum next { NEXT_GO_ON, NEXT_GONE, NEXT_START_OVER, NEXT_STOP };

/* False: nobody reads any more. An empty name is PATH itself. */
static bool put(uint32_t event, const char *below) {
  struct field_writer fields;
  if (!record_begin(&writer, &fields)) return false;
  fields_put_u32(&fields, TAG_EVENT, event);
  if (*below != '\0') fields_put(&fields, TAG_NAME, below, strlen(below));
  record_end(&writer, &fields);
  return true;
}

static bool put_found(const char *below) {
  const char *slash = strrchr(below, '/');
  return temporary_is(slash != NULL ? slash + 1 : below) || put(EVENT_CREATED, below);
}

static uint32_t event_of(uint32_t mask) {
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) return EVENT_CREATED;
  if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0) return EVENT_REMOVED;
  return (mask & IN_MODIFY) != 0 ? EVENT_MODIFIED : EVENT_ATTRIBUTES;
}

/* What the directory that holds PATH tells. */
static enum next take_from_parent(const struct watch_set *set, uint32_t mask, const char *name) {
  bool is_about_path = strcmp(name, set->name) == 0;
  /* Moved, or its filesystem unmounted: PATH leads to nothing. */
  if ((mask & (IN_MOVE_SELF | IN_IGNORED)) != 0) return NEXT_GONE;
  if (!is_about_path || *name == '\0') return NEXT_GO_ON;
  if (event_of(mask) == EVENT_REMOVED) return NEXT_GONE;
  return put(event_of(mask), "") ? NEXT_GO_ON : NEXT_STOP;
}

static enum next take_from_directory(struct watch_set *set, int number, uint32_t mask, const char *name) {
  if ((mask & IN_IGNORED) != 0) {
    watched_remove(number);
    return number == set->root ? NEXT_GONE : NEXT_GO_ON;
  }
  /* What is being written is nobody's file yet: it is told of when it takes its place. */
  if (temporary_is(name)) return NEXT_GO_ON;
  /* Of itself a directory tells what the one that holds it has told already: all but the root. */
  if (*name == '\0' && (number != set->root || (mask & IN_ATTRIB) == 0)) return NEXT_GO_ON;
  if (!watched_path(number, name, path_below, sizeof path_below)) {
    set->is_lossy = true;
    return NEXT_GO_ON;
  }
  uint32_t event = event_of(mask);
  if (!put(event, path_below)) return NEXT_STOP;
  if (!set->recursive || (mask & IN_ISDIR) == 0 || *name == '\0') return NEXT_GO_ON;
  if ((mask & IN_MOVED_FROM) != 0) watch_set_remove(set, number, name);
  return event != EVENT_CREATED || watch_set_add(set, number, path_below) ? NEXT_GO_ON : NEXT_STOP;
}

static enum next take(struct watch_set *set, const struct inotify_event *event) {
  const char *name = event->len != 0 ? event->name : "";
  if ((event->mask & IN_Q_OVERFLOW) != 0) return NEXT_START_OVER;
  if (event->wd == set->parent) return take_from_parent(set, event->mask, name);
  /* The rest of what a directory told before its watch was removed. */
  if (watched_find(event->wd) == NULL) return NEXT_GO_ON;
  return take_from_directory(set, event->wd, event->mask, name);
}

static enum next take_events(struct watch_set *set) {
  static _Alignas(struct inotify_event) char events[EVENTS_SIZE];
  ssize_t size = read(set->inotify, events, sizeof events);
  enum next next = size < 0 && errno != EINTR ? NEXT_STOP : NEXT_GO_ON;
  for (ssize_t at = 0; next == NEXT_GO_ON && at < size;) {
    const struct inotify_event *event = (const struct inotify_event *)(events + at);
    next = take(set, event);
    at += (ssize_t)(sizeof *event + event->len);
  }
  return next;
}

static bool put_losses(struct watch_set *set) {
  bool good = !set->is_lossy || put(EVENT_OVERFLOW, "");
  set->is_lossy = false;
  return good && writer_flush(&writer);
}

/* Events were lost, those of new directories maybe among them. */
static enum next start_over(struct watch_set *set) {
  struct outcome reason;
  watch_set_close(set);
  if (!watch_set_open(set, &reason)) return NEXT_GONE;
  set->is_lossy = true;
  return NEXT_GO_ON;
}

static bool watch_until_gone(struct watch_set *set, struct outcome *outcome) {
  enum next next = NEXT_GO_ON;
  while (next == NEXT_GO_ON && put_losses(set)) {
    next = take_events(set);
    if (next == NEXT_START_OVER) next = start_over(set);
  }
  if (next == NEXT_GONE && put(EVENT_REMOVED, "") && writer_flush(&writer)) return true;
  return fail(outcome, STATUS_SYSTEM, EPIPE, "%s: nobody reads the events", path_shown(set->path));
}

bool watch_path(const char *path, bool follow, bool recursive, int output, struct outcome *outcome) {
  struct watch_set set = {.path = path, .follow = follow, .recursive = recursive, .found = put_found};
  writer_begin(&writer, output);
  bool good = watch_set_open(&set, outcome) && record_empty(&writer) && watch_until_gone(&set, outcome);
  watch_set_close(&set);
  return good;
}
