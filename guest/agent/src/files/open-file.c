#include "open-file.h"

#include <string.h>

/* One for each place that a request may have: whoever has the place has the file. */
static struct open_file pool[MAX_PORTS][MAX_REQUESTS];

struct open_file *open_file(const struct session *session, const struct request *request) {
  return &pool[session->number][request - session->requests];
}

void open_file_begin(const struct session *session, const struct request *request, const char *path) {
  struct open_file *file = open_file(session, request);
  strcpy(file->path, path_shown(path));
  file->error = 0;
  file->replacement.directory = -1;
}
