#include "activity.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "ports.h"

static uint64_t last_us;

void activity_note(void) { last_us = monotonic_us(); }

static bool has_open_requests(void) {
  for (int i = 0; i < MAX_PORTS; i++) {
    if (!set_is_empty(&ports[i].open)) return true;
  }
  return false;
}

/* The sum of all processors, by proc(5)'s stat: `cpu  user nice system idle …`, in ticks. False: it cannot be read. */
static bool read_busy_us(uint64_t *busy_us) {
  static int fd = -1;
  char text[128];
  if (fd < 0) fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
  if (size < 4) return false;
  text[size] = '\0';
  char *at = text + 4;
  uint64_t ticks = 0;
  for (int i = 0; i < 3; i++) ticks += strtoull(at, &at, 10);
  *busy_us = ticks * (1000000u / (uint64_t)sysconf(_SC_CLK_TCK));
  return true;
}

void activity_request(struct session *session, const struct frame *frame) {
  struct answer answer;
  uint64_t busy_us;
  uint64_t idle_ms = has_open_requests() ? 0 : (monotonic_us() - last_us) / 1000u;
  answer_begin(&answer);
  fields_put_u32(&answer.fields, TAG_STATUS, STATUS_OK);
  fields_put_u64(&answer.fields, TAG_IDLE_MS, idle_ms);
  if (read_busy_us(&busy_us)) fields_put_u64(&answer.fields, TAG_BUSY_US, busy_us);
  answer_send(session, frame->id, TYPE_RESULT, &answer);
}
