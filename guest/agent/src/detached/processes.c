#include "processes.h"

#include "answer.h"
#include "attach.h"
#include "detached.h"
#include "list.h"

struct order {
  uint32_t process;
  uint32_t signal;
  uint32_t window;
};

static bool parse(struct order *order, const struct frame *frame, struct outcome *outcome) {
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  bool valid = true;
  *order = (struct order){.window = DEFAULT_OUTPUT_WINDOW};
  while (fields_next(&reader, &field)) {
    if (field.tag == TAG_PROCESS) valid = field_u32(&field, &order->process) && valid;
    if (field.tag == TAG_SIGNAL) valid = field_u32(&field, &order->signal) && valid;
    if (field.tag == TAG_WINDOW) valid = field_u32(&field, &order->window) && valid;
  }
  if (!valid) return fail(outcome, STATUS_BAD_REQUEST, 0, "PROCESS, SIGNAL and WINDOW are one u32 each");
  if (order->window <= MAX_CREDIT) return true;
  return fail(outcome, STATUS_BAD_REQUEST, 0, "WINDOW of %u is over %u", order->window, MAX_CREDIT);
}

static void signal_process(struct session *session, uint32_t id, struct detached *process, uint32_t signal) {
  if (signal < 1 || signal > 64) {
    answer_status(session, id, STATUS_BAD_REQUEST, "SIGNAL is missing or not in 1 to 64");
    return;
  }
  detached_signal(process, (int)signal);
  answer_status(session, id, STATUS_OK, NULL);
}

void processes_request(struct session *session, const struct frame *frame, uint32_t method) {
  struct outcome outcome = {.status = STATUS_OK};
  struct order order;
  if (!parse(&order, frame, &outcome)) {
    answer_outcome(session, frame->id, &outcome);
    return;
  }
  if (method == METHOD_PROCESS_LIST) {
    list_start(session, frame->id, order.window);
    return;
  }
  struct detached *process = detached_find(order.process);
  if (process == NULL) {
    answer_status(session, frame->id, STATUS_NO_PROCESS, "no detached process has this number");
  } else if (method == METHOD_PROCESS_ATTACH) {
    attach_start(session, frame->id, process, order.window);
  } else {
    signal_process(session, frame->id, process, order.signal);
  }
}
