#include "make-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attributes.h"
#include "parents.h"
#include "place.h"
#include "trail.h"

enum { DEFAULT_MODE = 0755 };

/* False: errno, and the directory is gone again. */
static bool set_attributes(const struct place *place, const struct file_request *request) {
  const struct attributes attributes = {
      .mode = request->has_mode ? request->mode : DEFAULT_MODE,
      .user = request->user,
      .group = request->group,
  };
  int fd = openat(place->directory, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  bool good = fd >= 0 && attributes_set(fd, &attributes);
  int error = errno;
  if (fd >= 0) close(fd);
  if (!good) unlinkat(place->directory, place->name, AT_REMOVEDIR);
  errno = error;
  return good;
}

static bool is_directory(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* False: errno. */
static bool make(const struct file_request *request) {
  struct place place;
  bool may_exist = (request->flags & FILE_PARENTS) != 0 && (request->flags & FILE_EXCLUSIVE) == 0;
  if (!place_open(&place, request->path)) return false;
  bool made = mkdirat(place.directory, place.name, 0700) == 0;
  bool good = made && set_attributes(&place, request);
  int error = errno;
  place_close(&place);
  if (!made && error == EEXIST && may_exist) good = is_directory(request->path);
  errno = error;
  return good;
}

bool make_directory(const struct file_request *request, struct outcome *outcome) {
  struct parents parents = {0};
  if ((request->flags & FILE_PARENTS) != 0 && !parents_make(&parents, request->path)) {
    return fail_path(outcome, errno, request->path);
  }
  if (make(request)) return true;
  int error = errno;
  parents_undo(&parents, request->path);
  return fail_path(outcome, error, request->path);
}
