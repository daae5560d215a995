/* A session: one port's dialogue with one host process, from its sync word to its end. */
#ifndef SMOLVM_SESSION_H
#define SMOLVM_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bounds.h"
#include "frame.h"
#include "loop.h"
#include "outcome.h"
#include "request.h"
#include "ring.h"
#include "set.h"

struct session {
  int fd; /* -1: no such port */
  uint8_t number;
  bool readable; /* the port has not said EAGAIN since it was last reported */
  bool writable;
  bool hung_up;
  bool greeted;  /* HELLO was answered with WELCOME */
  bool proven;   /* since HELLO the kernel has said that a host is connected */
  uint64_t doubt_until_us; /* 0, or when a host that is not proven by then counts as gone */
  bool keeps_processes; /* what ends it lets go of them, see freeze.h */
  bool patient;  /* what is to be sent waits for company: until something happens, or PATIENCE_MS are over */
  struct set open; /* the requests in use */
  struct set due;  /* those to whom something happened since their last turn */
  uint64_t wake_us; /* the first time at which one of them wants a turn although nothing happened; 0: none */
  unsigned first;   /* whose turn is first: it moves on, so that all get an equal share */
  struct ring output;
  struct receiver receiver;
  struct request requests[MAX_REQUESTS];
};

void session_open(struct session *session, uint8_t number, int fd);
/* Kills and frees all that the session holds; the port then waits for the next sync word. */
void session_end(struct session *session);
/* Reads, handles, sends, once for each who has something. True: there is more to do at once. */
bool session_turn(struct session *session);
/* True: it has output that it did not try to send yet. */
static inline bool session_is_waiting(const struct session *session) {
  return session->writable && session->output.used != 0;
}
/* The next time at which the session wants a turn although nothing happened; 0: none. */
static inline uint64_t session_deadline_us(const struct session *session) {
  uint64_t doubt = session->doubt_until_us;
  if (doubt == 0 || (session->wake_us != 0 && session->wake_us < doubt)) return session->wake_us;
  return doubt;
}
/* A process exited. True: it belonged to this session. */
bool session_reaped(struct session *session, pid_t pid, int wait_status);
/* Ready descriptors of requests. */
void session_output_ready(struct session *session, unsigned request, unsigned stream);
void session_input_ready(struct session *session, unsigned request);

/* For those who handle frames. Room for what they send was made before (see MAX_CONTROL). */
void session_send(struct session *session, uint32_t id, uint8_t type, uint8_t stream, const void *payload, size_t size);
void session_flush(struct session *session);
void session_goaway(struct session *session, enum status status, const char *message);
void session_hello(struct session *session, const struct frame *frame);
void session_frame(struct session *session, const struct frame *frame);
void session_request(struct session *session, const struct frame *frame);
/* The open request of this id, or NULL. */
struct request *session_find(struct session *session, uint32_t id);
void session_cancel(struct session *session, struct request *request);
/* What is sent next may wait a moment for company, if nothing else waits to be sent. */
static inline void session_be_patient(struct session *session) { session->patient = session->output.used == 0; }
/* One turn of every request that is due. True: there is more to do at once. */
bool requests_turn(struct session *session);
struct watch request_watch(const struct session *session, const struct request *request, enum watch_kind kind,
                           unsigned stream);

#endif
