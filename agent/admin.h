/* SPDX-License-Identifier: Apache-2.0
 *
 * How an administrator's act goes: its line ("admin-act": who, what, about whom) is on disk before anything happens;
 * then it is done and made durable; then the request has its own line and its answer.  So the log knows of an act
 * that a crash cut short.  An operation that only shows something needs none of this.  The loop's thread only.
 *
 * What takes something away is in force before it is durable, and is taken back if it cannot be; what gives something
 * is durable first. */
#ifndef AGENT_ADMIN_H
#define AGENT_ADMIN_H

#include "agent/owner.h"
#include "agent/request.h"

enum {
	ADMIN_CHANGES_MAX = 32, /* facts of one act */
	ADMIN_SPACES_MAX = 16,	/* namespaces of one owner: it was in as many tenants */
};

/* What an act needs until it is durable. */
struct admin_work {
	struct fact_change changes[ADMIN_CHANGES_MAX];
	struct buf bytes[2 * ADMIN_CHANGES_MAX]; /* id and value of each */
	size_t change_count;
	struct keyindex_space *spaces[ADMIN_SPACES_MAX]; /* borrowed; they stay */
	size_t space_count;
	/* links and floors, of each space */
	struct keyindex_space *from;
	uint8_t floor[ADMIN_SPACES_MAX], floor_was[ADMIN_SPACES_MAX]; /* 0: it stays */
	bool was_linked[ADMIN_SPACES_MAX];
	void (*done)(struct agent *agent, struct request *rq, struct status st);
};
void admin_work_free(struct admin_work *work);

/* From an operation's begin, which has set rq->admin.target: write the line, then run `act` on the loop, once, unless
 * the line could not be written or the deadline passed (then nothing happens).  `act` ends the request with
 * admin_end(), at once or when it comes back. */
void admin_announce(struct request *rq, void (*act)(struct agent *agent, struct request *rq));

/* rq->admin.work, made when it is not there.  Fails: NO_MEMORY. */
struct status admin_work(struct request *rq);
/* One more fact to bring in, or out (value is ignored); copies.  Fails: LIMIT, NO_MEMORY. */
struct status admin_fact(struct request *rq, enum fact_kind kind, struct bytes id, struct bytes value, bool is_out);
/* Make them durable, all or none, then run `done`, which ends the request with admin_end(). */
void admin_facts_submit(struct request *rq, void (*done)(struct agent *agent, struct request *rq, struct status st));
/* The act is over.  Its answer and line follow, unless the deadline has answered already. */
void admin_end(struct agent *agent, struct request *rq, struct status st);

/* The namespaces of an owner that have keys or had them, into work.  Fails: LIMIT, NO_MEMORY. */
struct status admin_spaces(struct agent *agent, struct request *rq, const struct owner *owner);

#endif
