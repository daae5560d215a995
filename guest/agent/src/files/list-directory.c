#include "list-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "stat-fields.h"
#include "walk.h"
#include "writer.h"

/* A worker is a process of its own: nobody else uses it. */
static struct writer writer;

static bool stop(struct outcome *outcome) { return fail(outcome, STATUS_SYSTEM, EPIPE, "nobody reads the list"); }

static bool list_entry(struct walk *walk, const void *context, struct outcome *outcome) {
  const bool *recursive = context;
  struct stat status;
  struct field_writer fields;
  if (fstatat(walk->directory, walk->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
    return errno == ENOENT || fail_trail(outcome, errno, &walk->trail);
  }
  if (!record_begin(&writer, &fields)) return stop(outcome);
  const char *name = trail_below(&walk->trail);
  fields_put(&fields, TAG_NAME, name, strlen(name));
  stat_put(&fields, &status, walk->directory, walk->name);
  record_end(&writer, &fields);
  if (!*recursive || !S_ISDIR(status.st_mode) || walk_enter(walk) >= 0) return true;
  return walk_is_stale(errno) || fail_trail(outcome, errno, &walk->trail);
}

bool list_directory(const char *path, bool follow, bool recursive, int output, struct outcome *outcome) {
  const struct visitor lister = {.entry = list_entry, .context = &recursive};
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  if (fd < 0) return fail_path(outcome, errno, path);
  writer_begin(&writer, output);
  return walk_tree(fd, path, &lister, outcome) && (writer_flush(&writer) || stop(outcome));
}
