#include "wait-port.h"

#include "answer.h"
#include "clock.h"
#include "listening.h"
#include "socket-request.h"

/*
 * The wait between two looks is an eighth of the time that passed, so that nobody waits an eighth longer than he must, and
 * a server that takes a minute costs little. Each look reads two files of procfs.
 */
enum { SHORTEST_US = 5000, LONGEST_US = 100000, SHARE = 8 };

static uint64_t pause_us(uint64_t waited_us) {
  uint64_t pause = waited_us / SHARE;
  if (pause < SHORTEST_US) return SHORTEST_US;
  return pause > LONGEST_US ? LONGEST_US : pause;
}

static enum turn wait_turn(struct session *session, struct request *request) {
  uint64_t now = monotonic_us();
  const struct port_wait *wait = &request->port_wait;
  /* Woken before its time, by a frame that means nothing to it. */
  if (request->wake_us != 0) return TURN_IDLE;
  if (is_listening(wait->port)) {
    answer_status(session, request->id, STATUS_OK, NULL);
    return TURN_ENDED;
  }
  request_wake_at(session, request, now + pause_us(now - wait->since_us));
  return TURN_IDLE;
}

static const struct request_kind wait_kind = {.turn = wait_turn};

void wait_port_request(struct session *session, uint32_t id, const struct socket_request *socket) {
  struct request *request = request_open(session, id, &wait_kind);
  request->port_wait = (struct port_wait){.port = tcp_address_port(&socket->address), .since_us = monotonic_us()};
}
