#include "trail.h"

#include <string.h>

void trail_begin(struct trail *trail, const char *root) {
  size_t length = strnlen(root, PATH_MAX - 1);
  while (length > 0 && root[length - 1] == '/') length--;
  memcpy(trail->text, root, length);
  trail->root = length;
  trail_cut(trail, length);
}

bool trail_push(struct trail *trail, const char *name) {
  size_t size = strlen(name);
  if (trail->length - trail->root + 1 + size > MAX_TRAIL) return false;
  trail->text[trail->length] = '/';
  memcpy(trail->text + trail->length + 1, name, size);
  trail_cut(trail, trail->length + 1 + size);
  return true;
}

const char *path_shown(const char *path) {
  size_t length = strlen(path);
  if (length <= MAX_SHOWN) return path;
  path += length - MAX_SHOWN;
  /* Not from the middle of a character. */
  while (((unsigned char)*path & 0xc0) == 0x80) path++;
  return path;
}

bool fail_path(struct outcome *outcome, int error, const char *path) {
  return fail(outcome, STATUS_SYSTEM, error, "%s: %s", path_shown(path), strerror(error));
}

bool fail_trail(struct outcome *outcome, int error, const struct trail *trail) {
  return fail_path(outcome, error, trail_path(trail));
}
