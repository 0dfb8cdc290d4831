/* SPDX-License-Identifier: Apache-2.0
 *
 * Revoking, lifting a revocation, showing them; and lowering the floor of the clock.  A revocation is in force before
 * it is durable, and taken back if it cannot be; its end is durable first. */
#include "agent/admin.h"
#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"
#include "base/own.h"
#include "wire/admin_pb.h"

enum { PAGE_REVOCATIONS = 500, PAGE_BYTES_MAX = 512 * 1024 };

_Static_assert((int)REVOKE_SUBJECT == (int)WIRE_REVOKE_SUBJECT && (int)REVOKE_ALL == (int)WIRE_REVOKE_ALL, "one list");

/* ---- what it is about --------------------------------------------------------------------------- */

static void target_set(struct request *rq)
{
	const struct wire_admin_revoke *op = &rq->in.revoke;
	struct buf hex = { .data = (uint8_t *)rq->target_text,
		.room = sizeof(rq->target_text),
		.max_bytes = sizeof(rq->target_text) };

	rq->admin.target = op->value.len > 0 ? op->value : op->domain;
	if (op->kind != REVOKE_JTI && op->kind != REVOKE_TOKEN)
		return;
	buf_put_hex(
		&hex, bytes_of(op->value.data, op->value.len < REVOKE_HASH_BYTES ? op->value.len : REVOKE_HASH_BYTES));
	rq->admin.target = buf_bytes(&hex);
}

/* An identity of one authenticator: what is shared by a tenant presents nothing that could be revoked. */
static struct status selector_of(const struct request *rq, struct revoke_selector *ret_what)
{
	const struct wire_admin_revoke *op = &rq->in.revoke;
	struct owner owner;

	*ret_what = (struct revoke_selector){ (enum revoke_kind)op->kind, (uint8_t)op->authenticator, op->domain,
		op->value };
	if (op->kind != REVOKE_SUBJECT)
		return OK;
	ENSURE(op->authenticator == 0 && op->domain.len == 0, REVOKE_INVALID);
	owner = owner_parse(op->value, &rq->caller.who);
	ENSURE(!owner.is_shared, REVOKE_INVALID);
	/* Who revokes himself cannot lift it. */
	ENSURE(owner.authenticator != rq->caller.who.authenticator || !bytes_equal(owner.name, rq->caller.who.name),
		REVOKE_INVALID);
	ret_what->authenticator = owner.authenticator;
	ret_what->domain = owner.issuer;
	ret_what->value = owner.name;
	return OK;
}

static struct status revocation_of(struct agent *agent, const struct request *rq, struct revocation *ret_revocation)
{
	const struct wire_admin_revoke *op = &rq->in.revoke;
	int64_t now_s = wall_now_us(&agent->wall) / US_PER_S;
	struct revocation r = { .since_s = now_s, .by = rq->caller.who.name, .because = op->because };

	ENSURE(op->issued_before_s <= INT32_MAX * 16LL && op->lasts_s <= INT32_MAX, REVOKE_INVALID);
	r.issued_before_s = (int64_t)op->issued_before_s;
	r.until_s = op->lasts_s > 0 ? now_s + (int64_t)op->lasts_s : 0;
	TRY(selector_of(rq, &r.what));
	TRY(revocation_check(&r));
	*ret_revocation = r;
	return OK;
}

struct status decode_admin_revoke(struct request *rq)
{
	struct revocation revocation;

	TRY(wire_admin_revoke_decode(rq->body, &rq->arena, &rq->in.revoke));
	target_set(rq);
	return revocation_of(rq->agent, rq, &revocation); /* before anything is announced */
}

/* ---- the acts ----------------------------------------------------------------------------------- */

static struct status fact_put(struct request *rq, const struct revocation *revocation, bool is_out)
{
	AUTO(buf_done) struct buf id = buf_make(REVOKE_SELECTOR_MAX), value = buf_make(REVOKE_FACT_MAX);

	revoke_selector_put(&id, &revocation->what);
	revocation_put(&value, revocation);
	TRY(buf_check(&id));
	TRY(buf_check(&value));
	return admin_fact(rq, FACT_REVOCATION, buf_bytes(&id), buf_bytes(&value), is_out);
}

static void lift(struct agent *agent, const struct request *rq)
{
	struct revoke_selector what;

	if (selector_of(rq, &what).code == STATUS_OK)
		(void)revocations_remove(agent->revoked, &what);
}

/* A revocation that another one replaced is gone with it: rather one that the store does not have than none. */
static void revoked(struct agent *agent, struct request *rq, struct status st)
{
	admin_end(agent, rq, st);
}

static void unrevoked(struct agent *agent, struct request *rq, struct status st)
{
	if (st.code == STATUS_OK)
		lift(agent, rq);
	admin_end(agent, rq, st);
}

static struct status put_in_force(struct agent *agent, struct request *rq)
{
	struct revocation revocation;

	TRY(revocation_of(agent, rq, &revocation));
	TRY(fact_put(rq, &revocation, false));
	TRY(revocations_put(agent->revoked, &revocation));
	admin_facts_submit(rq, revoked);
	return OK;
}

static void act_revoke(struct agent *agent, struct request *rq)
{
	struct status st = put_in_force(agent, rq);

	if (st.code != STATUS_OK)
		admin_end(agent, rq, st);
}

static void act_unrevoke(struct agent *agent, struct request *rq)
{
	struct revocation revocation;
	struct status st = revocation_of(agent, rq, &revocation);

	if (st.code == STATUS_OK)
		st = fact_put(rq, &revocation, true);
	if (st.code == STATUS_OK)
		admin_facts_submit(rq, unrevoked);
	else
		admin_end(agent, rq, st);
}

struct status begin_admin_revoke(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, act_revoke);
	return OK;
}

struct status begin_admin_unrevoke(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, act_unrevoke);
	return OK;
}

/* ---- showing ------------------------------------------------------------------------------------ */

struct status decode_admin_revocations(struct request *rq)
{
	return wire_admin_revocations_decode(rq->body, &rq->arena, &rq->in.revocations_after);
}

struct page {
	struct buf *to;
	size_t count;
	struct status st;
};

static bool put_revocation(void *context, const struct revocation *r)
{
	struct page *page = context;
	struct namespace_name whose = {
		.authenticator = r->what.authenticator, .domain = r->what.domain, .identity = r->what.value
	};
	AUTO(buf_done) struct buf owner = buf_make(OWNER_TEXT_MAX);
	struct wire_admin_revocation entry = { .kind = r->what.kind,
		.authenticator = r->what.authenticator,
		.domain = r->what.domain,
		.value = r->what.value,
		.issued_before_s = (uint64_t)r->issued_before_s,
		.until_s = (uint64_t)r->until_s,
		.since_s = (uint64_t)r->since_s,
		.by = r->by,
		.because = r->because };

	if (r->what.kind == REVOKE_SUBJECT) {
		owner_put(&owner, &whose);
		entry.authenticator = 0;
		entry.domain = (struct bytes){ 0 };
		entry.value = buf_bytes(&owner);
	}
	if (page->st.code == STATUS_OK)
		page->st = wire_admin_revocation_put(page->to, &entry);
	return page->st.code == STATUS_OK && ++page->count < PAGE_REVOCATIONS && page->to->len < PAGE_BYTES_MAX;
}

struct status finish_admin_revocations(struct agent *agent, struct request *rq)
{
	struct page page = { .to = &rq->answer };
	uint32_t next = revocations_page(agent->revoked, rq->in.revocations_after, put_revocation, &page);

	if (page.st.code != STATUS_OK)
		return page.st;
	return next != 0 ? wire_admin_revocation_next_put(&rq->answer, next) : OK;
}

/* ---- what is over ------------------------------------------------------------------------------- */

static void swept(struct post *post)
{
	struct revoke_sweep *sweep = (struct revoke_sweep *)((char *)post - offsetof(struct revoke_sweep, job.post));

	for (size_t i = 0; i < sweep->job.change_count; i++)
		buf_done(&sweep->ids[i]);
	sweep->is_busy = false; /* what the store kept is over there, too, and goes after the next start */
}

static bool note_gone(void *context, const struct revocation *revocation)
{
	struct revoke_sweep *sweep = context;
	size_t i = sweep->job.change_count;

	sweep->ids[i] = buf_make(REVOKE_SELECTOR_MAX);
	revoke_selector_put(&sweep->ids[i], &revocation->what);
	if (buf_check(&sweep->ids[i]).code != STATUS_OK) {
		buf_done(&sweep->ids[i]);
		return false;
	}
	sweep->changes[i] = (struct fact_change){ .fact = { .kind = FACT_REVOCATION, .id = buf_bytes(&sweep->ids[i]) },
		.is_out = true };
	sweep->job.change_count++;
	return true;
}

void revoke_second(struct agent *agent)
{
	struct revoke_sweep *sweep = &agent->revoke_sweep;

	if (sweep->is_busy || revocations_count(agent->revoked) == 0)
		return;
	sweep->job = (struct durable_job){ .kind = DURABLE_FACTS, .changes = sweep->changes, .post.done = swept };
	(void)revocations_expire(
		agent->revoked, wall_now_us(&agent->wall) / US_PER_S, REVOKE_SWEEP_MAX, note_gone, sweep);
	if (sweep->job.change_count == 0)
		return;
	sweep->is_busy = true;
	durable_submit(agent->durable, &sweep->job);
}

/* ---- the clock ---------------------------------------------------------------------------------- */

static void act_clock(struct agent *agent, struct request *rq)
{
	int64_t back_s = wall_lower(&agent->wall);

	audit_event(agent->events, "clock-lowered", (struct bytes){ 0 }, "by an administrator", back_s);
	admin_end(agent, rq, OK);
}

struct status begin_admin_clock(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, act_clock);
	return OK;
}
