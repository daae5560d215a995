/* The requests that have a file open: FILE_READ and FILE_WRITE. Both answer, or open a request that will. */
#ifndef SMOLVM_FILE_STREAMS_H
#define SMOLVM_FILE_STREAMS_H

#include "file-request.h"
#include "session.h"

void file_read(struct session *session, uint32_t id, const struct file_request *file);
void file_write(struct session *session, uint32_t id, const struct file_request *file);

#endif
