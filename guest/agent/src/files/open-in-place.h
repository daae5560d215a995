/* A file that is written as it stands: IN_PLACE and APPEND. */
#ifndef SMOLVM_OPEN_IN_PLACE_H
#define SMOLVM_OPEN_IN_PLACE_H

#include "file-request.h"

/* Of any type but a directory, and made if it is missing. The descriptor, nonblocking; or -1 and the outcome. */
int open_in_place(const struct file_request *file, struct outcome *outcome);

#endif
