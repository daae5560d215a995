#include "file-workers.h"

#include <fcntl.h>

#include "change.h"
#include "list-directory.h"
#include "remove.h"
#include "tree.h"
#include "unfinished.h"
#include "watch.h"
#include "worker.h"

enum { PIPE_SIZE = 262144 };

static bool has(const struct file_request *file, uint32_t flag) { return (file->flags & flag) != 0; }

static bool work_list(void *argument, int input, int output, struct outcome *outcome) {
  const struct file_request *file = argument;
  (void)input;
  return list_directory(file->path, !has(file, FILE_NO_FOLLOW), has(file, FILE_RECURSIVE), output, outcome);
}

static bool work_remove(void *argument, int input, int output, struct outcome *outcome) {
  const struct file_request *file = argument;
  (void)input;
  (void)output;
  return remove_tree(file->path, outcome);
}

static bool work_change(void *argument, int input, int output, struct outcome *outcome) {
  const struct file_request *file = argument;
  const struct change change = change_of(file);
  (void)input;
  (void)output;
  return change_tree(file->path, !has(file, FILE_NO_FOLLOW), &change, outcome);
}

static bool work_watch(void *argument, int input, int output, struct outcome *outcome) {
  const struct file_request *file = argument;
  (void)input;
  return watch_path(file->path, !has(file, FILE_NO_FOLLOW), has(file, FILE_RECURSIVE), output, outcome);
}

static bool work_tree_read(void *argument, int input, int output, struct outcome *outcome) {
  const struct file_request *file = argument;
  (void)input;
  /* Worker and agent take turns on one CPU: the more the pipe holds, the fewer. */
  fcntl(output, F_SETPIPE_SZ, PIPE_SIZE);
  return tree_read(file->path, output, outcome);
}

static bool work_tree_write(void *argument, int input, int output, struct outcome *outcome) {
  const struct file_request *file = argument;
  (void)output;
  unfinished_catch();
  return tree_write(file->path, file->user, file->group, input, outcome);
}

static struct task task_of(uint32_t method) {
  switch (method) {
    case METHOD_FILE_LIST:
      return (struct task){.work = work_list, .has_output = true, .is_announced = true};
    case METHOD_FILE_REMOVE:
      return (struct task){.work = work_remove};
    case METHOD_FILE_CHANGE:
      return (struct task){.work = work_change};
    case METHOD_FILE_WATCH:
      return (struct task){.work = work_watch, .has_output = true, .is_announced = true};
    case METHOD_TREE_READ:
      return (struct task){.work = work_tree_read, .has_output = true, .is_announced = true};
    default:
      return (struct task){.work = work_tree_write, .has_input = true, .is_announced = true};
  }
}

void file_worker(struct session *session, uint32_t id, uint32_t method, const struct file_request *file) {
  struct file_request copy = *file;
  struct task task = task_of(method);
  task.argument = &copy;
  task.window = file->window;
  worker_start(session, id, &task);
}
