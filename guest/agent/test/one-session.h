/* One session of the agent and its host in one process: the test decides when the agent has a turn. */
#ifndef SMOLVM_ONE_SESSION_H
#define SMOLVM_ONE_SESSION_H

#include "client.h"
#include "session.h"

extern struct session session;
extern struct client host;
/* What came for the last request. */
extern struct run run;

/* The fields of its STARTED and its RESULT, those of the later frame winning. */
struct told {
  bool started;
  uint64_t numbers[64]; /* by tag */
  bool has[64];
  char target[4096];
};
extern struct told told;

void session_begin(void);
/* The host goes away. False: something of the session is left. */
bool session_finish(void);

/* A REQUEST of the fields put since the last one. */
void put_field_text(uint16_t tag, const char *text);
void put_field_u32(uint16_t tag, uint32_t value);
void put_field_u64(uint16_t tag, uint64_t value);
/* Its id. */
uint32_t request_send(uint32_t method);
/* For a request that the test opens itself: its id. It becomes the last one. */
uint32_t request_begin(void);
/* For the last request. */
void data_send(const void *bytes, size_t size);
void end_send(void);
void cancel_send(void);
void credit_send(uint32_t more);

/* One round of what the loop does, and what came of it. */
void turn(int wait_ms);
/* Turns until the RESULT, giving credit back; or for five seconds. */
void finish(void);
/* True: the RESULT is there, after no more than this one turn. */
bool finished_in_one_turn(void);

#endif
