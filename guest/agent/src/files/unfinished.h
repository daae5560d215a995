/* The one file that a worker has not written to its end: it is removed if the worker is told to end. */
#ifndef SMOLVM_UNFINISHED_H
#define SMOLVM_UNFINISHED_H

/* From now on SIGTERM removes what is unfinished and ends the process. */
void unfinished_catch(void);
/* Between the two the signal waits: a file is made and named as unfinished in one step. */
void unfinished_hold(void);
void unfinished_release(void);
/* `name` may be written only later: it is read when the signal comes. */
void unfinished_begin(int directory, const char *name);
void unfinished_end(void);

#endif
