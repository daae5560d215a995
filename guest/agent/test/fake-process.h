/* Processes that are never started. */
#ifndef SMOLVM_FAKE_PROCESS_H
#define SMOLVM_FAKE_PROCESS_H

/* Ends those that were killed since the last call, and one in three of the others, and tells whoever started them. */
void fake_process_exits(void);
/* As if none had ever been started. */
void fake_process_forget(void);

#endif
