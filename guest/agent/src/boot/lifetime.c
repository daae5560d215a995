#include "lifetime.h"

#include "clock.h"

static uint64_t end_us;

void lifetime_set(uint64_t milliseconds) {
  uint64_t now = monotonic_us();
  /* What does not fit is over half a million years: for ever. */
  end_us = milliseconds == 0 || milliseconds > (UINT64_MAX - now) / 1000u ? 0 : now + milliseconds * 1000u;
}

uint64_t lifetime_end_us(void) { return end_us; }
