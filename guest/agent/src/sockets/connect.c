#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "socket-request.h"

static void answer_connection(struct session *session, uint32_t id, const struct tcp_address *address, int error) {
  struct outcome outcome = {.status = STATUS_OK};
  char text[TCP_ADDRESS_TEXT];
  if (error != 0) {
    tcp_address_print(address, text);
    fail(&outcome, STATUS_SYSTEM, error, "%s: %s", text, strerror(error));
  }
  answer_outcome(session, id, &outcome);
}

static enum turn conclude(struct session *session, const struct request *request, int error) {
  answer_connection(session, request->id, &request->connection.address, error);
  return TURN_ENDED;
}

/* What listens on IPv6 alone is reached, too. False: it does not listen there either; the first refusal stands. */
static bool try_alternative(struct request *request) {
  struct connection *connection = &request->connection;
  struct tcp_address address;
  if (!connection->has_alternative || errno != ECONNREFUSED) return false;
  connection->has_alternative = false;
  tcp_address_parse(&address, "::1", tcp_address_port(&connection->address));
  int fd = tcp_connect(&address);
  if (fd < 0) {
    errno = ECONNREFUSED;
    return false;
  }
  close(request->input.fd);
  request->input.fd = fd;
  request->input.watched = false;
  return true;
}

/* Each stream has a descriptor of its own, so that epoll tells the two apart. */
static bool establish(struct session *session, struct request *request) {
  int output = fcntl(request->input.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (output < 0) return false;
  request_output(session, request, STREAM_OUTPUT, output, request->connection.window);
  request->input.writable = true;
  request->connection.is_established = true;
  answer_started(session, request->id);
  return true;
}

static enum turn connecting_turn(struct session *session, struct request *request) {
  struct input *input = &request->input;
  for (;;) {
    switch (tcp_progress(input->fd)) {
      case TCP_CONNECTED:
        return establish(session, request) ? TURN_MORE : conclude(session, request, errno);
      case TCP_CONNECTING:
        if (!input->watched) {
          input->watched = loop_add(input->fd, READY_WRITE, request_watch(session, request, WATCH_INPUT, 0)) == 0;
        }
        input->writable = false;
        return TURN_IDLE;
      case TCP_FAILED:
        if (!try_alternative(request)) return conclude(session, request, errno);
    }
  }
}

static enum turn connect_turn(struct session *session, struct request *request) {
  struct connection *connection = &request->connection;
  struct output *output = &request->outputs[0];
  if (!connection->is_established) return connecting_turn(session, request);
  bool more = request_pump(session, request);
  int error = output->error != 0 ? output->error : request->input.error;
  if (error != 0) return conclude(session, request, error);
  if (output_is_done(output) && !connection->has_ended_output) {
    connection->has_ended_output = true;
    answer_end(session, request->id, STREAM_OUTPUT);
  }
  if (output_is_done(output) && input_is_done(&request->input)) return conclude(session, request, 0);
  return more ? TURN_MORE : TURN_IDLE;
}

static bool connect_end_input(struct session *session, struct request *request) {
  (void)session;
  shutdown(request->input.fd, SHUT_WR);
  return true;
}

/* A connection that both sides ended has no descriptor any more. Of any other the server hears that it broke. */
static void connect_release(struct session *session, struct request *request, bool answered) {
  (void)session;
  (void)answered;
  if (request->input.fd >= 0) tcp_reset_on_close(request->input.fd);
  if (request->outputs[0].fd >= 0) tcp_reset_on_close(request->outputs[0].fd);
}

static const struct request_kind connect_kind = {
    .turn = connect_turn,
    .end_input = connect_end_input,
    .release = connect_release,
};

void connect_request(struct session *session, uint32_t id, const struct socket_request *socket) {
  int fd = tcp_connect(&socket->address);
  if (fd < 0) {
    answer_connection(session, id, &socket->address, errno);
    return;
  }
  struct request *request = request_open(session, id, &connect_kind);
  request->connection = (struct connection){
      .address = socket->address,
      .window = socket->window,
      .has_alternative = !socket->has_address,
  };
  /* The input has the socket from the start, so that what comes early waits for the connection. */
  request_input(request, fd);
  request->input.writable = false;
}
