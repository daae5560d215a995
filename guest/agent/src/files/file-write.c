/* FILE_WRITE: straight from the session's input to the file. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "file-streams.h"
#include "open-file.h"
#include "open-in-place.h"

/*
 * A regular file takes all that comes at once, so the host may send further ahead than the agent could hold. With the
 * window of other inputs each 64 KiB would wait for the one before.
 */
enum { AHEAD = 4 * INPUT_WINDOW };

static bool end_input(struct session *session, struct request *request) {
  struct open_file *file = open_file(session, request);
  if (file->replacement.directory < 0 || replacement_finish(&file->replacement, request->input.fd)) return true;
  file->error = errno;
  return true;
}

static enum turn write_turn(struct session *session, struct request *request) {
  struct outcome outcome = {.status = STATUS_OK};
  struct answer answer;
  struct open_file *file = open_file(session, request);
  request_pump(session, request);
  if (request->input.error != 0) file->error = request->input.error;
  if (file->error == 0 && !input_is_done(&request->input)) return TURN_IDLE;
  if (file->error != 0) fail_path(&outcome, file->error, file->path);
  answer_begin(&answer);
  answer_put_outcome(&answer, &outcome);
  if (file->error == 0) fields_put_u64(&answer.fields, TAG_SIZE, request->input.written);
  answer_send(session, request->id, TYPE_RESULT, &answer);
  return TURN_ENDED;
}

static void write_release(struct session *session, struct request *request, bool answered) {
  (void)answered;
  replacement_abandon(&open_file(session, request)->replacement);
}

static const struct request_kind write_kind = {.turn = write_turn, .end_input = end_input, .release = write_release};

static bool is_consistent(const struct file_request *file, struct outcome *outcome) {
  /* That says: a directory. */
  if (file->path[strlen(file->path) - 1] == '/') return fail_path(outcome, EISDIR, file->path);
  bool in_place = (file->flags & FILE_IN_PLACE) != 0;
  bool append = (file->flags & FILE_APPEND) != 0;
  if (!file->has_offset || (in_place && !append)) return true;
  return fail(outcome, STATUS_BAD_REQUEST, 0, "OFFSET is for IN_PLACE, and not for APPEND");
}

static bool is_regular(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

void file_write(struct session *session, uint32_t id, const struct file_request *file) {
  struct outcome outcome = {.status = STATUS_OK};
  struct replacement replacement = {.directory = -1};
  int fd = -1;
  if (is_consistent(file, &outcome)) {
    bool in_place = (file->flags & (FILE_IN_PLACE | FILE_APPEND)) != 0;
    fd = in_place ? open_in_place(file, &outcome) : replacement_open(&replacement, file, &outcome);
  }
  if (fd < 0) {
    answer_outcome(session, id, &outcome);
    return;
  }
  struct request *request = request_open(session, id, &write_kind);
  open_file_begin(session, request, file->path);
  open_file(session, request)->replacement = replacement;
  request_input(request, fd);
  if (is_regular(fd)) input_widen(&request->input, AHEAD);
  answer_started(session, id);
}
