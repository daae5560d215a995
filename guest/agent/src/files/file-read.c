/* FILE_READ: straight from the file to the session's output. */
#include <errno.h>
#include <unistd.h>

#include "answer.h"
#include "file-streams.h"
#include "open-file.h"
#include "open-readable.h"
#include "stat-fields.h"
#include "trail.h"

/* A read that brings less than a chunk mostly was the last: one more says so, and the answer need not wait for a turn. */
static bool pump(struct session *session, struct request *request) {
  uint32_t credit = request->outputs[0].credit;
  bool more = request_pump(session, request);
  if (more && credit - request->outputs[0].credit < CHUNK) more = request_pump(session, request);
  return more;
}

static enum turn read_turn(struct session *session, struct request *request) {
  struct outcome outcome = {.status = STATUS_OK};
  bool more = pump(session, request);
  if (!output_is_done(&request->outputs[0])) return more ? TURN_MORE : TURN_IDLE;
  int error = request->outputs[0].error;
  if (error != 0) fail_path(&outcome, error, open_file(session, request)->path);
  else answer_end(session, request->id, STREAM_OUTPUT);
  answer_outcome(session, request->id, &outcome);
  return TURN_ENDED;
}

static const struct request_kind read_kind = {.turn = read_turn};

void file_read(struct session *session, uint32_t id, const struct file_request *file) {
  struct outcome outcome = {.status = STATUS_OK};
  struct answer answer;
  struct stat status;
  int fd = open_readable(file->path, false, &status, &outcome);
  if (fd >= 0 && file->offset != 0 && lseek(fd, (off_t)file->offset, SEEK_SET) < 0) {
    fail_path(&outcome, errno, file->path);
    close(fd);
    fd = -1;
  }
  if (fd < 0) {
    answer_outcome(session, id, &outcome);
    return;
  }
  struct request *request = request_open(session, id, &read_kind);
  request_output(session, request, STREAM_OUTPUT, fd, file->window);
  request->outputs[0].left = file->length;
  open_file_begin(session, request, file->path);
  answer_begin(&answer);
  stat_put(&answer.fields, &status, -1, NULL);
  answer_send(session, id, TYPE_STARTED, &answer);
}
