#include "one-session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "loop.h"
#include "serve.h"
#include "spawn.h"

struct session session;
struct client host;
struct run run;
struct told told;

static uint32_t last_id;
static bool gives_credit;

static uint8_t payload[MAX_PAYLOAD];
static struct field_writer fields = {.bytes = payload, .size = sizeof payload};

void session_begin(void) {
  int ends[2];
  static bool opened;
  if (!opened) {
    serve_signals();
    loop_open();
    spawn_open();
  }
  opened = true;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) abort();
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  /* A whole window fits between the two, so that neither waits for the other. */
  for (int i = 0; i < 2; i++) setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &(int){1 << 20}, sizeof(int));
  memset(&session, 0, sizeof session);
  session_open(&session, 0, ends[0]);
  memset(&host, 0, sizeof host);
  host.fd = ends[1];
  client_hello(&host, 1);
  session_turn(&session);
  if (!client_await_welcome(&host, 1)) abort();
}

static void reap_children(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) session_reaped(&session, pid, status);
}

bool session_finish(void) {
  client_close(&host);
  session.readable = session.writable = true;
  for (int i = 0; i < 8; i++) session_turn(&session);
  bool clean = set_is_empty(&session.open) && set_is_empty(&session.due);
  close(session.fd);
  uint64_t deadline = monotonic_us() + 2000000u;
  while (waitpid(-1, NULL, WNOHANG) >= 0 && monotonic_us() < deadline) usleep(1000);
  return clean && waitpid(-1, NULL, WNOHANG) < 0;
}

void put_field_text(uint16_t tag, const char *text) { fields_put(&fields, tag, text, strlen(text)); }
void put_field_u32(uint16_t tag, uint32_t value) { fields_put_u32(&fields, tag, value); }
void put_field_u64(uint16_t tag, uint64_t value) { fields_put_u64(&fields, tag, value); }

uint32_t request_begin(void) {
  memset(&run, 0, sizeof run);
  memset(&told, 0, sizeof told);
  return ++last_id;
}

uint32_t request_send(uint32_t method) {
  uint32_t id = request_begin();
  client_request_with(&host, id, method, &fields);
  fields.used = 0;
  return id;
}

void data_send(const void *bytes, size_t size) { client_send(&host, TYPE_DATA, last_id, STREAM_INPUT, bytes, size); }
void end_send(void) { client_send(&host, TYPE_END, last_id, STREAM_INPUT, NULL, 0); }
void cancel_send(void) { client_send(&host, TYPE_CANCEL, last_id, 0, NULL, 0); }

void credit_send(uint32_t more) {
  uint8_t bytes[4];
  put_u32(bytes, more);
  client_send(&host, TYPE_CREDIT, last_id, STREAM_OUTPUT, bytes, sizeof bytes);
}

static void take_fields(const struct message *message) {
  struct field_reader reader = fields_read(message->payload, message->length);
  struct field field;
  while (fields_next(&reader, &field)) {
    if (field.tag >= 64) continue;
    told.has[field.tag] = true;
    if (field.length == 4) told.numbers[field.tag] = get_u32(field.bytes);
    if (field.length == 8) told.numbers[field.tag] = get_u64(field.bytes);
    if (field.tag == TAG_TARGET) {
      snprintf(told.target, sizeof told.target, "%.*s", (int)field.length, (const char *)field.bytes);
    }
  }
}

static void take_messages(void) {
  struct message message;
  while (client_next(&host, &message, 0)) {
    if (message.id != last_id && message.id != 0) continue;
    if (message.type == TYPE_STARTED) told.started = true;
    if (message.type == TYPE_STARTED || message.type == TYPE_RESULT) take_fields(&message);
    uint32_t length = message.length;
    bool is_data = message.type == TYPE_DATA;
    run_take(&run, &message);
    if (is_data && gives_credit) credit_send(length);
  }
}

void turn(int wait_ms) {
  struct ready ready[8];
  int count = loop_wait(ready, 8, wait_ms);
  for (int i = 0; i < count; i++) {
    struct watch watch = ready[i].watch;
    if (watch.kind == WATCH_OUTPUT) session_output_ready(&session, watch.request, watch.stream);
    if (watch.kind == WATCH_INPUT) session_input_ready(&session, watch.request);
  }
  reap_children();
  session.readable = session.writable = true;
  session_turn(&session);
  take_messages();
}

void finish(void) {
  uint64_t deadline = monotonic_us() + 20000000u;
  gives_credit = true;
  while (!run.ended && !run.gone_away && monotonic_us() < deadline) turn(2);
  gives_credit = false;
}

bool finished_in_one_turn(void) {
  turn(0);
  return run.ended;
}
