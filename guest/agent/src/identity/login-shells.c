#include "login-shells.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "new-file.h"

static const char profile_text[] =
    "# The VM's own variables, which SmolVM writes anew when they change.\n"
    "if [ -r /run/smolvm/environment.sh ]; then . /run/smolvm/environment.sh; fi\n";

static void put_text(struct new_file *file, const char *text) { new_file_put(file, text, strlen(text)); }

/* Shells know no others. */
static bool is_identifier(const char *name, size_t length) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  return strspn(name, letters) >= length && (name[0] < '0' || name[0] > '9');
}

/* Nothing has a meaning between single quotes but the quote itself. */
static void put_variable(struct new_file *file, const char *variable) {
  const char *equals = strchr(variable, '=');
  const char *rest = equals + 1;
  const char *quote;
  if (!is_identifier(variable, (size_t)(equals - variable))) return;
  put_text(file, "export ");
  new_file_put(file, variable, (size_t)(equals - variable));
  put_text(file, "='");
  for (; (quote = strchr(rest, '\'')) != NULL; rest = quote + 1) {
    new_file_put(file, rest, (size_t)(quote - rest));
    put_text(file, "'\\''");
  }
  put_text(file, rest);
  put_text(file, "'\n");
}

/* Most guests have it from an earlier boot, and a disk that nothing is written to stays small. */
static bool has_profile(const char *path) {
  char text[sizeof profile_text];
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t size = read(fd, text, sizeof text);
  close(fd);
  return size == (ssize_t)sizeof profile_text - 1 && memcmp(text, profile_text, (size_t)size) == 0;
}

bool login_shells_write(const struct login_shells *paths, char *const *variables, size_t count,
                        struct outcome *outcome) {
  static struct new_file file;
  struct stat status;
  if (mkdir(paths->directory, 0755) < 0 && errno != EEXIST) {
    int error = errno;
    return fail(outcome, STATUS_SYSTEM, error, "%s: %s", paths->directory, strerror(error));
  }
  new_file_begin(&file, paths->environment, 0644);
  for (size_t i = 0; i < count; i++) put_variable(&file, variables[i]);
  if (!new_file_finish(&file, outcome)) return false;
  bool are_read = stat(paths->profiles, &status) == 0 && S_ISDIR(status.st_mode);
  if (count == 0 || !are_read || has_profile(paths->profile)) return true;
  new_file_begin(&file, paths->profile, 0644);
  put_text(&file, profile_text);
  return new_file_finish(&file, outcome);
}
