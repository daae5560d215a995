/* What CONFIGURE would have changed, one a line. */
#ifndef SMOLVM_FAKE_SYSTEM_H
#define SMOLVM_FAKE_SYSTEM_H

extern char fake_system_log[4096];

#endif
