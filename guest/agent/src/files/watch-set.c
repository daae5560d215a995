#include "watch-set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"
#include "walk.h"
#include "watched.h"

static const uint32_t changes = IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

/* Numbers of the directories that a walk is in, the outermost first. */
static int numbers[MAX_DEPTH + 1];

/* By descriptor, so that it is the directory that was opened, whatever its name leads to by now. -1: errno. */
static int add(const struct watch_set *set, int fd, uint32_t events) {
  char name[sizeof "/proc/self/fd/" + 10];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return inotify_add_watch(set->inotify, name, events | IN_ONLYDIR | IN_EXCL_UNLINK);
}

/* The number under which the directory is watched from now on, or -1. */
static int add_directory(struct watch_set *set, int fd, int parent, const char *name) {
  int number = add(set, fd, changes);
  if (number >= 0 && watched_add(number, parent, name)) return number;
  if (number >= 0) inotify_rm_watch(set->inotify, number);
  set->is_lossy = true;
  return -1;
}

static bool visit(struct walk *walk, const void *context, struct outcome *outcome) {
  struct watch_set *set = *(struct watch_set *const *)context;
  if (set->found != NULL && !set->found(walk->trail.text)) return fail(outcome, STATUS_SYSTEM, EPIPE, "nobody reads");
  unsigned depth = walk->depth;
  if (!walk_may_enter(walk) || numbers[depth - 1] < 0) return true;
  int fd = walk_enter(walk);
  if (fd < 0) {
    if (!walk_is_stale(errno)) set->is_lossy = true;
    return true;
  }
  /* Before it is read: what is there then is found, and what comes later is an event. */
  numbers[depth] = add_directory(set, fd, numbers[depth - 1], walk->name);
  return true;
}

/* Takes over the descriptor of the directory, which is watched under `number`. */
static bool search(struct watch_set *set, int fd, int number, const char *path, struct outcome *outcome) {
  const struct visitor searcher = {.entry = visit, .context = &set};
  numbers[0] = number;
  return walk_tree(fd, path, &searcher, outcome);
}

/* Takes over the place. */
static bool open_at(struct watch_set *set, struct place *place, struct outcome *outcome) {
  struct stat status;
  int root = openat(place->directory, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  bool has_name = strcmp(place->name, ".") != 0 && strcmp(place->name, "..") != 0;
  strcpy(set->name, place->name);
  if (has_name) set->parent = add(set, place->directory, IN_MOVE_SELF | (root < 0 ? changes : IN_DELETE | IN_MOVED_FROM));
  if (root >= 0) set->root = add_directory(set, root, -1, "");
  bool good = (!has_name || set->parent >= 0) && (root < 0 || set->root >= 0);
  /* After the watch, which would tell of its end from now on. */
  good = good && fstatat(place->directory, place->name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!good) fail_path(outcome, errno, set->path);
  place_close(place);
  if (good && root >= 0 && set->recursive) return search(set, root, set->root, "", outcome);
  if (root >= 0) close(root);
  return good;
}

bool watch_set_open(struct watch_set *set, struct outcome *outcome) {
  struct place place;
  bool (*found)(const char *) = set->found;
  watched_clear();
  set->parent = set->root = -1;
  set->is_lossy = false;
  set->inotify = inotify_init1(IN_CLOEXEC);
  if (set->inotify < 0 || !place_open(&place, set->path)) return fail_path(outcome, errno, set->path);
  if (set->follow && !place_follow(&place)) {
    fail_path(outcome, errno, set->path);
    place_close(&place);
    return false;
  }
  set->found = NULL;
  bool good = open_at(set, &place, outcome);
  set->found = found;
  return good;
}

void watch_set_close(struct watch_set *set) {
  if (set->inotify >= 0) close(set->inotify);
  set->inotify = -1;
}

/* The directory at `below`, through no link; `below` is cut up. -1: it is not there any more, or cannot be opened. */
static int open_below(const struct watch_set *set, char *below) {
  int fd = open(set->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (set->follow ? 0 : O_NOFOLLOW));
  for (char *rest = below, *name; fd >= 0 && (name = strsep(&rest, "/")) != NULL;) {
    int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;
    close(fd);
    errno = error;
    fd = inner;
  }
  return fd;
}

bool watch_set_add(struct watch_set *set, int parent, const char *below) {
  char copy[PATH_MAX];
  struct outcome outcome;
  const char *slash = strrchr(below, '/');
  if (strlen(below) >= sizeof copy) {
    set->is_lossy = true;
    return true;
  }
  int fd = open_below(set, strcpy(copy, below));
  if (fd < 0) {
    if (!walk_is_stale(errno)) set->is_lossy = true;
    return true;
  }
  int number = add_directory(set, fd, parent, slash != NULL ? slash + 1 : below);
  if (search(set, fd, number, below, &outcome)) return true;
  set->is_lossy = true;
  return outcome.error != EPIPE;
}

void watch_set_remove(struct watch_set *set, int parent, const char *name) {
  const struct watched *top = watched_named(parent, name);
  if (top == NULL) return;
  for (int number = top->number, leaf = -1; leaf != number;) {
    leaf = watched_leaf(number)->number;
    inotify_rm_watch(set->inotify, leaf);
    watched_remove(leaf);
  }
}
