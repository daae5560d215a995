/* The open requests of a session: how they begin, proceed and end. */
#include <signal.h>
#include <unistd.h>

#include "activity.h"
#include "answer.h"
#include "clock.h"
#include "spawn.h"

static unsigned place_of(const struct session *session, const struct request *request) {
  return (unsigned)(request - session->requests);
}

struct watch request_watch(const struct session *session, const struct request *request, enum watch_kind kind,
                           unsigned stream) {
  return (struct watch){
      .kind = (uint8_t)kind,
      .session = session->number,
      .request = (uint8_t)place_of(session, request),
      .stream = (uint8_t)stream,
  };
}

struct request *session_find(struct session *session, uint32_t id) {
  for (unsigned i = set_next(&session->open, 0); i < MAX_REQUESTS; i = set_next(&session->open, i + 1)) {
    if (session->requests[i].id == id) return &session->requests[i];
  }
  return NULL;
}

struct request *request_open(struct session *session, uint32_t id, const struct request_kind *kind) {
  unsigned place = set_first_absent(&session->open);
  struct request *request = &session->requests[place];
  *request = (struct request){
      .id = id,
      .kind = kind,
      .outputs = {{.fd = -1}, {.fd = -1}},
  };
  input_open(&request->input, -1);
  set_add(&session->open, place);
  set_add(&session->due, place);
  return request;
}

void request_output(struct session *session, struct request *request, enum stream_number stream, int fd,
                    uint32_t window) {
  struct output *output = &request->outputs[stream - 1];
  *output = (struct output){.fd = fd, .credit = window, .left = OUTPUT_UNLIMITED};
  if (fd < 0) return;
  /* A regular file can always be read, and epoll refuses it. */
  output->readable = loop_add(fd, READY_READ, request_watch(session, request, WATCH_OUTPUT, stream - 1)) < 0;
}

void request_input(struct request *request, int fd) { input_open(&request->input, fd); }

bool request_pump(struct session *session, struct request *request) {
  bool more = false;
  input_pump(session, request);
  for (unsigned i = 0; i < 2; i++) {
    if (output_pump(session, &request->outputs[i], request->id, (uint8_t)(STREAM_OUTPUT + i))) more = true;
  }
  return more;
}

void request_wake(struct session *session, const struct request *request) {
  set_add(&session->due, place_of(session, request));
}

void request_wake_at(struct session *session, struct request *request, uint64_t monotonic) {
  request->wake_us = monotonic;
  if (session->wake_us == 0 || monotonic < session->wake_us) session->wake_us = monotonic;
}

static void free_request(struct session *session, struct request *request, bool answered) {
  if (request->kind->release != NULL) request->kind->release(session, request, answered);
  activity_note();
  input_close(&request->input);
  for (int i = 0; i < 2; i++) {
    if (request->outputs[i].fd >= 0) close(request->outputs[i].fd);
  }
  set_remove(&session->open, place_of(session, request));
  set_remove(&session->due, place_of(session, request));
}

static void end_process(const struct request *request) {
  if (request->pid == 0) return;
  int signal = request->kind->end_signal;
  kill_group(request->pid, signal != 0 ? signal : SIGKILL);
  /* Were it stopped, it would not hear of anything else. */
  if (signal != 0) kill_group(request->pid, SIGCONT);
}

void session_end(struct session *session) {
  for (unsigned i = set_next(&session->open, 0); i < MAX_REQUESTS; i = set_next(&session->open, i + 1)) {
    struct request *request = &session->requests[i];
    bool is_kept = session->keeps_processes && !request->cancelled && request->kind->let_go != NULL;
    if (is_kept) request->kind->let_go(request);
    else end_process(request);
    free_request(session, request, false);
  }
  session->wake_us = 0;
  session->greeted = session->keeps_processes = false;
}

void session_cancel(struct session *session, struct request *request) {
  request->cancelled = true;
  end_process(request);
  request_wake(session, request);
}

bool session_reaped(struct session *session, pid_t pid, int wait_status) {
  for (unsigned i = set_next(&session->open, 0); i < MAX_REQUESTS; i = set_next(&session->open, i + 1)) {
    struct request *request = &session->requests[i];
    if (request->pid != pid) continue;
    request->pid = 0;
    if (request->kind->reaped != NULL) request->kind->reaped(session, request, pid, wait_status);
    request_wake(session, request);
    return true;
  }
  return false;
}

/*
 * A descriptor that was closed is still reported while a worker that was forked before has not closed its copy. Then the
 * request may be gone; if its place was taken, the new one finds out that there is nothing.
 */
void session_output_ready(struct session *session, unsigned request, unsigned stream) {
  if (!set_has(&session->open, request)) return;
  session->requests[request].outputs[stream].readable = true;
  set_add(&session->due, request);
}

void session_input_ready(struct session *session, unsigned request) {
  if (!set_has(&session->open, request)) return;
  session->requests[request].input.writable = true;
  set_add(&session->due, request);
}

static enum turn request_turn(struct session *session, struct request *request) {
  if (ring_room(&session->output) < MAX_CONTROL) return TURN_IDLE;
  if (!request->cancelled) return request->kind->turn(session, request);
  /* What was killed has ended only when it is reaped. */
  if (request->pid != 0) return TURN_IDLE;
  answer_status(session, request->id, STATUS_CANCELLED, NULL);
  return TURN_ENDED;
}

/* Those whose time has come. */
static void wake_sleepers(struct session *session) {
  if (session->wake_us == 0) return;
  uint64_t now = monotonic_us();
  if (now < session->wake_us) return;
  session->wake_us = 0;
  for (unsigned i = set_next(&session->open, 0); i < MAX_REQUESTS; i = set_next(&session->open, i + 1)) {
    struct request *request = &session->requests[i];
    if (request->wake_us == 0) continue;
    if (request->wake_us > now) {
      request_wake_at(session, request, request->wake_us);
    } else {
      request->wake_us = 0;
      request_wake(session, request);
    }
  }
}

/* True: it wants another turn at once. */
static bool take_turn(struct session *session, unsigned place) {
  struct request *request = &session->requests[place];
  enum turn turn = request_turn(session, request);
  if (turn == TURN_ENDED) free_request(session, request, true);
  /* Whoever may have lacked room has another turn when there is room again. */
  else if (turn == TURN_MORE || ring_room(&session->output) < ROOM_FOR_DATA) set_add(&session->due, place);
  return turn == TURN_MORE;
}

bool requests_turn(struct session *session) {
  bool more = false;
  wake_sleepers(session);
  /* Those that become due meanwhile wait for the next turn. */
  struct set due = session->due;
  session->due = (struct set){0};
  unsigned first = set_next(&due, session->first);
  for (unsigned i = first; i < MAX_REQUESTS; i = set_next(&due, i + 1)) more = take_turn(session, i) || more;
  for (unsigned i = set_next(&due, 0); i < session->first; i = set_next(&due, i + 1)) {
    more = take_turn(session, i) || more;
  }
  session->first = (session->first + 1) % MAX_REQUESTS;
  return more;
}
