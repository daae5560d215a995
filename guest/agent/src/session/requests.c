/* The open requests of a session: how they begin, proceed and end. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "fields.h"
#include "session.h"
#include "sink.h"

static struct watch watch_of(const struct session *session, const struct request *request, enum watch_kind kind,
                             unsigned stream) {
  return (struct watch){
      .kind = (uint8_t)kind,
      .session = session->number,
      .request = (uint8_t)(request - session->requests),
      .stream = (uint8_t)stream,
  };
}

struct request *session_find(struct session *session, uint32_t id) {
  for (uint64_t set = session->open; set != 0; set &= set - 1) {
    struct request *request = &session->requests[__builtin_ctzll(set)];
    if (request->id == id) return request;
  }
  return NULL;
}

static void free_request(struct session *session, struct request *request) {
  input_close(&request->input);
  session->open &= ~((uint64_t)1 << (request - session->requests));
}

void session_end(struct session *session) {
  for (uint64_t set = session->open; set != 0; set &= set - 1) {
    struct request *request = &session->requests[__builtin_ctzll(set)];
    if (request->pid != 0) kill_group(request->pid, SIGKILL);
    for (int i = 0; i < 2; i++) {
      if (request->outputs[i].fd >= 0) close(request->outputs[i].fd);
    }
    free_request(session, request);
  }
  session->greeted = false;
}

static void start_answer(struct field_writer *fields, const struct outcome *outcome) {
  fields_put_u32(fields, TAG_STATUS, outcome->status);
  if (outcome->error != 0) fields_put_u32(fields, TAG_ERRNO, (uint32_t)outcome->error);
  if (outcome->message[0] != '\0') fields_put(fields, TAG_MESSAGE, outcome->message, strlen(outcome->message));
}

void session_result(struct session *session, uint32_t id, const struct outcome *outcome) {
  uint8_t payload[MAX_CONTROL];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  start_answer(&fields, outcome);
  session_send(session, id, TYPE_RESULT, payload, fields.used);
}

void session_execute(struct session *session, const struct frame *frame) {
  struct outcome outcome = {.status = STATUS_OK};
  struct command command;
  struct process process;
  uint64_t started_us = monotonic_us();
  if (!command_parse(&command, frame, &outcome) || !spawn(&command, &process, &outcome)) {
    session_result(session, frame->id, &outcome);
    return;
  }
  unsigned place = (unsigned)__builtin_ctzll(~session->open);
  struct request *request = &session->requests[place];
  session->open |= (uint64_t)1 << place;
  *request = (struct request){
      .id = frame->id,
      .pid = process.pid,
      .started_us = started_us,
      .outputs = {{.fd = process.output, .credit = command.window, .left = UINT32_MAX},
                  {.fd = process.errors, .credit = command.window, .left = UINT32_MAX}},
      .input = {.fd = process.input, .writable = true, .credit = INPUT_WINDOW},
  };
  for (unsigned i = 0; i < 2; i++) {
    struct output *output = &request->outputs[i];
    if (output->fd >= 0) loop_add(output->fd, READY_READ, watch_of(session, request, WATCH_OUTPUT, i));
  }
  /* Most commands end, or print, at once: one message to the host then instead of two. */
  session->patient = session->output.used == 0;
  uint8_t payload[16];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u32(&fields, TAG_PID, (uint32_t)process.pid);
  session_send(session, frame->id, TYPE_STARTED, payload, fields.used);
}

void session_cancel(struct session *session, struct request *request) {
  (void)session;
  request->cancelled = true;
  /* After the exit there is nothing left to kill: the next turn answers. */
  if (request->pid != 0) kill_group(request->pid, SIGKILL);
}

bool session_reaped(struct session *session, pid_t pid, int wait_status) {
  for (uint64_t set = session->open; set != 0; set &= set - 1) {
    struct request *request = &session->requests[__builtin_ctzll(set)];
    if (request->pid != pid) continue;
    request->pid = 0;
    request->wait_status = wait_status;
    request->duration_us = monotonic_us() - request->started_us;
    for (int i = 0; i < 2; i++) output_exit(&request->outputs[i]);
    input_close(&request->input);
    return true;
  }
  return false;
}

void session_output_ready(struct session *session, unsigned request, unsigned stream) {
  session->requests[request].outputs[stream].readable = true;
}

void session_input_ready(struct session *session, unsigned request) {
  session->requests[request].input.writable = true;
}

static void send_end(struct session *session, const struct request *request, uint8_t stream) {
  uint8_t header[HEADER_SIZE];
  frame_header(header, 0, request->id, TYPE_END, stream);
  ring_push(&session->output, header, sizeof header);
}

static void send_exit(struct session *session, const struct request *request) {
  uint8_t payload[64];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  int status = request->wait_status;
  send_end(session, request, STREAM_OUTPUT);
  send_end(session, request, STREAM_ERRORS);
  fields_put_u32(&fields, TAG_STATUS, STATUS_OK);
  if (WIFSIGNALED(status)) fields_put_u32(&fields, TAG_SIGNAL, (uint32_t)WTERMSIG(status));
  else fields_put_u32(&fields, TAG_EXIT_CODE, (uint32_t)WEXITSTATUS(status));
  fields_put_u64(&fields, TAG_DURATION_US, request->duration_us);
  session_send(session, request->id, TYPE_RESULT, payload, fields.used);
}

/* True: the request has ended and is gone. */
static bool finish(struct session *session, struct request *request) {
  if (request->pid != 0 || ring_room(&session->output) < MAX_CONTROL) return false;
  if (request->cancelled) {
    session_result(session, request->id, &(struct outcome){.status = STATUS_CANCELLED});
  } else if (output_is_done(&request->outputs[0]) && output_is_done(&request->outputs[1])) {
    send_exit(session, request);
  } else {
    return false;
  }
  for (int i = 0; i < 2; i++) {
    if (request->outputs[i].fd >= 0) sink_adopt(request->outputs[i].fd);
  }
  free_request(session, request);
  return true;
}

static bool request_turn(struct session *session, struct request *request) {
  bool more = false;
  input_pump(request, &session->output, watch_of(session, request, WATCH_INPUT, 0));
  for (unsigned i = 0; i < 2 && !request->cancelled; i++) {
    if (output_pump(&request->outputs[i], request->id, (uint8_t)(STREAM_OUTPUT + i), &session->output)) more = true;
  }
  return !finish(session, request) && more;
}

bool requests_turn(struct session *session) {
  bool more = false;
  uint64_t later = session->open & ((uint64_t)-1 << session->first);
  uint64_t sets[2] = {later, session->open & ~later};
  for (int i = 0; i < 2; i++) {
    for (uint64_t set = sets[i]; set != 0; set &= set - 1) {
      if (request_turn(session, &session->requests[__builtin_ctzll(set)])) more = true;
    }
  }
  session->first = (session->first + 1) % MAX_REQUESTS;
  return more;
}
