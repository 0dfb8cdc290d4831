/* SPDX-License-Identifier: Apache-2.0
 *
 * What the journal still owes: each intent row that was found at the start, or whose act ended in doubt, is finished
 * or undone, its line written, the row deleted (DESIGN section 5).  A create without record destroys every object
 * with its hardware id; a destroy goes forward.  One item at a time per provider, and only that provider waits.
 * The loop's thread only. */
#ifndef AGENT_RECOVER_H
#define AGENT_RECOVER_H

#include "agent/durable.h"
#include "agent/keyindex.h"
#include "agent/lane.h"

struct agent;
struct request;

enum recovery_step { RECOVERY_CLEAN = 0, RECOVERY_LINE, RECOVERY_FORGET };

/* One intent row. */
struct recovery_item {
	struct recovery_item *next;
	enum intent_op op;
	int64_t intent_id;
	struct keystore_id key;
	uint8_t hardware_id[KEYSTORE_HARDWARE_ID_BYTES];
	struct keyindex_entry *entry; /* the name that it keeps taken; NULL none */
	struct buf record;	      /* owned: the intent's, see intent_record_put() */
	bool has_row;		      /* the key's row may still be there */
	bool owes_line;		      /* its line is not in the log */
	bool is_done;		      /* a create that was complete: only line and row are left */
};

struct recovery {
	struct agent *agent; /* borrowed */
	struct lane *lane;   /* borrowed */
	struct recovery_item *head, **tail;
	struct recovery_item *now; /* under way */
	enum recovery_step step;
	struct lane_call call;
	struct durable_job job;
	bool waits_for_second; /* something failed: not again before the next second */
};

void recovery_init(struct recovery *recovery, struct agent *agent, struct lane *lane);
void recovery_done(struct recovery *recovery);

/* What recovery needs to know of a request, as kept in its intent row. */
void intent_record_put(struct buf *to, const struct request *rq);

/* The journal at the start, after the keys are in the index and before anything is written: lines that are owed get new
 * numbers, names of unfinished acts are taken.  The store is borrowed for the call.
 * Fails: NO_MEMORY, LIMIT, CRYPTO, RECORD_CORRUPT, STORE_IO, STORE_FULL. */
struct status recovery_load(struct agent *agent, struct keystore *store);
/* An act of this request ended in doubt: recovery takes over its intent and its name.  Without memory for that the row
 * waits for the next start. */
void recovery_take_over(struct request *rq, enum intent_op op, bool owes_line);
/* Go on, if there is something to go on with: the worker said hello, or an item came. */
void recovery_run(struct recovery *recovery);
/* Once a second: try again what failed. */
void recovery_second(struct recovery *recovery);

#endif
