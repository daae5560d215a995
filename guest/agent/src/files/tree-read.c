#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "extents.h"
#include "open-readable.h"
#include "stat-fields.h"
#include "tree.h"
#include "walk.h"

/* A worker is a process of its own: nobody else uses it. */
static struct writer writer;

static bool stop(struct outcome *outcome) { return fail(outcome, STATUS_SYSTEM, EPIPE, "nobody reads the tree"); }

/* `name` is NULL for the root, `target` for anything but a link. */
static bool put_entry(const char *name, const struct stat *status, const char *target) {
  struct field_writer fields;
  if (!record_begin(&writer, &fields)) return false;
  if (name != NULL) fields_put(&fields, TAG_NAME, name, strlen(name));
  fields_put_u32(&fields, TAG_MODE, status->st_mode);
  fields_put_u32(&fields, TAG_UID, status->st_uid);
  fields_put_u32(&fields, TAG_GID, status->st_gid);
  fields_put_u64(&fields, TAG_MTIME_NS, nanoseconds(status->st_mtim));
  if (target != NULL) fields_put(&fields, TAG_TARGET, target, strlen(target));
  record_end(&writer, &fields);
  return true;
}

static bool put_leave(void) {
  struct field_writer fields;
  if (!record_begin(&writer, &fields)) return false;
  fields_put_u32(&fields, TAG_FLAGS, TREE_LEAVE);
  record_end(&writer, &fields);
  return true;
}

static bool read_file(int fd, const char *name, const struct stat *status, const char *path, struct outcome *outcome) {
  if (!put_entry(name, status, NULL)) return stop(outcome);
  switch (extents_read(&writer, fd, status)) {
    case EXTENTS_DONE:
      return true;
    case EXTENTS_FAILED:
      return fail_path(outcome, errno, path);
    default:
      return stop(outcome);
  }
}

static bool visit_file(struct walk *walk, struct outcome *outcome) {
  struct stat status;
  int fd = openat(walk->directory, walk->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return walk_is_stale(errno) || fail_trail(outcome, errno, &walk->trail);
  bool good = fstat(fd, &status) == 0 || fail_trail(outcome, errno, &walk->trail);
  if (good && S_ISREG(status.st_mode)) {
    good = read_file(fd, walk->name, &status, trail_path(&walk->trail), outcome);
  }
  close(fd);
  return good;
}

static bool visit_directory(struct walk *walk, struct outcome *outcome) {
  struct stat status;
  int fd = walk_enter(walk);
  if (fd < 0) return walk_is_stale(errno) || fail_trail(outcome, errno, &walk->trail);
  if (fstat(fd, &status) < 0) return fail_trail(outcome, errno, &walk->trail);
  return put_entry(walk->name, &status, NULL) || stop(outcome);
}

static bool visit_link(struct walk *walk, const struct stat *status, struct outcome *outcome) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(walk->directory, walk->name, target, sizeof target - 1);
  /* EINVAL: no link any more. */
  if (length < 0) return errno == EINVAL || walk_is_stale(errno) || fail_trail(outcome, errno, &walk->trail);
  target[length] = '\0';
  return put_entry(walk->name, status, target) || stop(outcome);
}

static bool visit(struct walk *walk, const void *context, struct outcome *outcome) {
  struct stat status;
  (void)context;
  /* Most entries are files, and need not be looked at twice. */
  if (walk->type == DT_REG) return visit_file(walk, outcome);
  if (walk->type == DT_DIR) return visit_directory(walk, outcome);
  if (walk->type != DT_LNK && walk->type != DT_UNKNOWN) return true;
  if (fstatat(walk->directory, walk->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
    return walk_is_stale(errno) || fail_trail(outcome, errno, &walk->trail);
  }
  if (S_ISREG(status.st_mode)) return visit_file(walk, outcome);
  if (S_ISDIR(status.st_mode)) return visit_directory(walk, outcome);
  return !S_ISLNK(status.st_mode) || visit_link(walk, &status, outcome);
}

static bool leave(struct walk *walk, const void *context, struct outcome *outcome) {
  (void)walk;
  (void)context;
  return put_leave() || stop(outcome);
}

/* Takes over the descriptor. */
static bool read_directory(int fd, const struct stat *status, const char *path, struct outcome *outcome) {
  static const struct visitor tree_reader = {.entry = visit, .leave = leave};
  if (!put_entry(NULL, status, NULL)) {
    close(fd);
    return stop(outcome);
  }
  return walk_tree(fd, path, &tree_reader, outcome) && (put_leave() || stop(outcome));
}

static bool read_root(const char *path, struct outcome *outcome) {
  struct stat status;
  int fd = open_readable(path, true, &status, outcome);
  if (fd < 0) return false;
  if (S_ISDIR(status.st_mode)) return read_directory(fd, &status, path, outcome);
  bool good = read_file(fd, NULL, &status, path, outcome);
  close(fd);
  return good;
}

bool tree_read(const char *path, int output, struct outcome *outcome) {
  writer_begin(&writer, output);
  if (!read_root(path, outcome)) return false;
  return (record_empty(&writer) && writer_flush(&writer)) || stop(outcome);
}
