/* SPDX-License-Identifier: Apache-2.0
 *
 * Suspending and resuming: a tenant, or a key.  What is suspended answers 1133, whoever asks, until it is resumed;
 * restarts change nothing.  Repeating an act is no failure. */
#include "agent/admin.h"
#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"
#include "wire/admin_pb.h"

struct status decode_admin_hold(struct request *rq)
{
	struct wire_admin_hold *op = &rq->in.hold;

	TRY(wire_admin_hold_decode(rq->body, &rq->arena, op));
	ENSURE(op->tenant.len <= KEYSTORE_TENANT_MAX, BODY_FIELD);
	rq->admin.target = op->owner.len > 0 ? op->owner : op->tenant;
	rq->key_name = op->key;
	rq->has_key = op->owner.len > 0;
	return OK;
}

static struct status time_fact(struct request *rq, enum fact_kind kind, struct bytes id, bool is_out)
{
	uint8_t value[KEYFACT_TIME_BYTES];

	keyfact_time_put(value, clock_wall_us() / US_PER_S);
	return admin_fact(rq, kind, id, bytes_of(value, sizeof(value)), is_out);
}

/* ---- keys --------------------------------------------------------------------------------------- */

/* The key of that name in the i-th of the owner's namespaces; NULL: none, or it is being made or destroyed. */
static struct keyindex_entry *key_at(struct agent *agent, const struct request *rq, size_t i)
{
	struct keyindex_entry *entry = keyindex_find(agent->index, rq->admin.work->spaces[i], rq->key_name);

	return entry != NULL && entry->usable ? entry : NULL;
}

/* Facts of the owner's keys of that name.  Fails: KEY_ABSENT. */
static struct status key_facts(struct agent *agent, struct request *rq, bool is_out)
{
	const struct owner owner = owner_parse(rq->in.hold.owner, &rq->caller.who);

	TRY(admin_spaces(agent, rq, &owner));
	for (size_t i = 0; i < rq->admin.work->space_count; i++) {
		const struct keyindex_entry *entry = key_at(agent, rq, i);

		if (entry != NULL)
			TRY(time_fact(
				rq, FACT_KEY_SUSPENDED, bytes_of(entry->record->id.bytes, KEYSTORE_ID_BYTES), is_out));
	}
	ENSURE(rq->admin.work->change_count > 0, KEY_ABSENT);
	return OK;
}

static void keys_mark(struct agent *agent, struct request *rq, bool is_suspended)
{
	for (size_t i = 0; i < rq->admin.work->space_count; i++) {
		struct keyindex_entry *entry = key_at(agent, rq, i);

		if (entry != NULL)
			entry->is_suspended = is_suspended;
	}
	agent->holds += is_suspended;
}

static void key_suspended(struct agent *agent, struct request *rq, struct status st)
{
	if (st.code != STATUS_OK)
		keys_mark(agent, rq, false);
	admin_end(agent, rq, st);
}

static void key_resumed(struct agent *agent, struct request *rq, struct status st)
{
	if (st.code == STATUS_OK)
		keys_mark(agent, rq, false);
	admin_end(agent, rq, st);
}

/* ---- tenants ------------------------------------------------------------------------------------ */

static void tenant_suspended(struct agent *agent, struct request *rq, struct status st)
{
	if (st.code != STATUS_OK)
		suspend_remove(&agent->suspended, rq->in.hold.tenant);
	admin_end(agent, rq, st);
}

static void tenant_resumed(struct agent *agent, struct request *rq, struct status st)
{
	if (st.code == STATUS_OK)
		suspend_remove(&agent->suspended, rq->in.hold.tenant);
	admin_end(agent, rq, st);
}

/* ---- the acts ----------------------------------------------------------------------------------- */

static struct status suspend(struct agent *agent, struct request *rq)
{
	if (rq->has_key) {
		TRY(key_facts(agent, rq, false));
		keys_mark(agent, rq, true);
		admin_facts_submit(rq, key_suspended);
		return OK;
	}
	TRY(time_fact(rq, FACT_TENANT_SUSPENDED, rq->in.hold.tenant, false));
	TRY(suspend_add(&agent->suspended, rq->in.hold.tenant, clock_wall_us() / US_PER_S));
	agent->holds++;
	admin_facts_submit(rq, tenant_suspended);
	return OK;
}

static struct status resume(struct agent *agent, struct request *rq)
{
	if (rq->has_key)
		TRY(key_facts(agent, rq, true));
	else
		TRY(time_fact(rq, FACT_TENANT_SUSPENDED, rq->in.hold.tenant, true));
	admin_facts_submit(rq, rq->has_key ? key_resumed : tenant_resumed);
	return OK;
}

static void act_suspend(struct agent *agent, struct request *rq)
{
	struct status st = suspend(agent, rq);

	if (st.code != STATUS_OK)
		admin_end(agent, rq, st);
}

static void act_resume(struct agent *agent, struct request *rq)
{
	struct status st = resume(agent, rq);

	if (st.code != STATUS_OK)
		admin_end(agent, rq, st);
}

struct status begin_admin_suspend(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, act_suspend);
	return OK;
}

struct status begin_admin_resume(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, act_resume);
	return OK;
}
