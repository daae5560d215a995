/* ACTIVITY: how long nobody has wanted anything of the guest; and the lifetime of one that is forgotten. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "harness.h"
#include "tap.h"

static struct client client, other;
static struct run run;
static uint32_t last_id;
static uint64_t idle_ms, busy_us;

static bool ask(struct client *from) {
  struct message message;
  struct field field;
  bool has_idle = false, has_busy = false;
  client_request(from, ++last_id, METHOD_ACTIVITY);
  do {
    if (!client_next(from, &message, PATIENCE_MS)) return false;
  } while (message.id != last_id);
  struct field_reader reader = fields_read(message.payload, message.length);
  while (fields_next(&reader, &field)) {
    if (field.tag == TAG_IDLE_MS) has_idle = field_u64(&field, &idle_ms);
    if (field.tag == TAG_BUSY_US) has_busy = field_u64(&field, &busy_us);
  }
  return message.type == TYPE_RESULT && has_idle && has_busy;
}

static void finish(struct client *from, uint32_t method) {
  client_request(from, ++last_id, method);
  client_finish(from, last_id, &run);
}

static void test_idle(void) {
  connect_or_abort(&client);
  connect_or_abort(&other);
  fact("the guest is idle since the last request, whichever session it came in, and whatever its answer");
  finish(&client, METHOD_FILE_STAT);
  uint64_t since = monotonic_us();
  usleep(60000);
  EXPECT(ask(&client) && idle_ms >= 60 && idle_ms <= (monotonic_us() - since) / 1000u + 5);
  finish(&other, METHOD_FILE_STAT);
  since = monotonic_us();
  EXPECT(ask(&client) && idle_ms <= (monotonic_us() - since) / 1000u + 5);
  fact("PING and ACTIVITY itself do not count");
  usleep(60000);
  finish(&client, METHOD_PING);
  EXPECT(ask(&client) && ask(&other) && idle_ms >= 60);
  fact("it is not idle while a command runs, and idle from the end of that");
  client_shell(&other, 7, "read line", EXEC_HAS_INPUT, 0);
  usleep(60000);
  EXPECT(ask(&client) && idle_ms == 0);
  client_send(&other, TYPE_END, 7, 0, NULL, 0);
  client_finish(&other, 7, &run);
  since = monotonic_us();
  EXPECT(ask(&client) && idle_ms <= (monotonic_us() - since) / 1000u + 5);
  fact("work of the processors adds to what they were busy");
  EXPECT(ask(&client) && busy_us > 0);
  uint64_t before = busy_us;
  client_shell(&client, 8, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", 0, 0);
  client_finish(&client, 8, &run);
  EXPECT(ask(&client) && busy_us >= before + 20000 && run.exit_code == 0);
  client_close(&client);
  client_close(&other);
}

static void configure(uint64_t lifetime_ms) {
  uint8_t payload[16];
  struct field_writer fields = {.bytes = payload, .size = sizeof payload};
  fields_put_u64(&fields, TAG_LIFETIME_MS, lifetime_ms);
  client_request_with(&client, ++last_id, METHOD_CONFIGURE, &fields);
  client_finish(&client, last_id, &run);
}

static void test_lifetime(void) {
  int status = 0;
  fact("a lifetime that was taken back ends nothing, and one that is over ends the guest as a POWEROFF does");
  connect_or_abort(&client);
  configure(100);
  configure(0);
  usleep(200000);
  finish(&client, METHOD_PING);
  EXPECT(run.ended && run.status == STATUS_OK && waitpid(agent_pid, &status, WNOHANG) == 0);
  uint64_t start = monotonic_us();
  configure(150);
  EXPECT(waitpid(agent_pid, &status, 0) == agent_pid && monotonic_us() - start >= 150000);
  /* What the fake guest exits with where the grace is not that of a signal. */
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 40);
  client_close(&client);
}

int main(void) {
  agent_start();
  test_idle();
  test_lifetime();
  agent_stop();
  return conclude();
}
