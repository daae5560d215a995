#include "life.h"

#include <sys/wait.h>

#include "answer.h"
#include "clock.h"
#include "oom.h"
#include "wire.h"

void life_begin(struct life *life) {
  *life = (struct life){.oom_mark = oom_mark()};
  life->started_us = monotonic_us();
}

void life_end(struct life *life, pid_t pid, int wait_status) {
  life->duration_us = monotonic_us() - life->started_us;
  life->wait_status = wait_status;
  life->oom_killed = !life->was_killed && oom_explains(pid, wait_status, life->oom_mark);
}

void life_put_exit(const struct life *life, struct field_writer *fields) {
  int status = life->wait_status;
  if (WIFSIGNALED(status)) fields_put_u32(fields, TAG_SIGNAL, (uint32_t)WTERMSIG(status));
  else fields_put_u32(fields, TAG_EXIT_CODE, (uint32_t)WEXITSTATUS(status));
  fields_put_u64(fields, TAG_DURATION_US, life->duration_us);
  if (life->oom_killed) fields_put_u32(fields, TAG_OOM_KILLED, 1);
}

void life_answer(const struct life *life, struct session *session, uint32_t id) {
  struct answer answer;
  answer_end(session, id, STREAM_OUTPUT);
  answer_end(session, id, STREAM_ERRORS);
  answer_begin(&answer);
  fields_put_u32(&answer.fields, TAG_STATUS, STATUS_OK);
  life_put_exit(life, &answer.fields);
  answer_send(session, id, TYPE_RESULT, &answer);
}

void life_announce(const struct life *life, struct session *session, uint32_t id) {
  struct answer answer;
  answer_begin(&answer);
  life_put_exit(life, &answer.fields);
  answer_send(session, id, TYPE_EXITED, &answer);
}
