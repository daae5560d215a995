/* FILE_MAKE_DIRECTORY. */
#ifndef SMOLVM_MAKE_DIRECTORY_H
#define SMOLVM_MAKE_DIRECTORY_H

#include "file-request.h"

bool make_directory(const struct file_request *request, struct outcome *outcome);

#endif
