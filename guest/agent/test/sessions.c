/* Sessions over a real socket: how they begin, what ends them, what a hostile host meets. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "bytes.h"
#include "frame.h"
#include "harness.h"
#include "sync.h"
#include "tap.h"

static struct client client;
static struct run run;

static bool ping(uint32_t id) {
  client_request(&client, id, METHOD_PING);
  client_finish(&client, id, &run);
  return run.ended && run.status == STATUS_OK;
}

static void test_sessions(void) {
  fact("a session begins with the sync word and HELLO, and a PING is answered");
  connect_or_abort(&client);
  EXPECT(ping(1));
  fact("an id may be used again once its RESULT came");
  EXPECT(ping(1));
  fact("an unknown METHOD is answered, and the session goes on");
  client_request(&client, 2, 4711);
  client_finish(&client, 2, &run);
  EXPECT(run.status == STATUS_UNKNOWN_METHOD && ping(3));
  fact("frames for ids that are not open are ignored");
  client_send(&client, TYPE_CANCEL, 99, 0, NULL, 0);
  client_send(&client, TYPE_DATA, 99, 0, "x", 1);
  client_send(&client, TYPE_END, 99, 0, NULL, 0);
  client_send(&client, TYPE_CREDIT, 99, 1, "\0\0\0\1", 4);
  EXPECT(ping(4));
  fact("a new sync word on the same stream, in the middle of a frame, begins a new session and kills the old one's work");
  client_shell(&client, 5, "echo $$; exec sleep 1000", 0, 0);
  struct message message;
  memset(&run, 0, sizeof run);
  while (run.pid == 0 && client_next(&client, &message, PATIENCE_MS)) run_take(&run, &message);
  pid_t sleeper = (pid_t)run.pid;
  client_write(&client, "\0\0\xff\xff\0\0\0\5\x40\0\0\0half a frame", 25);
  client_hello(&client, 77);
  EXPECT(client_await_welcome(&client, 77));
  EXPECT(sleeper > 0 && is_gone(sleeper));
  EXPECT(ping(5));
  client_close(&client);
}

static void test_hang_up(void) {
  struct message message;
  fact("a hang-up kills the process groups of the session's requests, children included");
  connect_or_abort(&client);
  client_shell(&client, 1, "sleep 1000 & echo $!; wait", 0, 0);
  memset(&run, 0, sizeof run);
  while (run.size[0] == 0 && client_next(&client, &message, PATIENCE_MS)) run_take(&run, &message);
  pid_t child = 0;
  for (const char *digit = run.bytes[0]; *digit >= '0' && *digit <= '9'; digit++) child = child * 10 + (*digit - '0');
  client_close(&client);
  EXPECT(child > 1 && is_gone(child));
  EXPECT(run.pid > 1 && is_gone((pid_t)run.pid));
  fact("the next client is served after one that left in the middle of a frame");
  for (size_t cut = 1; cut < 40; cut++) {
    connect_or_abort(&client);
    uint8_t frame[64] = {0};
    frame_header(frame, 40, 1, TYPE_DATA, 0);
    client_write(&client, frame, cut);
    client_close(&client);
  }
  connect_or_abort(&client);
  EXPECT(ping(1));
  client_close(&client);
  fact("eight clients are served at once");
  static struct client clients[MAX_PORTS];
  for (int i = 0; i < MAX_PORTS; i++) connect_or_abort(&clients[i]);
  for (int i = 0; i < MAX_PORTS; i++) client_shell(&clients[i], 1, "echo hello", 0, 0);
  for (int i = 0; i < MAX_PORTS; i++) {
    client_finish(&clients[i], 1, &run);
    EXPECT(run.ended && strcmp(run.bytes[0], "hello\n") == 0);
    client_close(&clients[i]);
  }
}

struct offence {
  const char *sentence;
  const char *bytes;
  size_t size;
};

#define OFFENCE(sentence, bytes) {sentence, bytes, sizeof bytes - 1}

/* Sent after a WELCOME, with request 1 running `cat`. */
static const struct offence offences[] = {
    OFFENCE("a length over the cap ends the session with GOAWAY", "\0\1\0\1\0\0\0\1\x40\0\0\0"),
    OFFENCE("an unknown frame type ends the session with GOAWAY", "\0\0\0\0\0\0\0\1\x7f\0\0\0"),
    OFFENCE("a frame type of the guest's ends the session with GOAWAY", "\0\0\0\0\0\0\0\1\x83\0\0\0"),
    OFFENCE("a second HELLO ends the session with GOAWAY", "\0\0\0\0\0\0\0\0\1\0\0\0"),
    OFFENCE("a request with id 0 ends the session with GOAWAY", "\0\0\0\0\0\0\0\0\2\0\0\0"),
    OFFENCE("reserved bytes other than 0 end the session with GOAWAY", "\0\0\0\0\0\0\0\1\4\0\0\1"),
    OFFENCE("an id that is in use ends the session with GOAWAY", "\0\0\0\x0a\0\0\0\1\2\0\0\0\0\6\0\0\0\4\0\0\0\1"),
    OFFENCE("a field past the payload ends the session with GOAWAY", "\0\0\0\x0a\0\0\0\2\2\0\0\0\0\6\0\0\0\5\0\0\0\1"),
    OFFENCE("a NUL byte in a string ends the session with GOAWAY", "\0\0\0\x07\0\0\0\2\2\0\0\0\0\x0e\0\0\0\1\0"),
    OFFENCE("DATA on an output stream ends the session with GOAWAY", "\0\0\0\1\0\0\0\1\x40\1\0\0x"),
    OFFENCE("CREDIT for the input ends the session with GOAWAY", "\0\0\0\4\0\0\0\1\x42\0\0\0\0\0\0\1"),
    OFFENCE("CREDIT of five bytes ends the session with GOAWAY", "\0\0\0\5\0\0\0\1\x42\1\0\0\0\0\0\1\0"),
    OFFENCE("CREDIT over 2^31-1 in sum ends the session with GOAWAY", "\0\0\0\4\0\0\0\1\x42\1\0\0\x7f\xff\xff\xff"),
    OFFENCE("END with a payload ends the session with GOAWAY", "\0\0\0\1\0\0\0\1\x41\0\0\0x"),
    OFFENCE("DATA after END ends the session with GOAWAY",
            "\0\0\0\0\0\0\0\1\x41\0\0\0\0\0\0\1\0\0\0\1\x40\0\0\0x"),
};

static void test_offences(void) {
  for (size_t i = 0; i < sizeof offences / sizeof *offences; i++) {
    fact(offences[i].sentence);
    connect_or_abort(&client);
    client_shell(&client, 1, "exec sleep 1000", 1, 0);
    struct message message;
    EXPECT(client_next(&client, &message, PATIENCE_MS) && message.type == TYPE_STARTED);
    memset(&run, 0, sizeof run);
    run_take(&run, &message);
    pid_t sleeper = (pid_t)run.pid;
    client_write(&client, offences[i].bytes, offences[i].size);
    client_finish(&client, 1, &run);
    EXPECT(run.gone_away && run.status == STATUS_PROTOCOL && run.message[0] != '\0');
    EXPECT(is_gone(sleeper));
    client_request(&client, 9, METHOD_PING);
    EXPECT(!client_next(&client, &message, 20));
    client_hello(&client, 123);
    EXPECT(client_await_welcome(&client, 123) && ping(1));
    client_close(&client);
  }
}

static uint32_t await_credit(int quiet_ms) {
  struct message message;
  uint32_t credit = 0;
  while (client_next(&client, &message, quiet_ms)) {
    if (message.type == TYPE_CREDIT) credit += get_u32(message.payload);
  }
  return credit;
}

/* Sends request `id` all that it takes while nobody reads. Returns how much that was. */
static size_t fill_input(uint32_t id) {
  static uint8_t bytes[INPUT_WINDOW];
  size_t sent = 0;
  for (uint32_t credit = FIRST_INPUT_WINDOW; credit != 0; credit = await_credit(100)) {
    EXPECT(client_send(&client, TYPE_DATA, id, 0, bytes, credit));
    sent += credit;
  }
  return sent;
}

enum { PIPE = 65536 };

static void test_credit_of_input(void) {
  fact("input up to the window is taken while the process reads nothing, and one byte more ends the session");
  connect_or_abort(&client);
  client_shell(&client, 1, "exec sleep 1000", 1, 0);
  await_credit(100);
  size_t sent = fill_input(1);
  EXPECT(sent >= INPUT_WINDOW && sent <= PIPE + INPUT_WINDOW);
  EXPECT(ping(2));
  client_send(&client, TYPE_DATA, 1, 0, "x", 1);
  client_finish(&client, 1, &run);
  EXPECT(run.gone_away && run.status == STATUS_PROTOCOL);
  client_close(&client);
  fact("32 inputs that send much have the large window, the next one has the small one until one of these closes");
  connect_or_abort(&client);
  for (uint32_t id = 1; id <= MAX_WIDE_INPUTS + 1; id++) client_shell(&client, id, "exec sleep 1000", 1, 0);
  await_credit(300);
  static uint8_t bytes[FIRST_INPUT_WINDOW];
  for (uint32_t id = 1; id <= MAX_WIDE_INPUTS; id++) {
    client_send(&client, TYPE_DATA, id, 0, bytes, sizeof bytes);
  }
  EXPECT(await_credit(300) == MAX_WIDE_INPUTS * INPUT_WINDOW);
  sent = fill_input(MAX_WIDE_INPUTS + 1);
  EXPECT(sent >= FIRST_INPUT_WINDOW && sent <= PIPE + FIRST_INPUT_WINDOW);
  client_send(&client, TYPE_CANCEL, 1, 0, NULL, 0);
  client_finish(&client, 1, &run);
  EXPECT(run.status == STATUS_CANCELLED);
  client_shell(&client, 1, "exec sleep 1000", 1, 0);
  await_credit(100);
  sent = fill_input(1);
  EXPECT(sent >= INPUT_WINDOW && sent <= PIPE + INPUT_WINDOW);
  client_close(&client);
}

static void test_hello(void) {
  struct message message;
  fact("a frame before HELLO ends the session with GOAWAY");
  client_connect(&client, agent_path);
  client_write(&client, sync_word, SYNC_SIZE);
  client_request(&client, 1, METHOD_PING);
  EXPECT(client_next(&client, &message, PATIENCE_MS) && message.type == TYPE_GOAWAY);
  client_close(&client);
  fact("a HELLO of version 0 is answered with GOAWAY and UNSUPPORTED_VERSION");
  client_connect(&client, agent_path);
  client_write(&client, sync_word, SYNC_SIZE);
  static const uint8_t hello[] = "\0\1\0\0\0\4\0\0\0\0\0\2\0\0\0\x10" "0123456789abcdef";
  client_send(&client, TYPE_HELLO, 0, 0, hello, sizeof hello - 1);
  EXPECT(client_await_sync(&client));
  client_finish(&client, 0, &run);
  EXPECT(run.gone_away && run.status == STATUS_UNSUPPORTED_VERSION);
  client_close(&client);
}

int main(void) {
  agent_start();
  test_sessions();
  test_hang_up();
  int before = agent_descriptors();
  test_hello();
  test_offences();
  test_credit_of_input();
  fact("sessions leave no descriptors open");
  EXPECT(agent_settles_at(before + 1));
  fact("the sanitizers found no fault in the agent");
  EXPECT(agent_stop());
  return conclude();
}
