/* Every bound of the agent's memory. All pools are static: BSS pages that are never touched cost nothing. */
#ifndef SMOLVM_BOUNDS_H
#define SMOLVM_BOUNDS_H

enum {
  MAX_PORTS = 9,
  /* Per session. A session keeps its open requests in one 64-bit set. */
  MAX_REQUESTS = 64,
  /* Input bytes that one request may have unread: the WINDOW of WELCOME. A power of two (see ring.h). */
  INPUT_WINDOW = 65536,
  /* Output of one session that the port has not taken yet. A power of two. */
  OUTPUT_RING = 131072,
  /* Part of the output ring that DATA may not use: a flood leaves room for STARTED, CREDIT, END and RESULT. */
  CONTROL_RESERVE = 16384,
  /* Largest answer to one input frame; no frame is handled while less than this is free. */
  MAX_CONTROL = 2048,
  /* Most bytes one stream reads in its turn, so that a flood delays others by one chunk. */
  CHUNK = 32768,
  MAX_MESSAGE = 512,
  /* Pipes that background processes hold after their request ended. */
  MAX_SINKS = 64,
  MAX_FDS = 4096,
};

#endif
