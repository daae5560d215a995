#include "list.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "answer.h"
#include "bytes.h"
#include "detached.h"

/* An argument has at least its NUL in the table, and 6 bytes of a header in its record. */
enum { MAX_RECORD = 8 * MAX_LISTED_ARGUMENTS, MAX_LIST = MAX_DETACHED * MAX_RECORD };

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

static void write_records(struct list *list) {
  struct detached *process = NULL;
  while ((process = detached_next(process == NULL ? 0 : process->number)) != NULL) {
    uint8_t *at = list->records + list->size;
    struct field_writer fields = {.bytes = at + 4, .size = MAX_RECORD - 4};
    put_record(&fields, process);
    put_u32(at, (uint32_t)fields.used);
    list->size += 4 + fields.used;
  }
}

static enum turn list_turn(struct session *session, struct request *request) {
  struct list *list = &request->list;
  struct output *output = &request->outputs[0];
  input_pump(session, request);
  size_t size = output_allowance(session, output);
  if (size > list->size - list->sent) size = list->size - list->sent;
  if (size != 0) output_send(session, output, request->id, STREAM_OUTPUT, list->records + list->sent, size);
  list->sent += size;
  if (list->sent != list->size) return size != 0 && output->credit != 0 ? TURN_MORE : TURN_IDLE;
  answer_end(session, request->id, STREAM_OUTPUT);
  answer_status(session, request->id, STATUS_OK, NULL);
  return TURN_ENDED;
}

static void list_release(struct session *session, struct request *request, bool answered) {
  (void)session;
  (void)answered;
  munmap(request->list.records, MAX_LIST);
}

static const struct request_kind list_kind = {.turn = list_turn, .release = list_release};

void list_start(struct session *session, uint32_t id, uint32_t window) {
  /* Pages that no record reaches are never there. */
  void *records = mmap(NULL, MAX_LIST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (records == MAP_FAILED) {
    struct outcome outcome;
    fail(&outcome, STATUS_SYSTEM, errno, "no memory for the list");
    answer_outcome(session, id, &outcome);
    return;
  }
  struct request *request = request_open(session, id, &list_kind);
  request->outputs[0] = (struct output){.fd = -1, .credit = window, .left = OUTPUT_UNLIMITED};
  request->list = (struct list){.records = records};
  write_records(&request->list);
  answer_started(session, id);
}
