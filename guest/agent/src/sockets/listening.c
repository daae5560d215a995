#include "listening.h"

#include <stdio.h>

#include "lines.h"

enum { STATE_LISTEN = 0x0a };

/* `  12: 0100007F:1F90 00000000:0000 0A ...`: number, own address and port, the other's, state. */
bool line_is_of_listener(const char *line, uint16_t *port) {
  unsigned number, state;
  if (sscanf(line, " %*u: %*32[0-9A-Fa-f]:%4x %*32[0-9A-Fa-f]:%*4x %2x", &number, &state) != 2) return false;
  *port = (uint16_t)number;
  return state == STATE_LISTEN;
}

static bool table_has(const char *path, uint16_t port) {
  static struct lines lines;
  const char *line;
  uint16_t each = 0;
  bool found = false;
  if (!lines_open(&lines, path)) return false;
  /* The first line is a heading. Sockets that listen come before all others (proc_net_tcp.rst), which may be many. */
  line = lines_next(&lines);
  while (!found && line != NULL) {
    line = lines_next(&lines);
    if (line == NULL || !line_is_of_listener(line, &each)) break;
    found = each == port;
  }
  lines_close(&lines);
  return found;
}

bool is_listening(uint16_t port) { return table_has("/proc/net/tcp", port) || table_has("/proc/net/tcp6", port); }
