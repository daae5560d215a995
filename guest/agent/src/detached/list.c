#include "list.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "answer.h"
#include "bytes.h"
#include "detached.h"

/* Of each argument the table has at least its NUL, and a record a header of 6 bytes. */
enum { MAX_RECORD = 8 * MAX_LISTED_ARGUMENTS };

static void put_record(struct field_writer *fields, const struct detached *process) {
  fields_put_u32(fields, TAG_PROCESS, process->number);
  if (process->name[0] != '\0') fields_put(fields, TAG_NAME, process->name, strlen(process->name));
  fields_put_u32(fields, TAG_PID, (uint32_t)process->pid);
  for (size_t at = 0; at < process->arguments_size; at += strlen(process->arguments + at) + 1) {
    fields_put(fields, TAG_ARG, process->arguments + at, strlen(process->arguments + at));
  }
  fields_put_u64(fields, TAG_START_NS, process->start_ns);
  if (!process->runs) life_put_exit(&process->life, fields);
}

/* False: there are no more. */
static bool next_record(struct list *list) {
  struct field_writer fields = {.bytes = list->record + 4, .size = MAX_RECORD - 4};
  const struct detached *process = detached_next(list->last);
  if (process == NULL) return false;
  put_record(&fields, process);
  put_u32(list->record, (uint32_t)fields.used);
  list->last = process->number;
  list->size = 4 + fields.used;
  list->sent = 0;
  return true;
}

static enum turn list_turn(struct session *session, struct request *request) {
  struct list *list = &request->list;
  struct output *output = &request->outputs[0];
  input_pump(session, request);
  for (;;) {
    if (list->sent == list->size && !next_record(list)) break;
    size_t size = output_allowance(session, output);
    if (size == 0) return TURN_IDLE;
    if (size > list->size - list->sent) size = list->size - list->sent;
    output_send(session, output, request->id, STREAM_OUTPUT, list->record + list->sent, size);
    list->sent += size;
  }
  answer_end(session, request->id, STREAM_OUTPUT);
  answer_status(session, request->id, STATUS_OK, NULL);
  return TURN_ENDED;
}

static void list_release(struct session *session, struct request *request, bool answered) {
  (void)session;
  (void)answered;
  munmap(request->list.record, MAX_RECORD);
}

static const struct request_kind list_kind = {.turn = list_turn, .release = list_release};

void list_start(struct session *session, uint32_t id, uint32_t window) {
  void *record = mmap(NULL, MAX_RECORD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (record == MAP_FAILED) {
    struct outcome outcome;
    fail(&outcome, STATUS_SYSTEM, errno, "no memory for the list");
    answer_outcome(session, id, &outcome);
    return;
  }
  struct request *request = request_open(session, id, &list_kind);
  request->outputs[0] = (struct output){.fd = -1, .credit = window, .left = OUTPUT_UNLIMITED};
  request->list = (struct list){.record = record};
  answer_started(session, id);
}
