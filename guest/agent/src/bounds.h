/* Every bound of the agent's memory. All pools are static: BSS pages that are never touched cost nothing. */
#ifndef SMOLVM_BOUNDS_H
#define SMOLVM_BOUNDS_H

enum {
  MAX_PORTS = 9,
  /* Per session. A watch has one byte for it (see loop.h). */
  MAX_REQUESTS = 256,
  /*
   * Input bytes that a request may have unread: the WINDOW of WELCOME at first, and the larger one while it sends much and
   * has one of the places (see input.h). Powers of two, and whole pages.
   */
  FIRST_INPUT_WINDOW = 4096,
  INPUT_WINDOW = 65536,
  MAX_WIDE_INPUTS = 32,
  /* Output of one session that the port has not taken yet. A power of two. */
  OUTPUT_RING = 131072,
  /* Part of the output ring that DATA may not use: a flood leaves room for STARTED, CREDIT, END and RESULT. */
  CONTROL_RESERVE = 16384,
  /* Most bytes that one input frame, or one turn of a request, sends besides DATA; neither happens with less free. */
  MAX_CONTROL = 8192,
  /* Payload of a STARTED, RESULT or GOAWAY: the target of a symbolic link has up to 4,095 bytes. */
  MAX_ANSWER = 6144,
  /*
   * Most bytes one stream reads in its turn, so that a flood delays others by one chunk. With its frame's header it fills
   * one buffer of the port, which takes 32 KiB at a time: a byte more would cost another.
   */
  CHUNK = 32768 - 12,
  MAX_MESSAGE = 512,
  /* Pipes that background processes hold after their request ended, and those that were let go of. A watch has one byte. */
  MAX_SINKS = 256,
  MAX_DETACHED = 64,
  /* What is kept of each output of a detached process, mapped when it writes. */
  HISTORY = 262144,
  MAX_NAME = 64,
  MAX_LISTED_ARGUMENTS = 1024,
  /* Nine sessions whose requests all have three pipes, and more. */
  MAX_FDS = 16384,
};

#endif
