#include "files.h"

#include <errno.h>

#include "answer.h"
#include "at-once.h"
#include "change.h"
#include "file-streams.h"
#include "file-workers.h"
#include "make-directory.h"
#include "remove.h"
#include "trail.h"

static bool has(const struct file_request *file, uint32_t flag) { return (file->flags & flag) != 0; }

static void answer_stat(struct session *session, uint32_t id, const struct file_request *file) {
  struct outcome outcome = {.status = STATUS_OK};
  struct answer answer;
  answer_begin(&answer);
  fields_put_u32(&answer.fields, TAG_STATUS, STATUS_OK);
  if (file_stat(file, &answer.fields, &outcome)) answer_send(session, id, TYPE_RESULT, &answer);
  else answer_outcome(session, id, &outcome);
}

/* Most of what is removed is no full directory, and needs no worker. False: it does. */
static bool remove_at_once(const struct file_request *file, struct outcome *outcome) {
  if (remove_path(file->path)) return true;
  if (has(file, FILE_RECURSIVE) && (errno == ENOTEMPTY || errno == EEXIST)) return false;
  bool missing = errno == ENOENT || errno == ENOTDIR;
  if (!missing || !has(file, FILE_FORCE)) fail_path(outcome, errno, file->path);
  return true;
}

static void change_at_once(const struct file_request *file, struct outcome *outcome) {
  const struct change change = change_of(file);
  change_path(file->path, !has(file, FILE_NO_FOLLOW), &change, outcome);
}

/* False: it takes a worker. */
static bool do_at_once(const struct file_request *file, uint32_t method, struct outcome *outcome) {
  switch (method) {
    case METHOD_FILE_MAKE_DIRECTORY:
      make_directory(file, outcome);
      return true;
    case METHOD_FILE_REMOVE:
      return remove_at_once(file, outcome);
    case METHOD_FILE_RENAME:
      file_rename(file, outcome);
      return true;
    case METHOD_FILE_CHANGE:
      if (has(file, FILE_RECURSIVE)) return false;
      change_at_once(file, outcome);
      return true;
    case METHOD_FILE_SYMLINK:
      file_symlink(file, outcome);
      return true;
    default:
      return false;
  }
}

void files_request(struct session *session, const struct frame *frame, uint32_t method) {
  struct outcome outcome = {.status = STATUS_OK};
  struct file_request file;
  if (!file_request_parse(&file, frame, &outcome)) {
    answer_outcome(session, frame->id, &outcome);
    return;
  }
  switch (method) {
    case METHOD_FILE_READ:
      file_read(session, frame->id, &file);
      break;
    case METHOD_FILE_WRITE:
      file_write(session, frame->id, &file);
      break;
    case METHOD_FILE_STAT:
      answer_stat(session, frame->id, &file);
      break;
    default:
      if (do_at_once(&file, method, &outcome)) answer_outcome(session, frame->id, &outcome);
      else file_worker(session, frame->id, method, &file);
  }
}
