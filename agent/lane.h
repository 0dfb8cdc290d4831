/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's side of one worker: a bounded queue in order of arrival, a window of requests handed to the worker, and
 * what becomes of them when it dies.  A call that the page shows as executing at that moment fails with LANE_DIED;
 * the others are handed to the next worker once more, but never a create or a destroy (the journal decides those).
 * The loop's thread only. */
#ifndef AGENT_LANE_H
#define AGENT_LANE_H

#include "agent/loop.h"
#include "base/ipc.h"
#include "crypto/worker.h"

enum {
	LANE_WINDOW = 64, /* calls handed to the worker at once: hides the wake-ups, keeps the queue ours */
	LANE_NAME_MAX = 63,
	LANE_REASON_MAX = 159,
	LANES_MAX = 64, /* that one agent ever has: those of providers that were taken out stay */
};

/* One call of a worker.  Owned by the caller until `done` runs; then what it borrowed is free again. */
struct lane_call {
	struct lane_call *previous, *next; /* of the queue or the window */
	uint64_t id;
	enum worker_type type;
	struct worker_request request;
	struct bytes part[2]; /* parts 1 and 2 of the message; borrowed until done */
	uint64_t deadline_us; /* monotonic; the worker does not start a call that is beyond it */
	uint64_t handed_us;   /* to the worker; 0 while queued */
	bool repeatable;      /* may be handed to a second worker if the first died before it */
	bool repeated;
	/* status, native code and parts of the answer (borrowed for the call; all empty on failure) */
	void (*done)(struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS]);
};

enum lane_state { LANE_DOWN = 0, LANE_STARTING, LANE_RECOVERING, LANE_UP };

struct lane {
	struct loop *loop;	      /* borrowed */
	char name[LANE_NAME_MAX + 1]; /* provider instance */
	uint8_t provider_kind;	      /* Parsec's provider id */
	enum lane_state state;
	bool is_given_up;		  /* keyreeved said so since the last worker came */
	char reason[LANE_REASON_MAX + 1]; /* why it is down: for the log and `keyreeve info` */
	struct worker_info info;	  /* of the last HELLO */
	struct ipc *ipc;		  /* owned; NULL while there is no worker */
	struct watch watch;
	const struct worker_page *page; /* mapped; NULL while there is no worker */
	struct lane_call *queue_head, *queue_tail;
	size_t queue_count, queue_max;
	struct lane_call *window_head, *window_tail;
	size_t window_count;
	uint64_t next_id;
	struct buf state_kept; /* the worker's own state, from the store: owned */
	bool awaits_state;     /* it is being read: the worker is greeted after lane_state_came() */
	bool is_configured;
	bool winds_up; /* see lane_wind_up() */
	uint8_t tag[WORKER_TAG_BYTES];
	/* The worker said hello: make new_state durable if it is not empty, recover, then call lane_open(). */
	void (*hello)(struct lane *lane, struct bytes new_state);
	void (*kill)(struct lane *lane, const char *why); /* have the worker ended */
	void *context;
};

void lane_init(struct lane *lane, struct loop *loop, const char *name, uint8_t provider_kind, size_t queue_max);
void lane_done(struct lane *lane);
/* The one of that name, or NULL. */
struct lane *lane_find(struct lane *lanes, size_t count, struct bytes name);

/* A (re)started worker's socket and page; both are taken over, also on failure. */
struct status lane_connect(struct lane *lane, int fd, int page_fd);
/* A worker is about to be started, for the first time or again: calls wait for it. */
void lane_expect(struct lane *lane);
/* keyreeved gave it up: everything queued fails with LANE_DOWN. */
void lane_give_up(struct lane *lane, const char *reason);
/* The worker ends when it has answered what it has got.  Is the provider still configured, then what is queued waits
 * for the next worker; if not, the worker gets that, too, and the lane is given up. */
void lane_wind_up(struct lane *lane);
/* What the store has of the worker; a copy is made. */
void lane_state_came(struct lane *lane, struct bytes state);
/* Recovery is over: queued calls go. */
void lane_open(struct lane *lane);

/* Queue a call.  `done` runs later, never within; or the failure is returned and `done` does not run.
 * Calls wait while the worker starts or recovers.  Fails: LANE_DOWN, QUEUE_FULL. */
struct status lane_submit(struct lane *lane, struct lane_call *call);
/* Past the queue, while the lane recovers. */
struct status lane_submit_recovery(struct lane *lane, struct lane_call *call);
/* Take a call back that the worker has not got; false if it has. */
bool lane_recall(struct lane *lane, struct lane_call *call);
/* Does the worker execute it at this moment? */
bool lane_is_executing(const struct lane *lane, const struct lane_call *call);
/* Hand over what was queued in this turn of the loop. */
void lane_turn(struct lane *lane);

#endif
