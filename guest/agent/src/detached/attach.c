#include "attach.h"

#include "answer.h"
#include "detached.h"

static void tell_skipped(struct session *session, uint32_t id, enum stream_number stream, uint64_t skipped) {
  struct answer answer;
  answer_begin(&answer);
  fields_put_u32(&answer.fields, TAG_STREAM, stream);
  fields_put_u64(&answer.fields, TAG_SKIPPED, skipped);
  answer_send(session, id, TYPE_SKIPPED, &answer);
}

/* One chunk. True: there is more, and credit for it. */
static bool send_kept(struct session *session, struct request *request, unsigned which) {
  const struct history *history = &request->attach.process->streams[which];
  struct output *output = &request->outputs[which];
  uint64_t *position = &request->attach.positions[which];
  size_t most = output_allowance(session, output);
  size_t size;
  if (most == 0 || *position == history->end) return false;
  uint64_t start = history_start(history);
  if (*position < start) {
    tell_skipped(session, request->id, STREAM_OUTPUT + which, start - *position);
    *position = start;
  }
  const uint8_t *bytes = history_piece(history, *position, most, &size);
  if (size != 0) output_send(session, output, request->id, (uint8_t)(STREAM_OUTPUT + which), bytes, size);
  *position += size;
  return output->credit != 0 && *position != history->end;
}

static enum turn attach_turn(struct session *session, struct request *request) {
  struct detached *process = request->attach.process;
  const uint64_t *positions = request->attach.positions;
  input_pump(session, request);
  bool more = send_kept(session, request, 0);
  more = send_kept(session, request, 1) || more;
  bool is_read = positions[0] == process->streams[0].end && positions[1] == process->streams[1].end;
  bool is_over = detached_is_over(process);
  if (is_over && is_read) {
    life_answer(&process->life, session, request->id);
    process->is_told = true;
    return TURN_ENDED;
  }
  if (is_over && !more && !request->attach.is_announced) {
    life_announce(&process->life, session, request->id);
    request->attach.is_announced = true;
  }
  return more ? TURN_MORE : TURN_IDLE;
}

static void attach_control(struct session *session, struct request *request, const struct control *control) {
  (void)session;
  if (control->signal != 0) detached_signal(request->attach.process, control->signal);
}

static void attach_release(struct session *session, struct request *request, bool answered) {
  struct request **link = &request->attach.process->readers;
  (void)session;
  (void)answered;
  while (*link != request) link = &(*link)->attach.next;
  *link = request->attach.next;
}

static const struct request_kind attach_kind = {
    .turn = attach_turn,
    .control = attach_control,
    .release = attach_release,
};

void attach_start(struct session *session, uint32_t id, struct detached *process, uint32_t window) {
  struct request *request = request_open(session, id, &attach_kind);
  for (int i = 0; i < 2; i++) request->outputs[i] = (struct output){.fd = -1, .credit = window, .left = OUTPUT_UNLIMITED};
  request->attach = (struct attach){.process = process, .session = session, .next = process->readers};
  process->readers = request;
  struct answer answer;
  session_be_patient(session);
  answer_begin(&answer);
  fields_put_u32(&answer.fields, TAG_PID, (uint32_t)process->pid);
  fields_put_u32(&answer.fields, TAG_PROCESS, process->number);
  answer_send(session, id, TYPE_STARTED, &answer);
}

void attach_wake(const struct detached *process) {
  for (const struct request *reader = process->readers; reader != NULL; reader = reader->attach.next) {
    request_wake(reader->attach.session, reader);
  }
}
