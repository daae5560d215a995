/* Kinds of requests: when they have a turn, and streams that end in regular files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "one-session.h"
#include "tap.h"
#include "workspace.h"

static int turns;
static int released;
static bool released_answered;

static enum turn count_turn(struct session *its, struct request *request) {
  turns++;
  request_pump(its, request);
  return TURN_IDLE;
}

static void count_release(struct session *its, struct request *request, bool answered) {
  (void)its;
  (void)request;
  released++;
  released_answered = answered;
}

static const struct request_kind counting = {.turn = count_turn, .release = count_release};

static void test_turns(void) {
  fact("a request has one turn when it is opened, and none until something happens to it");
  turns = 0;
  struct request *request = request_open(&session, request_begin(), &counting);
  for (int i = 0; i < 5; i++) turn(0);
  EXPECT(turns == 1);
  fact("a frame for it is a reason for a turn, a frame for another is none");
  credit_send(1);
  client_request(&host, 9999, METHOD_PING);
  turn(0);
  EXPECT(turns == 2);
  fact("it has a turn at the time it asked for, which the loop waits for, and only one");
  uint64_t at = monotonic_us() + 30000;
  request_wake_at(&session, request, at + 1000000);
  request_wake_at(&session, request, at);
  EXPECT(session_deadline_us(&session) == at);
  turn(0);
  EXPECT(turns == 2);
  usleep(31000);
  turn(0);
  turn(0);
  EXPECT(turns == 3 && session_deadline_us(&session) == 0);
  fact("CANCEL of a request without a process is answered at once, and releases it");
  cancel_send();
  finish();
  EXPECT(run.ended && run.status == STATUS_CANCELLED && released == 1 && released_answered && turns == 3);
  fact("the end of the session releases what is open without an answer");
  request_open(&session, request_begin(), &counting);
  session_end(&session);
  EXPECT(released == 2 && !released_answered && set_is_empty(&session.open) && set_is_empty(&session.due));
  session.greeted = true;
}

static enum turn copy_turn(struct session *its, struct request *request) {
  bool more = request_pump(its, request);
  int error = request->input.error != 0 ? request->input.error : request->outputs[0].error;
  bool done = request_outputs_are_done(request) && input_is_done(&request->input);
  if (error == 0 && !done) return more ? TURN_MORE : TURN_IDLE;
  struct outcome outcome = {.status = STATUS_OK};
  if (error != 0) fail(&outcome, STATUS_SYSTEM, error, "%s", strerror(error));
  answer_outcome(its, request->id, &outcome);
  return TURN_ENDED;
}

static int ends;

static bool end_slowly(struct session *its, struct request *request) {
  ends++;
  if (ends < 3) request_wake_at(its, request, monotonic_us());
  return ends == 3;
}

static const struct request_kind copying = {.turn = copy_turn};
static const struct request_kind ending_slowly = {.turn = copy_turn, .end_input = end_slowly};

static void test_files(void) {
  int fd = open(at("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  static uint8_t bytes[60000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i % 251);
  fact("input goes straight into a regular file, further ahead than others may be sent, and is counted");
  struct request *request = request_open(&session, request_begin(), &copying);
  request_input(request, dup(fd));
  input_widen(&request->input, sizeof bytes);
  turn(0);
  data_send(bytes, sizeof bytes);
  turn(0);
  EXPECT(request->input.written == sizeof bytes && request->input.ring.bytes == NULL);
  end_send();
  finish();
  EXPECT(run.ended && run.status == STATUS_OK && run.granted == 2 * sizeof bytes);
  fact("a regular file is read to its end although epoll refuses it, as far as the credit goes");
  lseek(fd, 0, SEEK_SET);
  request = request_open(&session, request_begin(), &copying);
  request->input.ended = true;
  request_output(&session, request, STREAM_OUTPUT, dup(fd), 50000);
  for (int i = 0; i < 8; i++) turn(0);
  EXPECT(request->outputs[0].credit == 0 && !output_is_done(&request->outputs[0]));
  credit_send(65536);
  finish();
  EXPECT(run.ended && run.status == STATUS_OK && run.size[0] == sizeof bytes && memcmp(run.bytes[0], bytes, sizeof bytes) == 0);
  fact("a limit below the size of the file ends the output");
  lseek(fd, 0, SEEK_SET);
  request = request_open(&session, request_begin(), &copying);
  request->input.ended = true;
  request_output(&session, request, STREAM_OUTPUT, dup(fd), DEFAULT_OUTPUT_WINDOW);
  request->outputs[0].left = 12345;
  finish();
  EXPECT(run.ended && run.size[0] == 12345);
  fact("a write that fails is known to its request, and input that comes after it is dropped");
  request = request_open(&session, request_begin(), &copying);
  request_input(request, open("/dev/full", O_WRONLY | O_CLOEXEC));
  data_send(bytes, 1000);
  data_send(bytes, 1000);
  finish();
  EXPECT(run.ended && run.status == STATUS_SYSTEM && run.error == ENOSPC);
  fact("a read that fails is known to its request");
  request = request_open(&session, request_begin(), &copying);
  request->input.ended = true;
  request_output(&session, request, STREAM_OUTPUT, open("/tmp", O_RDONLY | O_CLOEXEC), DEFAULT_OUTPUT_WINDOW);
  finish();
  EXPECT(run.ended && run.status == STATUS_SYSTEM && run.error == EISDIR);
  fact("the end of an input can be put off");
  request = request_open(&session, request_begin(), &ending_slowly);
  request_input(request, dup(fd));
  end_send();
  finish();
  EXPECT(run.ended && ends == 3);
  close(fd);
}

static void test_clock(void) {
  fact("a CONFIGURE that sets the clock is answered with the time, so that the host knows how late it came");
  uint64_t before = realtime_ns();
  put_field_u64(TAG_CLOCK_NS, before);
  request_send(METHOD_CONFIGURE);
  finish();
  EXPECT(run.status == STATUS_OK && told.numbers[TAG_CLOCK_NS] >= before && told.numbers[TAG_CLOCK_NS] <= realtime_ns());
  request_send(METHOD_CONFIGURE);
  finish();
  EXPECT(run.status == STATUS_OK && !told.has[TAG_CLOCK_NS]);
}

int main(void) {
  workspace_open();
  session_begin();
  test_turns();
  test_clock();
  int before = count_descriptors();
  test_files();
  fact("no request leaves a descriptor behind");
  EXPECT(count_descriptors() == before);
  EXPECT(session_finish() && workspace_close());
  return conclude();
}
