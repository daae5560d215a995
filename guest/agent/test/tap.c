#include "tap.h"

#include <stdio.h>

static const char *current;
static bool holds_so_far;
static int passed;
static int failed;

static void settle(void) {
  if (current == NULL) return;
  printf("%s - %s\n", holds_so_far ? "ok" : "not ok", current);
  fflush(stdout);
  if (holds_so_far) passed++;
  else failed++;
}

void fact(const char *sentence) {
  settle();
  current = sentence;
  holds_so_far = true;
}

void expect_at(bool holds, const char *expression, const char *file, int line) {
  if (holds) return;
  holds_so_far = false;
  printf("# %s:%d: %s\n", file, line, expression);
}

int conclude(void) {
  settle();
  current = NULL;
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
