/* SPDX-License-Identifier: Apache-2.0
 *
 * The durability thread writes the key store and the audit log.  The loop submits jobs and gets each back through its
 * post; what waits while a batch is being made durable forms the next one (group commit).  Lines that need no disk
 * before their answer are written by the loop itself while the thread sleeps.
 *
 * Order inside a batch: one transaction for everything that changes the store, with the number that the job's line
 * will get; then all lines with one write; then, where a job asks for it, one fdatasync; then the answers.  So a
 * number found in the store is either in the log or owed by recovery (DESIGN sections 5 and 6). */
#ifndef AGENT_DURABLE_H
#define AGENT_DURABLE_H

#include <stdatomic.h>

#include "agent/audit.h"
#include "agent/loop.h"
#include "keystore/keystore.h"

enum durable_kind {
	DURABLE_LINE,	    /* only the line */
	DURABLE_INTENT,	    /* intent in; its id comes back in intent_id */
	DURABLE_CREATE,	    /* record in, intent numbered; undone if the line cannot be written */
	DURABLE_DESTROY,    /* record (by id) out, and facts about the key; intent numbered */
	DURABLE_FORGET,	    /* intent out */
	DURABLE_STATE,	    /* a worker's state under state_name */
	DURABLE_STATE_READ, /* and back */
	DURABLE_PARENT,	    /* a namespace's parent blob */
	DURABLE_FACTS,	    /* facts in or out; such a job has no line of its own */
};

/* Of a create: whoever comes first decides whether it is there, the thread or the loop's patience. */
enum durable_outcome { DURABLE_OPEN, DURABLE_DONE, DURABLE_GIVEN_UP };

struct fact_change {
	struct fact fact;
	bool is_out; /* deleted, if it is there */
};

/* Owned by the submitter, untouched by it until post.done runs on the loop, but for durable_give_up(). */
struct durable_job {
	struct post post;
	struct durable_job *next;
	enum durable_kind kind;
	bool sync;		   /* the line must be on disk before the answer */
	struct buf line;	   /* body of the line; empty: none */
	struct intent intent;	   /* INTENT */
	int64_t intent_id;	   /* CREATE, DESTROY, FORGET: in; INTENT: out; 0 none */
	struct key_record *record; /* CREATE: borrowed */
	struct keystore_id key;	   /* DESTROY */
	char state_name[KEYSTORE_PROVIDER_MAX + 16];
	struct bytes state;		       /* STATE: borrowed */
	struct buf *state_read;		       /* STATE_READ: borrowed; empty if the store has none */
	const struct namespace_record *parent; /* PARENT: borrowed */
	const struct fact_change *changes;     /* FACTS: borrowed; all or none */
	size_t change_count;
	enum status_code result; /* AUDIT_IO: the line is not there */
	int64_t native;
	uint64_t number;		       /* of the line */
	_Atomic(enum durable_outcome) outcome; /* CREATE */
};

struct durable;

/* Takes over store and log.  Fails: NO_MEMORY, IO. */
struct status durable_start(
	struct loop *loop, struct keystore *store, struct audit_log *log, struct durable **ret_durable);
/* Everything submitted is done, then the thread ends; store and log are closed. */
void durable_stop(struct durable *durable);

/* Queue for the next hand-over; the loop's thread. */
void durable_submit(struct durable *durable, struct durable_job *job);
/* Hand over what was queued in this turn of the loop.  may_write: lines that need no sync are written at once instead
 * where the thread has nothing to do, and their posts run before this returns; then it is true, and what they began
 * waits for another call. */
bool durable_turn(struct durable *durable, bool may_write);

/* The submitter of a CREATE has waited long enough and answers AUDIT_IO: true, and then the key is undone whenever the
 * disk lets the thread go on (its result is AUDIT_IO, and if its line was written, a line "undone" follows); false,
 * and its post is on the way. */
bool durable_give_up(struct durable_job *job);

/* May creates go on (READY), must they be refused (LOW), must every identified request be (FULL)? */
enum audit_space durable_space(const struct durable *durable);

#endif
