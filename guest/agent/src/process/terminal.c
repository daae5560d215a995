#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* From asm-generic/ioctls.h, which musl lacks: opens the other side without a path, whatever is mounted on /dev/pts. */
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static bool prepare(int fd, uint32_t uid) {
  struct termios modes;
  /* The group and mode of terminals are those that devpts was mounted with. */
  if (fchown(fd, uid, (gid_t)-1) < 0 || tcgetattr(fd, &modes) < 0) return false;
  /* Erasing takes away a character, not a byte. */
  modes.c_iflag |= IUTF8;
  return tcsetattr(fd, TCSANOW, &modes) == 0;
}

bool terminal_open(struct pipe *pipe, struct terminal_size size, uint32_t uid) {
  int locked = 0;
  *pipe = (struct pipe){.agent = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), .child = -1};
  if (pipe->agent < 0) return false;
  terminal_resize(pipe->agent, size);
  if (ioctl(pipe->agent, TIOCSPTLCK, &locked) == 0) {
    pipe->child = ioctl(pipe->agent, (int)TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  }
  if (pipe->child >= 0 && prepare(pipe->child, uid)) return true;
  pipe_close(pipe);
  return false;
}

void terminal_resize(int fd, struct terminal_size size) {
  ioctl(fd, TIOCSWINSZ, &(struct winsize){.ws_col = size.columns, .ws_row = size.rows});
}

bool terminal_type_end(int fd) {
  struct termios modes;
  if (tcgetattr(fd, &modes) < 0 || modes.c_cc[VEOF] == _POSIX_VDISABLE) return true;
  return write(fd, &modes.c_cc[VEOF], 1) >= 0 || errno != EAGAIN;
}
