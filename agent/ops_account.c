/* SPDX-License-Identifier: Apache-2.0
 *
 * What an administrator does about a namespace whose account has changed: confirm that the account of today owns it, or
 * destroy what is in it. */
#include "agent/admin.h"
#include "agent/agent.h"
#include "agent/ops.h"
#include "base/own.h"
#include "wire/admin_pb.h"

struct status decode_admin_owner(struct request *rq)
{
	TRY(wire_admin_owner_decode(rq->body, &rq->arena, &rq->in.delete_client.client));
	rq->admin.target = rq->in.delete_client.client;
	return OK;
}

static struct status account_fact(
	struct request *rq, const struct keyindex_space *space, uint32_t uid, struct bytes look, bool is_out)
{
	AUTO(buf_done) struct buf id = buf_make(KEYSTORE_FACT_ID_MAX), value = buf_make(KEYSTORE_FACT_MAX);

	holder_id_put(&id, space, uid);
	holder_value_put(&value, false, look);
	TRY(buf_check(&id));
	TRY(buf_check(&value));
	return admin_fact(rq, FACT_ACCOUNT, buf_bytes(&id), buf_bytes(&value), is_out);
}

/* ---- confirm ------------------------------------------------------------------------------------ */

static void confirmed(struct agent *agent, struct request *rq, struct status st)
{
	struct admin_work *work = rq->admin.work;

	for (size_t i = 0; i < work->space_count && st.code == STATUS_OK; i++)
		for (struct holder *holder = work->spaces[i]->holder; holder != NULL && st.code == STATUS_OK;) {
			struct holder *next = holder->next;
			struct bytes look = account_look(&agent->accounts, holder->uid);

			if (look.len > 0)
				st = holder_set(work->spaces[i], holder->uid, false, look);
			holder = next;
		}
	admin_end(agent, rq, st);
}

/* The look that is confirmed is that of the table: a change that comes meanwhile locks again. */
static struct status confirm(struct agent *agent, struct request *rq)
{
	const struct owner owner = owner_parse(rq->in.delete_client.client, &rq->caller.who);

	TRY(admin_spaces(agent, rq, &owner));
	for (size_t i = 0; i < rq->admin.work->space_count; i++) {
		const struct keyindex_space *space = rq->admin.work->spaces[i];

		for (const struct holder *holder = space->holder; holder != NULL; holder = holder->next) {
			struct bytes look = account_look(&agent->accounts, holder->uid);

			if (look.len > 0)
				TRY(account_fact(rq, space, holder->uid, look, false));
		}
	}
	ENSURE(rq->admin.work->change_count > 0, OWNER_UNKNOWN);
	admin_facts_submit(rq, confirmed);
	return OK;
}

static void act_confirm(struct agent *agent, struct request *rq)
{
	struct status st = confirm(agent, rq);

	if (st.code != STATUS_OK)
		admin_end(agent, rq, st);
}

struct status begin_admin_confirm(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, act_confirm);
	return OK;
}

/* ---- purge -------------------------------------------------------------------------------------- */

static void forgotten(struct agent *agent, struct request *rq, struct status st)
{
	for (size_t i = 0; i < rq->admin.work->space_count && st.code == STATUS_OK; i++)
		holder_done(rq->admin.work->spaces[i]);
	admin_end(agent, rq, st);
}

/* The keys are gone: whoever has the uid now begins anew. */
static struct status forget(struct agent *agent, struct request *rq)
{
	const struct owner owner = owner_parse(rq->in.delete_client.client, &rq->caller.who);

	TRY(admin_spaces(agent, rq, &owner));
	for (size_t i = 0; i < rq->admin.work->space_count; i++) {
		const struct keyindex_space *space = rq->admin.work->spaces[i];

		for (const struct holder *holder = space->holder; holder != NULL; holder = holder->next)
			TRY(account_fact(rq, space, holder->uid, holder->look, true));
	}
	if (rq->admin.work->change_count > 0)
		admin_facts_submit(rq, forgotten);
	else
		admin_end(agent, rq, OK);
	return OK;
}

static void keys_gone(struct agent *agent, struct request *rq)
{
	struct status st = forget(agent, rq);

	if (st.code != STATUS_OK)
		admin_end(agent, rq, st);
}

static void act_purge(struct agent *agent, struct request *rq)
{
	rq->admin.after = keys_gone;
	op_delete_client(agent, rq);
}

struct status begin_admin_purge(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, act_purge);
	return OK;
}
