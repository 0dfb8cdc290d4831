/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces as administrators see and join them: which there are, links, and how strong an authenticator each needs.
 */
#include <stdlib.h>

#include "agent/admin.h"
#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"
#include "base/own.h"
#include "wire/admin_pb.h"

/* ---- whose namespace ---------------------------------------------------------------------------- */

static bool uid_parse(struct bytes name, uint32_t *ret_uid)
{
	uint64_t uid = 0;

	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] < '0' || name.data[i] > '9' || (i == 0 && name.data[i] == '0' && name.len > 1))
			return false;
		uid = uid * 10 + (uint64_t)(name.data[i] - '0');
		if (uid >= UINT32_MAX)
			return false;
	}
	*ret_uid = (uint32_t)uid;
	return name.len > 0;
}

/* Where the owner's names live by the configuration in force.  Fails: TENANT_NONE, LIMIT, NO_MEMORY. */
static struct status space_now(
	struct agent *agent, const struct request *rq, const struct owner *owner, struct keyindex_space **ret_space)
{
	struct identity identity = {
		.authenticator = owner->authenticator, .name = owner->name, .issuer = owner->issuer
	};
	struct namespace_name name;
	struct tenant_match match;

	ENSURE(!owner->is_shared, TENANT_NONE);
	if (owner->authenticator == AUTHENTICATOR_UNIX_PEER)
		ENSURE(uid_parse(owner->name, &identity.uid), TENANT_NONE);
	TRY(tenant_named(rq->policy, &identity, &match));
	tenant_space(&match, &identity, &name);
	return keyindex_space_make(agent->index, &name, ret_space);
}

/* The one that a link begins at: the owner's now, else the only one that there ever was. */
static struct status space_from(
	struct agent *agent, struct request *rq, const struct owner *owner, struct keyindex_space **ret_space)
{
	if (space_now(agent, rq, owner, ret_space).code == STATUS_OK)
		return OK;
	TRY(admin_spaces(agent, rq, owner));
	ENSURE(rq->admin.work->space_count == 1, OWNER_UNKNOWN);
	*ret_space = rq->admin.work->spaces[0];
	rq->admin.work->space_count = 0;
	return OK;
}

/* Every one that the owner ever had, else the one that it would have now. */
static struct status spaces_of(struct agent *agent, struct request *rq, const struct owner *owner)
{
	TRY(admin_spaces(agent, rq, owner));
	if (rq->admin.work->space_count > 0)
		return OK;
	ENSURE(space_now(agent, rq, owner, &rq->admin.work->spaces[0]).code == STATUS_OK, OWNER_UNKNOWN);
	rq->admin.work->space_count = 1;
	return OK;
}

/* ---- strength ----------------------------------------------------------------------------------- */

static struct status floor_fact(struct request *rq, const struct keyindex_space *space, uint8_t authenticator)
{
	return admin_fact(rq, FACT_STRENGTH, space->encoded, bytes_of(&authenticator, 1), false);
}

/* What an act does to floors: those that rise are in force before they are durable. */
static void floors_before(struct agent *agent, struct request *rq)
{
	struct admin_work *work = rq->admin.work;

	for (size_t i = 0; i < work->space_count; i++) {
		work->floor_was[i] = work->spaces[i]->floor;
		if (work->floor[i] == 0 || strength_of(work->floor[i]) <= strength_of(strength_floor(work->spaces[i])))
			continue;
		work->spaces[i]->floor = work->floor[i];
		agent->holds++;
	}
}

static void floors_after(struct request *rq, bool is_done)
{
	struct admin_work *work = rq->admin.work;

	for (size_t i = 0; i < work->space_count; i++)
		if (work->floor[i] != 0)
			work->spaces[i]->floor = is_done ? work->floor[i] : work->floor_was[i];
}

struct status decode_admin_strength(struct request *rq)
{
	TRY(wire_admin_strength_decode(rq->body, &rq->arena, &rq->in.strength));
	rq->admin.target = rq->in.strength.owner;
	return OK;
}

static void strength_set(struct agent *agent, struct request *rq, struct status st)
{
	floors_after(rq, st.code == STATUS_OK);
	admin_end(agent, rq, st);
}

static struct status strength(struct agent *agent, struct request *rq)
{
	const struct owner owner = owner_parse(rq->in.strength.owner, &rq->caller.who);
	uint8_t authenticator = (uint8_t)rq->in.strength.authenticator;

	TRY(spaces_of(agent, rq, &owner));
	for (size_t i = 0; i < rq->admin.work->space_count; i++) {
		rq->admin.work->floor[i] = authenticator;
		TRY(floor_fact(rq, rq->admin.work->spaces[i], authenticator));
	}
	floors_before(agent, rq);
	admin_facts_submit(rq, strength_set);
	return OK;
}

/* ---- links -------------------------------------------------------------------------------------- */

/* "FROM sees TO"; views of the body, so it is put together. */
static struct status link_target(struct request *rq)
{
	buf_clear(&rq->intent_record);
	buf_put(&rq->intent_record, rq->in.link.from);
	buf_put_text(&rq->intent_record, rq->op->opcode == OPCODE_ADMIN_LINK ? " sees " : " sees no more ");
	buf_put(&rq->intent_record, rq->in.link.to);
	if (rq->in.link.weaker_too)
		buf_put_text(&rq->intent_record, ", the weaker one too");
	rq->admin.target = buf_bytes(&rq->intent_record);
	return buf_check(&rq->intent_record);
}

struct status decode_admin_link(struct request *rq)
{
	TRY(wire_admin_link_decode(rq->body, &rq->arena, &rq->in.link));
	ENSURE(rq->in.link.from.len <= OWNER_TEXT_MAX && rq->in.link.to.len <= OWNER_TEXT_MAX, BODY_FIELD);
	ENSURE(rq->op->opcode == OPCODE_ADMIN_LINK || !rq->in.link.weaker_too, BODY_FIELD);
	return link_target(rq);
}

static struct status ends_find(struct agent *agent, struct request *rq)
{
	const struct owner from = owner_parse(rq->in.link.from, &rq->caller.who);
	const struct owner to = owner_parse(rq->in.link.to, &rq->caller.who);
	struct keyindex_space *space;

	TRY(admin_work(rq));
	TRY(space_from(agent, rq, &from, &space));
	TRY(spaces_of(agent, rq, &to));
	for (size_t i = 0; i < rq->admin.work->space_count; i++)
		ENSURE(rq->admin.work->spaces[i] != space, BODY_FIELD);
	rq->admin.work->from = space;
	return OK;
}

static struct status link_fact(struct request *rq, const struct keyindex_space *to, bool is_out)
{
	AUTO(buf_done) struct buf id = buf_make(KEYSTORE_FACT_ID_MAX);
	uint8_t since[KEYFACT_TIME_BYTES];

	keyfact_time_put(since, clock_wall_us() / US_PER_S);
	link_id_put(&id, rq->admin.work->from, to);
	TRY(buf_check(&id));
	return admin_fact(rq, FACT_LINK, buf_bytes(&id), bytes_of(since, sizeof(since)), is_out);
}

/* The order of strength never goes down by itself: what the link does to the floor of `to`, or that it may not be. */
static struct status link_floor(struct request *rq, size_t i)
{
	struct keyindex_space *to = rq->admin.work->spaces[i];
	uint8_t from = rq->admin.work->from->name.authenticator;
	unsigned have = strength_of(from), need = strength_of(strength_floor(to));

	if (have == need || (have > need && rq->in.link.weaker_too))
		return OK;
	ENSURE(have > need || rq->in.link.weaker_too, STRENGTH_LOW);
	rq->admin.work->floor[i] = from;
	return floor_fact(rq, to, from);
}

static void linked(struct agent *agent, struct request *rq, struct status st)
{
	struct admin_work *work = rq->admin.work;

	for (size_t i = 0; i < work->space_count && st.code == STATUS_OK; i++)
		st = link_add(work->from, work->spaces[i], clock_wall_us() / US_PER_S);
	floors_after(rq, st.code == STATUS_OK);
	admin_end(agent, rq, st);
}

static struct status link_make(struct agent *agent, struct request *rq)
{
	TRY(ends_find(agent, rq));
	for (size_t i = 0; i < rq->admin.work->space_count; i++) {
		TRY(link_floor(rq, i));
		TRY(link_fact(rq, rq->admin.work->spaces[i], false));
	}
	floors_before(agent, rq);
	admin_facts_submit(rq, linked);
	return OK;
}

/* It ends before its end is durable; what could not be made durable is there again. */
static void unlinked(struct agent *agent, struct request *rq, struct status st)
{
	struct admin_work *work = rq->admin.work;

	for (size_t i = 0; i < work->space_count && st.code != STATUS_OK; i++)
		if (work->was_linked[i])
			(void)link_add(work->from, work->spaces[i], 0).code;
	admin_end(agent, rq, st);
}

static struct status link_end(struct agent *agent, struct request *rq)
{
	struct admin_work *work;

	TRY(ends_find(agent, rq));
	work = rq->admin.work;
	for (size_t i = 0; i < work->space_count; i++)
		TRY(link_fact(rq, work->spaces[i], true));
	for (size_t i = 0; i < work->space_count; i++)
		work->was_linked[i] = link_remove(work->from, work->spaces[i]);
	agent->holds++;
	admin_facts_submit(rq, unlinked);
	return OK;
}

/* ---- the acts ----------------------------------------------------------------------------------- */

static void act(struct agent *agent, struct request *rq, struct status st)
{
	if (st.code != STATUS_OK)
		admin_end(agent, rq, st);
}

static void act_strength(struct agent *agent, struct request *rq)
{
	act(agent, rq, strength(agent, rq));
}

static void act_link(struct agent *agent, struct request *rq)
{
	act(agent, rq, link_make(agent, rq));
}

static void act_unlink(struct agent *agent, struct request *rq)
{
	act(agent, rq, link_end(agent, rq));
}

struct status begin_admin_strength(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, act_strength);
	return OK;
}

struct status begin_admin_link(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, rq->op->opcode == OPCODE_ADMIN_LINK ? act_link : act_unlink);
	return OK;
}
