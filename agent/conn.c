/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "wire/frame.h"

static void conn_ready(struct watch *watch, uint32_t events);
static void conn_expired(struct deadline *deadline);
static void conn_read(struct conn *conn);
static void conn_close(struct conn *conn);

static struct conn *conn_of_watch(struct watch *watch)
{
	return (struct conn *)((char *)watch - offsetof(struct conn, watch));
}

static struct conn *conn_of_deadline(struct deadline *deadline)
{
	return (struct conn *)((char *)deadline - offsetof(struct conn, deadline));
}

/* Watched from the first time that something has to be waited for; most connections of one request never are before
 * their answer is out. */
static void conn_watch(struct conn *conn, uint32_t events)
{
	if (conn->watch.added) {
		watch_events(&conn->agent->loop, &conn->watch, events);
		return;
	}
	conn->watch.events = events;
	if (watch_add(&conn->agent->loop, &conn->watch).code != STATUS_OK)
		conn_close(conn);
}

/* ---- closing ------------------------------------------------------------------------------------ */

static void uncharge(struct conn *conn)
{
	conn->agent->unknown_bytes -= conn->charged;
	conn->charged = 0;
}

static void conn_close(struct conn *conn)
{
	struct agent *agent = conn->agent;

	if (conn->state == CONN_CLOSED)
		return;
	deadline_disarm(&agent->loop, &conn->deadline);
	conn->watch.added = false;
	(void)close(conn->watch.fd); /* its only descriptor: the epoll set forgets it, too */
	principal_done(&conn->peer);
	uncharge(conn);
	share_leave(agent->shares, &conn->seat);
	agent->conn_count--;
	conn->state = CONN_CLOSED;
	conn_release(conn);
	if (agent->accept_paused && agent->is_open)
		accept_resume(agent);
}

void conn_release(struct conn *conn)
{
	if (conn->state != CONN_CLOSED || conn->is_posted || conn->is_buried || request_is_active(&conn->request))
		return;
	conn->is_buried = true;
	conn->next_dead = conn->agent->dead_conns;
	conn->agent->dead_conns = conn;
}

void conn_bury(struct agent *agent)
{
	while (agent->dead_conns != NULL) {
		struct conn *conn = agent->dead_conns;

		agent->dead_conns = conn->next_dead;
		conn->listener->conn_count--;
		buf_done(&conn->in);
		buf_done(&conn->out);
		free(conn);
	}
}

/* ---- writing ------------------------------------------------------------------------------------ */

static bool has_unread(const struct conn *conn)
{
	uint8_t byte;

	return recv(conn->watch.fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0;
}

/* No more from us; what the peer still sends is read and forgotten, since closing a socket with unread input turns the
 * answer's end of file into a reset.  Most have sent nothing more: they are closed at once. */
static void conn_drain(struct conn *conn)
{
	conn->state = CONN_DRAIN;
	share_quiet(&conn->seat);
	if (conn->peer_gone || !has_unread(conn) || shutdown(conn->watch.fd, SHUT_WR) < 0) {
		conn_close(conn);
		return;
	}
	deadline_arm(&conn->agent->loop, &conn->deadline, DEADLINE_DRAIN);
	conn_watch(conn, EPOLLIN);
}

static void drain_some(struct conn *conn)
{
	uint8_t waste[16 * 1024];

	for (;;) {
		ssize_t n = recv(conn->watch.fd, waste, sizeof(waste), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0)
			conn->drained += (size_t)n;
		if (n <= 0 || conn->drained > CONN_DRAIN_MAX) {
			conn_close(conn);
			return;
		}
	}
}

/* The frame is out: the next request of a kept connection, or the end. */
static void conn_written(struct conn *conn)
{
	if (!conn->keep || conn->agent->stopping || conn->listener->is_closed) {
		conn_drain(conn);
		return;
	}
	conn->state = CONN_READ;
	share_quiet(&conn->seat);
	buf_drop(&conn->out, conn->out.len);
	conn->out_at = 0;
	conn->first_byte_us = 0;
	deadline_arm(&conn->agent->loop, &conn->deadline, DEADLINE_IDLE);
	conn_watch(conn, EPOLLIN);
	if (conn->in.len > 0)
		conn_read(conn); /* pipelined; unless it is what called us */
}

static void conn_write(struct conn *conn)
{
	while (conn->out_at < conn->out.len) {
		ssize_t n = send(conn->watch.fd, conn->out.data + conn->out_at, conn->out.len - conn->out_at,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			conn_watch(conn, EPOLLOUT);
			return;
		}
		if (n < 0) {
			conn_close(conn);
			return;
		}
		conn->out_at += (size_t)n;
	}
	conn_written(conn);
}

void conn_answer(struct conn *conn, struct bytes frame, bool keep)
{
	if (conn->state == CONN_CLOSED) {
		conn_release(conn);
		return;
	}
	buf_clear(&conn->out);
	conn->out_at = 0;
	buf_put(&conn->out, frame);
	conn->keep = keep;
	if (conn->out.bad) { /* no memory for the answer: closing says more than half a frame */
		conn_close(conn);
		return;
	}
	conn->state = CONN_WRITE;
	deadline_arm(&conn->agent->loop, &conn->deadline, DEADLINE_ARRIVE);
	conn_write(conn);
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* Stage A: a frame that cannot be served is answered with the default header, and the connection ends. */
static void conn_turn_away(struct conn *conn, struct status st)
{
	struct buf frame = buf_make(FRAME_HEADER_BYTES);
	struct fault fault;

	fault_take(&fault);
	audit_count(conn->agent->audit, conn->peer.uid, NULL, st.code, NULL);
	frame_response_put(&frame, NULL, status_wire(st.code), (struct bytes){ 0 });
	conn_answer(conn, buf_bytes(&frame), false);
	buf_done(&frame);
}

/* The same, and whose fault it was pays for it. */
static void conn_refuse(struct conn *conn, struct status st)
{
	agent_failed(conn->agent, &conn->peer, st.code);
	conn_turn_away(conn, st);
}

/* Bytes of a peer that has not shown who it is come out of one budget for all. */
static struct status charge(struct conn *conn, size_t need)
{
	size_t more = need > CONN_FIRST_BYTES ? need - conn->charged : 0;

	if (more == 0)
		return OK;
	ENSURE(conn->agent->unknown_bytes + more <= CONN_UNKNOWN_MAX, QUEUE_FULL);
	conn->agent->unknown_bytes += more;
	conn->charged += more;
	return OK;
}

static void conn_serve(struct conn *conn, size_t frame_len)
{
	conn->state = CONN_BUSY;
	share_busy(&conn->seat);
	conn->requests++;
	deadline_disarm(&conn->agent->loop, &conn->deadline);
	request_start(&conn->request, conn, bytes_of(conn->in.data, frame_len), conn->first_byte_us);
}

/* The request is over: its bytes leave the buffer, and a large buffer goes with them. */
void conn_request_done(struct conn *conn, size_t frame_len)
{
	uncharge(conn);
	buf_drop(&conn->in, frame_len);
	if (conn->in.room > 4 * CONN_FIRST_BYTES && conn->in.len == 0)
		buf_done(&conn->in);
}

/* One read; false when there is nothing (more) to read now. */
static bool read_some(struct conn *conn, size_t need)
{
	size_t want = need > CONN_FIRST_BYTES ? need - conn->in.len : CONN_FIRST_BYTES - conn->in.len;
	uint8_t *to = buf_reserve(&conn->in, want);
	ssize_t n;

	if (to == NULL) {
		conn_refuse(conn, FAIL(NO_MEMORY));
		return false;
	}
	do
		n = recv(conn->watch.fd, to, want, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		/* The end in the middle of a frame: an attempt at an answer; between frames: the end. */
		conn->keep = false;
		if (n == 0 && conn->in.len > 0) {
			conn_refuse(conn, FAIL(FRAME_SHORT));
			return false;
		}
		if (n == 0 && conn->requests == 0 && penalty_knock(conn->agent->penalties, &conn->peer))
			agent_failed(conn->agent, &conn->peer, STATUS_FRAME_SHORT);
		conn_close(conn);
		return false;
	}
	if (conn->in.len == 0) {
		conn->first_byte_us = conn->agent->loop.now_us;
		if (conn->requests > 0) /* those of the first one began with the connection */
			deadline_arm(&conn->agent->loop, &conn->deadline, DEADLINE_ARRIVE);
	}
	buf_grew(&conn->in, (size_t)n);
	return true;
}

/* One step towards a complete frame; false when there is nothing (more) to do now. */
static bool read_step(struct conn *conn)
{
	size_t need = FRAME_HEADER_BYTES;
	struct status st = OK;

	if (conn->in.len > 0 && conn->first_byte_us == 0) { /* a pipelined frame: its time begins now */
		conn->first_byte_us = conn->agent->loop.now_us;
		deadline_arm(&conn->agent->loop, &conn->deadline, DEADLINE_ARRIVE);
	}
	if (conn->in.len > 0)
		st = frame_length(buf_bytes(&conn->in), &need);
	if (st.code == STATUS_OK)
		st = charge(conn, need);
	if (st.code != STATUS_OK) {
		conn_refuse(conn, st);
		return false;
	}
	if (conn->in.len < need)
		return read_some(conn, need);
	conn_serve(conn, need);
	return true;
}

/* Requests that are answered at once come back here through conn_written(): a loop, not a recursion, and after
 * CONN_TURN_MAX of them the other connections have their turn.  With no bytes left the next event tells of more. */
static void conn_read(struct conn *conn)
{
	unsigned steps = 0;

	if (conn->is_reading)
		return;
	conn->is_reading = true;
	while (conn->state == CONN_READ && steps++ < CONN_TURN_MAX)
		if (!read_step(conn) || conn->in.len == 0)
			break;
	conn->is_reading = false;
	if (conn->state == CONN_READ && steps > CONN_TURN_MAX && !conn->is_posted) {
		conn->is_posted = true;
		post_push(&conn->agent->loop, &conn->again);
	}
}

static void conn_again(struct post *post)
{
	struct conn *conn = (struct conn *)((char *)post - offsetof(struct conn, again));

	conn->is_posted = false;
	conn_read(conn);
	conn_release(conn);
}

/* ---- events ------------------------------------------------------------------------------------- */

static void conn_ready(struct watch *watch, uint32_t events)
{
	struct conn *conn = conn_of_watch(watch);

	switch (conn->state) {
	case CONN_READ:
		conn_read(conn);
		return;
	case CONN_BUSY:
		/* More bytes wait until the answer is out; a peer that is gone needs no watching. */
		if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
			conn->peer_gone = true;
			watch_remove(&conn->agent->loop, watch);
		} else {
			watch_events(&conn->agent->loop, watch, 0);
		}
		return;
	case CONN_WRITE:
		conn_write(conn);
		return;
	case CONN_DRAIN:
		drain_some(conn);
		return;
	case CONN_CLOSED:
		return;
	}
}

static void conn_expired(struct deadline *deadline)
{
	struct conn *conn = conn_of_deadline(deadline);

	if (conn->state == CONN_READ)
		conn_read(conn); /* what came in time, and was not looked at for want of a turn */
	if (conn->state == CONN_CLOSED || conn->state == CONN_BUSY || deadline->armed)
		return;
	if (conn->state == CONN_READ && conn->first_byte_us == 0 && conn->requests == 0)
		conn_refuse(conn, FAIL(FRAME_TIMEOUT)); /* silent since it connected */
	else if (conn->state == CONN_READ && conn->in.len > 0)
		conn_refuse(conn, FAIL(FRAME_TIMEOUT));
	else
		conn_close(conn);
}

struct status conn_new(struct listener *listener, int fd, const struct principal *peer, share_take_fn *take)
{
	struct agent *agent = listener->agent;
	struct conn *conn = calloc(1, sizeof(*conn));
	struct share_seat *leaves = NULL;
	struct status st;

	ENSURE(conn != NULL, NO_MEMORY);
	conn->peer = *peer;
	st = take(agent->shares, peer, &conn->seat, &leaves);
	if (st.code == STATUS_OK)
		st = principal_complete(fd, &agent->facts, &conn->peer);
	if (st.code != STATUS_OK) {
		share_leave(agent->shares, &conn->seat);
		free(conn);
		return st;
	}
	if (leaves != NULL)
		conn_leave(leaves);
	conn->state = CONN_READ;
	conn->agent = agent;
	conn->listener = listener;
	listener->conn_count++;
	conn->id = ++agent->conn_ids;
	conn->in = buf_make(FRAME_HEADER_BYTES + FRAME_BODY_MAX + UINT16_MAX + CONN_FIRST_BYTES);
	conn->out = buf_make(FRAME_HEADER_BYTES + FRAME_ANSWER_MAX);
	conn->watch = (struct watch){ .fd = fd, .events = EPOLLIN, .is_stranger = true, .ready = conn_ready };
	conn->deadline.expired = conn_expired;
	conn->again.done = conn_again;
	agent->conn_count++;
	/* The two seconds of the first request begin with the connection: silence costs as little as slowness. */
	deadline_arm(&agent->loop, &conn->deadline, DEADLINE_ARRIVE);
	conn_read(conn);
	if (conn->state == CONN_READ)
		conn_watch(conn, EPOLLIN);
	return OK;
}

void conn_leave(struct share_seat *seat)
{
	struct conn *conn = (struct conn *)((char *)seat - offsetof(struct conn, seat));

	if (conn->state == CONN_READ && (conn->deadline.kind == DEADLINE_ARRIVE || conn->in.len > 0))
		conn_turn_away(conn, FAIL(FRAME_TIMEOUT)); /* no failure: it may have had less than its time */
	conn_close(conn);
}

void conn_known(struct conn *conn)
{
	if (!conn->watch.is_stranger)
		return;
	watch_remove(&conn->agent->loop, &conn->watch);
	conn->watch.is_stranger = false; /* and so it is watched from now on */
}

void conn_close_idle(struct agent *agent, const struct listener *listener)
{
	struct deadline *next;

	for (struct deadline *at = deadline_first(&agent->loop, DEADLINE_IDLE); at != NULL; at = next) {
		struct conn *conn = conn_of_deadline(at);

		next = at->next;
		if (conn->listener == listener)
			conn_close(conn);
	}
}
