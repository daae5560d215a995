/* Methods that walk through directories or wait, each in a worker of its own. */
#ifndef SMOLVM_FILE_WORKERS_H
#define SMOLVM_FILE_WORKERS_H

#include "file-request.h"
#include "session.h"

void file_worker(struct session *session, uint32_t id, uint32_t method, const struct file_request *file);

#endif
