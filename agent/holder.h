/* SPDX-License-Identifier: Apache-2.0
 *
 * Which account a namespace of a Unix peer belongs to: the look of its uid's account at the first key (FACT_ACCOUNT).
 * When the account looks otherwise, or is gone, the namespace is locked, also for those who are linked to it, until an
 * administrator confirms the account or purges the keys; looking right again does not open it.  The loop's thread only.
 */
#ifndef AGENT_HOLDER_H
#define AGENT_HOLDER_H

#include "agent/account.h"
#include "agent/keyindex.h"

struct agent;
struct request;

/* One account of a namespace. */
struct holder {
	struct holder *next;
	uint32_t uid;
	bool is_locked;
	struct bytes look; /* owned, behind it */
};

/* NULL: none is remembered for that uid. */
struct holder *holder_find(const struct keyindex_space *space, uint32_t uid);
/* In place of what is remembered for that uid.  Fails: NO_MEMORY. */
struct status holder_set(struct keyindex_space *space, uint32_t uid, bool is_locked, struct bytes look);
void holder_done(struct keyindex_space *space);
bool holder_is_locked(const struct keyindex_space *space);

/* FACT_ACCOUNT: id and value. */
void holder_id_put(struct buf *to, const struct keyindex_space *space, uint32_t uid);
void holder_value_put(struct buf *to, bool is_locked, struct bytes look);
struct status holder_load(struct keyindex *index, const struct fact *fact);

/* ---- holder_watch.c: in the agent ---------------------------------------------------------------- */

/* A table from keyreeved: every namespace whose account looks otherwise is locked, in memory at once, in the store as
 * soon as that can be, with a line of event "account-changed".  Takes the table over. */
void holder_table(struct agent *agent, struct account_table *table);
/* Locks that are not in the store yet. */
void holder_second(struct agent *agent);

/* Before a Unix peer's request about keys is looked at: when the file has changed, or no table came yet, it waits for
 * the one that is on its way (rq->waits), or for its deadline. */
void holder_await(struct agent *agent, struct request *rq);
/* May the peer have what is in its namespace?  Not when its account has changed, nor when nobody looks at it any more:
 * its tenant is just being removed.  Fails: UID_CHANGED. */
struct status holder_check(const struct agent *agent, const struct keyindex_space *space, uint32_t uid);

#endif
