#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 512 };

static int console = STDERR_FILENO;

void log_open(void) {
  int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
  /* Without a console the kernel's log is the only place left. */
  if (fd < 0) fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) console = fd;
}

void log_line(const char *format, ...) {
  static const char prefix[] = "smolvm-agent: ";
  char line[LINE];
  va_list arguments;
  memcpy(line, prefix, sizeof prefix - 1);
  size_t used = sizeof prefix - 1;
  va_start(arguments, format);
  int length = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  used += (size_t)length;
  if (used > sizeof line - 2) used = sizeof line - 2;
  line[used++] = '\n';
  /* A console that takes nothing must not stop the agent. */
  if (write(console, line, used) < 0) return;
}
