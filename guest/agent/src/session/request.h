/* One open request: its streams, the process that works for it, and what kind of request it is. */
#ifndef SMOLVM_REQUEST_H
#define SMOLVM_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach.h"
#include "connect.h"
#include "exec.h"
#include "input.h"
#include "list.h"
#include "output.h"
#include "wait-port.h"
#include "worker.h"

struct request;
struct session;

/* CONTROL, as far as it is in range; 0: absent. */
struct control {
  int signal;
  uint16_t columns;
  uint16_t rows;
};

enum turn {
  TURN_IDLE,  /* until something happens to it: a frame, a descriptor, the end of its process, request_wake() */
  TURN_MORE,  /* more can be done at once; others have their turn first */
  TURN_ENDED, /* its RESULT was sent */
};

/* What tells the kinds of requests apart. All but `turn` may be NULL. */
struct request_kind {
  /*
   * Does what can be done now. It is called with MAX_CONTROL bytes of room for what it sends besides DATA, and never after
   * a CANCEL: the process, if there is one, is killed then, and the answer is CANCELLED.
   */
  enum turn (*turn)(struct session *session, struct request *request);
  void (*control)(struct session *session, struct request *request, const struct control *control);
  /* The process has been reaped; request->pid is 0 by now. */
  void (*reaped)(struct session *session, struct request *request, pid_t pid, int wait_status);
  /*
   * The host sent END, and all before it was taken. Without it, or after it returned true, the input is closed. False: it
   * is called again once the descriptor is writable.
   */
  bool (*end_input)(struct session *session, struct request *request);
  /*
   * The last call. Frees what the kind holds besides the descriptors of the streams, which are closed after it. `answered`:
   * a RESULT was sent; else the session ended. request->cancelled tells whether the RESULT was CANCELLED.
   */
  void (*release)(struct session *session, struct request *request, bool answered);
  /*
   * The session ends, and its processes are to go on: in place of the process group's end, before `release`. Without it they
   * end as ever.
   */
  void (*let_go)(struct request *request);
  /* What ends its process group on CANCEL and with the session. 0: SIGKILL. */
  int end_signal;
};

struct request {
  uint32_t id;
  const struct request_kind *kind;
  pid_t pid; /* leads its own process group, which dies with the request; 0: none, or reaped */
  bool cancelled;
  uint64_t wake_us; /* monotonic time at which it wants a turn although nothing happened; 0: none */
  struct output outputs[2]; /* streams 1 and 2 */
  struct input input;
  union {
    struct attach attach;
    struct connection connection;
    struct exec exec;
    struct list list;
    struct port_wait port_wait;
    struct worker worker;
  };
};

/* Takes a place of the session: there is one, unless session_request() answered BUSY. It has no streams yet. */
struct request *request_open(struct session *session, uint32_t id, const struct request_kind *kind);

/*
 * The streams own their descriptors from now on: nonblocking ones, or regular files. A descriptor serves one stream: what
 * goes both ways is duplicated. -1: there is nothing to read.
 */
void request_output(struct session *session, struct request *request, enum stream_number stream, int fd,
                    uint32_t window);
void request_input(struct request *request, int fd);

/* One turn of all its streams that have descriptors. True: more can be done at once. */
bool request_pump(struct session *session, struct request *request);
static inline bool request_outputs_are_done(const struct request *request) {
  return output_is_done(&request->outputs[0]) && output_is_done(&request->outputs[1]);
}

/* Something happened: it has a turn soon. */
void request_wake(struct session *session, const struct request *request);
/* It has a turn at that time, or when something happens before. */
void request_wake_at(struct session *session, struct request *request, uint64_t monotonic_us);

#endif
