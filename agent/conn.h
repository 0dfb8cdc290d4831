/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection: bytes in, one request at a time, bytes out.  A request has two seconds from its first byte to its
 * last, whatever the pace, the first one from the connection's beginning; after the answer the connection is shut down
 * for writing, drained briefly and closed, or kept where the request's header asked for it (flags bit 0).  Pipelined
 * requests are answered in their order. Wire reference sections 1 to 3.  The loop's thread only. */
#ifndef AGENT_CONN_H
#define AGENT_CONN_H

#include "agent/loop.h"
#include "agent/principal.h"
#include "agent/request.h"
#include "agent/share.h"

struct agent;
struct listener;

enum conn_state { CONN_READ, CONN_BUSY, CONN_WRITE, CONN_DRAIN, CONN_CLOSED };

enum {
	CONN_FIRST_BYTES = 4096,	     /* most requests fit: one read, no growth */
	CONN_UNKNOWN_MAX = 64 * 1024 * 1024, /* bytes held for peers before their request is complete */
	CONN_DRAIN_MAX = 2 * 1024 * 1024,    /* bytes read and forgotten after an answer */
	CONN_TURN_MAX = 64,		     /* steps of one connection before the others have their turn */
	CONN_ARRIVE_MS = 2000,
	CONN_IDLE_MS = 60000,
	CONN_DRAIN_MS = 1000,
};

struct conn {
	struct watch watch;
	struct deadline deadline;
	struct agent *agent;	   /* borrowed */
	struct listener *listener; /* counted there */
	struct conn *next_dead;
	uint64_t id;
	enum conn_state state;
	struct principal peer; /* as of accept; holds its pidfd as long as the connection */
	struct share_seat seat;
	struct buf in;	/* the frame being read, and what follows it */
	size_t charged; /* of CONN_UNKNOWN_MAX */
	struct buf out;
	size_t out_at;
	size_t drained;
	uint64_t first_byte_us;
	uint64_t requests; /* read so far */
	bool keep;	   /* after this answer */
	bool peer_gone;
	bool is_reading, is_posted, is_buried;
	struct post again;	/* its next turn, when it took a whole one */
	struct request request; /* the one being served */
};

/* A connection of the listener: its descriptor and what `peer` owns are taken over on success only.  take: share_take
 * or share_take_own.  Fails: QUEUE_FULL (as many as its principal may have), LIMIT, NO_MEMORY. */
struct status conn_new(struct listener *listener, int fd, const struct principal *peer, share_take_fn *take);
/* It makes room for another: refused, if it was in the middle of a frame, and closed. */
void conn_leave(struct share_seat *seat);
/* Whoever asks by it has shown who it is: no stranger's any more. */
void conn_known(struct conn *conn);
/* Those of the listener that are between two requests are closed. */
void conn_close_idle(struct agent *agent, const struct listener *listener);

/* The answer to conn->request: sends `frame`, a copy, then goes on as `keep` says. */
void conn_answer(struct conn *conn, struct bytes frame, bool keep);
/* The request's frame leaves the buffer. */
void conn_request_done(struct conn *conn, size_t frame_len);
/* Nothing of conn->request is under way any more: a connection that was only waiting for that is freed. */
void conn_release(struct conn *conn);
/* Free what was closed in this turn. */
void conn_bury(struct agent *agent);

#endif
