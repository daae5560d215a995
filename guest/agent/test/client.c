#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytes.h"
#include "frame.h"
#include "sync.h"

bool client_connect(struct client *client, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  client->filled = client->taken = 0;
  client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0;
}

void client_close(struct client *client) { close(client->fd); }

bool client_write(struct client *client, const void *bytes, size_t size) {
  return send(client->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

bool client_send(struct client *client, uint8_t type, uint32_t id, uint8_t stream, const void *payload, size_t size) {
  uint8_t header[HEADER_SIZE];
  frame_header(header, (uint32_t)size, id, type, stream);
  return client_write(client, header, sizeof header) && (size == 0 || client_write(client, payload, size));
}

void client_hello(struct client *client, uint8_t nonce) {
  uint8_t payload[64];
  uint8_t nonces[NONCE_SIZE];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  memset(nonces, nonce, sizeof nonces);
  fields_put_u32(&fields, TAG_VERSION, 1);
  fields_put(&fields, TAG_NONCE, nonces, sizeof nonces);
  client_write(client, sync_word, SYNC_SIZE);
  client_send(client, TYPE_HELLO, 0, 0, payload, fields.used);
}

static bool receive_more(struct client *client, int timeout_ms) {
  struct pollfd waiting = {.fd = client->fd, .events = POLLIN};
  if (client->taken != 0) {
    memmove(client->buffer, client->buffer + client->taken, client->filled - client->taken);
    client->filled -= client->taken;
    client->taken = 0;
  }
  int ready;
  do ready = poll(&waiting, 1, timeout_ms);
  while (ready < 0 && errno == EINTR);
  if (ready != 1) return false;
  ssize_t size = read(client->fd, client->buffer + client->filled, sizeof client->buffer - client->filled);
  if (size <= 0) return false;
  client->filled += (size_t)size;
  return true;
}

bool client_next(struct client *client, struct message *message, int timeout_ms) {
  for (;;) {
    size_t available = client->filled - client->taken;
    uint8_t *at = client->buffer + client->taken;
    if (available >= HEADER_SIZE && available >= HEADER_SIZE + (size_t)get_u32(at)) {
      *message = (struct message){
          .length = get_u32(at), .id = get_u32(at + 4), .type = at[8], .stream = at[9], .payload = at + HEADER_SIZE};
      client->taken += HEADER_SIZE + (size_t)message->length;
      return true;
    }
    if (!receive_more(client, timeout_ms)) return false;
  }
}

bool client_await_sync(struct client *client) {
  for (;;) {
    unsigned matched = 0;
    size_t behind = sync_find(&matched, client->buffer + client->taken, client->filled - client->taken);
    client->taken += behind;
    if (behind != 0) return true;
    if (!receive_more(client, PATIENCE_MS)) return false;
  }
}

bool client_await_welcome(struct client *client, uint8_t nonce) {
  uint8_t wanted[NONCE_SIZE];
  memset(wanted, nonce, sizeof wanted);
  while (client_await_sync(client)) {
    struct message message;
    if (!client_next(client, &message, PATIENCE_MS)) return false;
    struct field_reader reader = fields_read(message.payload, message.length);
    struct field field;
    while (message.type == TYPE_WELCOME && fields_next(&reader, &field)) {
      if (field.tag == TAG_NONCE && memcmp(field.bytes, wanted, NONCE_SIZE) == 0) return true;
    }
  }
  return false;
}

bool client_open(struct client *client, const char *path) {
  static uint8_t nonce;
  if (!client_connect(client, path)) return false;
  client_hello(client, ++nonce);
  return client_await_welcome(client, nonce);
}

void client_request_with(struct client *client, uint32_t id, uint32_t method, const struct field_writer *more) {
  static uint8_t payload[MAX_PAYLOAD];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u32(&fields, TAG_METHOD, method);
  memcpy(payload + fields.used, more->bytes, more->used);
  client_send(client, TYPE_REQUEST, id, 0, payload, fields.used + more->used);
}

void client_request(struct client *client, uint32_t id, uint32_t method) {
  uint8_t none[1];
  client_request_with(client, id, method, &(struct field_writer){.bytes = none});
}

static void put_text(struct field_writer *fields, uint16_t tag, const char *text) {
  if (text != NULL) fields_put(fields, tag, text, strlen(text));
}

static void put_number(struct field_writer *fields, uint16_t tag, uint32_t number) {
  if (number != 0) fields_put_u32(fields, tag, number);
}

void client_execute(struct client *client, uint32_t id, const struct exec_fields *exec) {
  static uint8_t payload[MAX_PAYLOAD - 16];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  for (const char *const *arg = exec->argv; *arg != NULL; arg++) put_text(&fields, TAG_ARG, *arg);
  for (const char *const *env = exec->env; env != NULL && *env != NULL; env++) put_text(&fields, TAG_ENV, *env);
  put_text(&fields, TAG_CWD, exec->cwd);
  put_text(&fields, TAG_USER, exec->user);
  if (exec->uid != NULL) fields_put_u32(&fields, TAG_UID, *exec->uid);
  if (exec->gid != NULL) fields_put_u32(&fields, TAG_GID, *exec->gid);
  put_number(&fields, TAG_FLAGS, exec->flags);
  put_number(&fields, TAG_WINDOW, exec->window);
  put_number(&fields, TAG_COLUMNS, exec->columns);
  put_number(&fields, TAG_ROWS, exec->rows);
  put_text(&fields, TAG_NAME, exec->name);
  client_request_with(client, id, METHOD_EXEC, &fields);
}

void client_exec(struct client *client, uint32_t id, const char *const *argv, const char *const *env, const char *cwd) {
  client_execute(client, id, &(struct exec_fields){.argv = argv, .env = env, .cwd = cwd});
}

void client_shell(struct client *client, uint32_t id, const char *command, uint32_t flags, uint32_t window) {
  const char *const argv[] = {"/bin/sh", "-c", command, NULL};
  client_execute(client, id, &(struct exec_fields){.argv = argv, .flags = flags, .window = window});
}

static void take_result(struct run *run, const struct message *message) {
  struct field_reader reader = fields_read(message->payload, message->length);
  struct field field;
  while (fields_next(&reader, &field)) {
    if (field.tag == TAG_STATUS) field_u32(&field, &run->status);
    if (field.tag == TAG_ERRNO) field_u32(&field, &run->error);
    if (field.tag == TAG_EXIT_CODE) field_u32(&field, &run->exit_code);
    if (field.tag == TAG_SIGNAL) field_u32(&field, &run->signal);
    if (field.tag == TAG_PID) field_u32(&field, &run->pid);
    if (field.tag == TAG_PROCESS) field_u32(&field, &run->process);
    if (field.tag == TAG_OOM_KILLED) field_u32(&field, &run->oom_killed);
    if (field.tag == TAG_DURATION_US) field_u64(&field, &run->duration_us);
    if (field.tag == TAG_MESSAGE) {
      snprintf(run->message, sizeof run->message, "%.*s", (int)field.length, (const char *)field.bytes);
    }
  }
}

static void take_skipped(struct run *run, const struct message *message) {
  struct field_reader reader = fields_read(message->payload, message->length);
  struct field stream, skipped;
  uint32_t number;
  uint64_t bytes;
  if (!fields_next(&reader, &stream) || !fields_next(&reader, &skipped)) return;
  if (field_u32(&stream, &number) && field_u64(&skipped, &bytes)) run->skipped[number - 1] += bytes;
}

void run_take(struct run *run, const struct message *message) {
  if (message->type == TYPE_DATA) {
    unsigned which = message->stream - 1u;
    size_t room = sizeof run->bytes[which] - 1;
    size_t at = run->size[which] < room ? run->size[which] : room;
    size_t kept = message->length < room - at ? message->length : room - at;
    memcpy(run->bytes[which] + at, message->payload, kept);
    run->size[which] += message->length;
  } else if (message->type == TYPE_END) {
    run->ends++;
  } else if (message->type == TYPE_CREDIT) {
    run->granted += get_u32(message->payload);
  } else if (message->type == TYPE_SKIPPED) {
    take_skipped(run, message);
  } else {
    take_result(run, message);
    run->exited = run->exited || message->type == TYPE_EXITED;
    run->ended = message->type == TYPE_RESULT;
    run->gone_away = message->type == TYPE_GOAWAY;
  }
}

void client_finish(struct client *client, uint32_t id, struct run *run) {
  struct message message;
  memset(run, 0, sizeof *run);
  while (!run->ended && !run->gone_away && client_next(client, &message, PATIENCE_MS)) {
    if (message.id != id && message.id != 0) continue;
    uint8_t credit[4];
    put_u32(credit, message.length);
    if (message.type == TYPE_DATA) client_send(client, TYPE_CREDIT, id, message.stream, credit, sizeof credit);
    run_take(run, &message);
  }
}
