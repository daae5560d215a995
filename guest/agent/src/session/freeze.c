#include "freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "ports.h"
#include "worker.h"

/* Those that begin later are of hosts that know which of the machines they speak to. */
static void keep_processes(bool keeps) {
  for (int i = 0; i < MAX_PORTS; i++) ports[i].keeps_processes = keeps && ports[i].greeted;
}

void freeze_thaw(void) { keep_processes(false); }

static bool sync_root(void *argument, int input, int output, struct outcome *outcome) {
  (void)argument;
  (void)input;
  (void)output;
  int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool done = fd >= 0 && syncfs(fd) == 0;
  int error = errno;
  if (fd >= 0) close(fd);
  return done || fail(outcome, STATUS_SYSTEM, error, "cannot write the root filesystem out: %s", strerror(error));
}

void freeze_request(struct session *session, const struct frame *frame) {
  struct field_reader reader = fields_read(frame->payload, frame->length);
  struct field field;
  uint32_t flags = 0;
  bool valid = true;
  while (fields_next(&reader, &field)) {
    if (field.tag == TAG_FLAGS) valid = field_u32(&field, &flags);
  }
  if (!valid || ((flags & FREEZE_THAW) != 0 && flags != FREEZE_THAW)) {
    answer_status(session, frame->id, STATUS_BAD_REQUEST, "FLAGS is not one u32, or THAW is not alone");
    return;
  }
  if ((flags & FREEZE_THAW) != 0) freeze_thaw();
  if ((flags & FREEZE_KEEP_PROCESSES) != 0) keep_processes(true);
  /* It may take long, and the requests of others go on. */
  if ((flags & FREEZE_SYNC_DISKS) != 0) worker_start(session, frame->id, &(struct task){.work = sync_root});
  else answer_status(session, frame->id, STATUS_OK, NULL);
}
