/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/ops.h"
#include "agent/owner.h"
#include "base/log.h"

enum { ID_MAX = KEYSTORE_FACT_ID_MAX, VALUE_MAX = ACCOUNT_LOOK_MAX + 16 };

/* ---- locking ------------------------------------------------------------------------------------ */

/* One lock on its way into the store. */
struct lock_job {
	struct durable_job job;
	struct fact_change change;
	struct buf id, value;
	struct agent *agent;
};

static void lock_done(struct post *post)
{
	struct lock_job *lock = (struct lock_job *)((char *)post - offsetof(struct lock_job, job.post));

	if (lock->job.result != STATUS_OK)
		lock->agent->locks_owed = true; /* all again, in the next second */
	buf_done(&lock->id);
	buf_done(&lock->value);
	free(lock);
}

static void lock_store(struct agent *agent, const struct keyindex_space *space, const struct holder *holder)
{
	struct lock_job *lock = calloc(1, sizeof(*lock));

	if (lock == NULL) {
		agent->locks_owed = true;
		return;
	}
	*lock = (struct lock_job){ .agent = agent, .id = buf_make(ID_MAX), .value = buf_make(VALUE_MAX) };
	holder_id_put(&lock->id, space, holder->uid);
	holder_value_put(&lock->value, true, holder->look);
	lock->change.fact =
		(struct fact){ .kind = FACT_ACCOUNT, .id = buf_bytes(&lock->id), .value = buf_bytes(&lock->value) };
	lock->job.kind = DURABLE_FACTS;
	lock->job.changes = &lock->change;
	lock->job.change_count = 1;
	lock->job.post.done = lock_done;
	durable_submit(agent->durable, &lock->job);
}

static void lock(struct agent *agent, struct keyindex_space *space, struct holder *holder)
{
	struct buf owner = buf_make(OWNER_TEXT_MAX + 1);

	holder->is_locked = true;
	agent->holds++;
	owner_put(&owner, &space->name);
	buf_put_u8(&owner, '\0');
	if (owner.bad)
		buf_clear(&owner);
	log_warning("uid %u is another account than the one whose keys it had: they are locked", (unsigned)holder->uid);
	audit_event(
		agent->events, "account-changed", (struct bytes){ 0 }, owner.len > 0 ? (char *)owner.data : NULL, 0);
	lock_store(agent, space, holder);
	buf_done(&owner);
}

static void resume_waiters(struct agent *agent);

void holder_table(struct agent *agent, struct account_table *table)
{
	struct keyindex_space *space;

	account_table_done(&agent->accounts);
	agent->accounts = *table;
	agent->has_accounts = true;
	for (space = keyindex_spaces(agent->index); space != NULL; space = space->all_next)
		for (struct holder *holder = space->holder; holder != NULL; holder = holder->next) {
			struct bytes look = account_look(&agent->accounts, holder->uid);

			/* A uid that no tenant names any more is not looked at, and cannot ask. */
			if (!holder->is_locked && look.len > 0 && !bytes_equal(look, holder->look))
				lock(agent, space, holder);
		}
	resume_waiters(agent);
}

void holder_second(struct agent *agent)
{
	struct keyindex_space *space = keyindex_spaces(agent->index);

	if (!agent->locks_owed)
		return;
	agent->locks_owed = false;
	for (; space != NULL; space = space->all_next)
		for (struct holder *holder = space->holder; holder != NULL; holder = holder->next)
			if (holder->is_locked)
				lock_store(agent, space, holder);
}

/* ---- asking ------------------------------------------------------------------------------------- */

static bool is_fresh(const struct agent *agent)
{
	struct account_stamp now = account_stamp(ACCOUNT_FILE);

	return agent->has_accounts && account_stamp_equal(&now, &agent->accounts.stamp);
}

void holder_await(struct agent *agent, struct request *rq)
{
	if (rq->caller.who.authenticator != AUTHENTICATOR_UNIX_PEER || rq->op->who != WHO_TENANT || is_fresh(agent))
		return;
	rq->waits = true;
	rq->pending++;
	rq->next_waiter = agent->account_waiters;
	agent->account_waiters = rq;
}

static void resume_waiters(struct agent *agent)
{
	struct request *rq = agent->account_waiters;

	agent->account_waiters = NULL;
	while (rq != NULL) {
		struct request *next = rq->next_waiter; /* it may wait again, or end */

		if (request_came_back(rq))
			request_settled(rq);
		else
			request_resume(rq);
		rq = next;
	}
}

struct status holder_check(const struct agent *agent, const struct keyindex_space *space, uint32_t uid)
{
	if (space == NULL)
		return OK;
	ENSURE(!holder_is_locked(space), UID_CHANGED);
	ENSURE(holder_find(space, uid) == NULL || account_look(&agent->accounts, uid).len > 0, UID_CHANGED);
	return OK;
}
