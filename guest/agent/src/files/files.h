/* The methods of files: 16 to 27. */
#ifndef SMOLVM_FILES_H
#define SMOLVM_FILES_H

#include <stdint.h>

#include "session.h"

/* Answers the REQUEST, or opens a request that will. */
void files_request(struct session *session, const struct frame *frame, uint32_t method);

#endif
