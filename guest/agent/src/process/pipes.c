#include "pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void close_end(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void pipe_close(struct pipe *pipe) {
  int error = errno;
  close_end(&pipe->agent);
  close_end(&pipe->child);
  errno = error;
}

static bool open_ends(struct pipe *pipe, int agents_end) {
  int ends[2];
  *pipe = (struct pipe){-1, -1};
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  *pipe = (struct pipe){.agent = ends[agents_end], .child = ends[1 - agents_end]};
  if (fcntl(pipe->agent, F_SETFL, O_NONBLOCK) == 0) return true;
  pipe_close(pipe);
  return false;
}

bool pipe_to_child(struct pipe *pipe) { return open_ends(pipe, 1); }
bool pipe_from_child(struct pipe *pipe) { return open_ends(pipe, 0); }
