#include "exit.h"

#include <sys/wait.h>

#include "wire.h"

void exit_put(struct field_writer *fields, const struct process_exit *exit) {
  int status = exit->wait_status;
  if (WIFSIGNALED(status)) fields_put_u32(fields, TAG_SIGNAL, (uint32_t)WTERMSIG(status));
  else fields_put_u32(fields, TAG_EXIT_CODE, (uint32_t)WEXITSTATUS(status));
  fields_put_u64(fields, TAG_DURATION_US, exit->duration_us);
}
