/* The host's side of the protocol, as far as tests need it. */
#ifndef SMOLVM_CLIENT_H
#define SMOLVM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fields.h"
#include "wire.h"

/* How long tests wait for what must come. A busy machine may stand still for seconds. */
enum { PATIENCE_MS = 20000 };

struct client {
  int fd;
  size_t filled;
  size_t taken;
  uint8_t buffer[1 << 18];
};

struct message {
  uint32_t id;
  uint32_t length;
  uint8_t type;
  uint8_t stream;
  uint8_t *payload;
};

/* What came of one EXEC. Output beyond the buffers is counted only. */
struct run {
  uint32_t status, error, exit_code, signal;
  uint32_t pid, process;
  uint32_t oom_killed;
  uint64_t duration_us;
  uint64_t skipped[2];
  uint32_t granted; /* input credit */
  int ends;
  bool exited; /* told ahead of the RESULT */
  bool ended, gone_away;
  char message[512];
  size_t size[2];
  char bytes[2][65536];
};

/* Connects and exchanges HELLO and WELCOME. False: no WELCOME came. */
bool client_open(struct client *client, const char *path);
bool client_connect(struct client *client, const char *path);
void client_close(struct client *client);
bool client_write(struct client *client, const void *bytes, size_t size);
void client_hello(struct client *client, uint8_t nonce);
bool client_await_sync(struct client *client);
bool client_await_welcome(struct client *client, uint8_t nonce);
bool client_send(struct client *client, uint8_t type, uint32_t id, uint8_t stream, const void *payload, size_t size);
/* The next frame, valid until the next call. False: none within `timeout_ms`, or the stream ended. */
bool client_next(struct client *client, struct message *message, int timeout_ms);

/* The fields of an EXEC: those that are NULL or 0 are left out. */
struct exec_fields {
  const char *const *argv;
  const char *const *env;
  const char *cwd;
  const char *user;
  const uint32_t *uid;
  const uint32_t *gid;
  uint32_t flags;
  uint32_t window;
  uint32_t columns;
  uint32_t rows;
  const char *name;
};

void client_execute(struct client *client, uint32_t id, const struct exec_fields *exec);
/* An EXEC of a shell command. */
void client_shell(struct client *client, uint32_t id, const char *command, uint32_t flags, uint32_t window);
void client_exec(struct client *client, uint32_t id, const char *const *argv, const char *const *env, const char *cwd);
/* A REQUEST of these fields; METHOD is put in front of them. */
void client_request_with(struct client *client, uint32_t id, uint32_t method, const struct field_writer *more);
void client_request(struct client *client, uint32_t id, uint32_t method);
/* Reads until the RESULT of `id`, giving credit back as it comes. */
void client_finish(struct client *client, uint32_t id, struct run *run);
/* Takes one frame into the run. */
void run_take(struct run *run, const struct message *message);

#endif
