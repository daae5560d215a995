/* Methods that take a few system calls, and so are done where they are asked for. */
#ifndef SMOLVM_AT_ONCE_H
#define SMOLVM_AT_ONCE_H

#include "fields.h"
#include "file-request.h"

/* Adds *stat* to the fields. */
bool file_stat(const struct file_request *file, struct field_writer *fields, struct outcome *outcome);
bool file_rename(const struct file_request *file, struct outcome *outcome);
bool file_symlink(const struct file_request *file, struct outcome *outcome);

#endif
