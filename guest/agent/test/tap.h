/* Facts, stated as sentences, and whether they hold. */
#ifndef SMOLVM_TAP_H
#define SMOLVM_TAP_H

#include <stdbool.h>

/* Everything expected until the next fact belongs to this one. */
void fact(const char *sentence);
void expect_at(bool holds, const char *expression, const char *file, int line);
#define EXPECT(expression) expect_at((expression), #expression, __FILE__, __LINE__)
/* Prints the last line; the exit code of the program. */
int conclude(void);

#endif
