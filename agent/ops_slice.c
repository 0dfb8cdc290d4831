/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in force, for administrators: pins, quotas, penalties. */
#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"
#include "wire/admin_pb.h"

enum {
	SLICE = 256,		   /* entries, unless fewer are asked for */
	SLICE_MAX = 1024,	   /* however many are */
	SLICE_BYTES_MAX = 1 << 20, /* an answer that is longer is complete */
};

struct status decode_admin_slice(struct request *rq)
{
	return wire_admin_slice_decode(rq->body, &rq->arena, &rq->in.slice);
}

/* These tables have no order that could be a place, so a page is a count: what comes and goes between two pages may be
 * missed or shown twice.  A walk over all of one takes milliseconds. */
struct slice {
	struct request *rq;
	struct status st;
	uint64_t seen, end; /* entries before the page and in it */
	bool has_more;
};

static struct status slice_begin(struct request *rq, struct slice *slice)
{
	uint32_t limit = rq->in.slice.limit == 0 ? SLICE : rq->in.slice.limit;

	ENSURE(rq->in.slice.skip <= UINT32_MAX, BODY_FIELD);
	*slice = (struct slice){
		.rq = rq, .st = OK, .end = rq->in.slice.skip + (limit < SLICE_MAX ? limit : SLICE_MAX)
	};
	return OK;
}

/* Is the next entry on the page?  Counts it. */
static bool slice_takes(struct slice *slice)
{
	slice->has_more = slice->has_more || slice->seen >= slice->end || slice->rq->answer.len >= SLICE_BYTES_MAX;
	if (slice->has_more || slice->st.code != STATUS_OK)
		return false;
	return slice->seen++ >= slice->rq->in.slice.skip;
}

static struct status slice_end(struct request *rq, const struct slice *slice)
{
	TRY(slice->st);
	return slice->has_more ? wire_admin_slice_next_put(&rq->answer, slice->seen) : OK;
}

static bool put_pin(void *context, const struct bind_view *from)
{
	struct slice *slice = context;
	const struct wire_admin_pin pin = { .hash = bytes_of(from->hash, BIND_HASH_BYTES),
		.authenticator = from->authenticator,
		.identity = from->identity,
		.has_first = from->has_first,
		.uid = from->uid,
		.gid = from->gid,
		.label = from->label,
		.principals = from->principals,
		.instances = from->instances,
		.refused = from->refused,
		.until_s = from->until_s > 0 ? (uint64_t)from->until_s : 0 };

	if (slice_takes(slice))
		slice->st = wire_admin_pin_put(&slice->rq->answer, &pin);
	return !slice->has_more && slice->st.code == STATUS_OK;
}

struct status finish_admin_pins(struct agent *agent, struct request *rq)
{
	struct slice slice;

	TRY(slice_begin(rq, &slice));
	binds_visit(agent->binds, wall_now_us(&agent->wall) / US_PER_S, put_pin, &slice);
	return slice_end(rq, &slice);
}

static void put_quota(void *context, const struct quota_view *from)
{
	struct slice *slice = context;
	const struct config_quota *limits = &from->limits;
	const struct keyindex_tenant *keys;
	struct wire_admin_quota quota;

	if (!slice_takes(slice))
		return;
	keys = keyindex_tenant_find(slice->rq->agent->index, &from->tenant);
	quota = (struct wire_admin_quota){ .tenant = from->tenant.tenant,
		.authenticator = from->tenant.authenticator,
		.domain = from->tenant.domain,
		.in_flight = from->in_flight,
		.in_flight_max = limits->in_flight == CONFIG_UNSET ? 0 : limits->in_flight,
		.day = from->day > 0 ? (uint64_t)from->day : 0,
		.requests = from->requests,
		.requests_max = limits->requests.per_d,
		.requests_second = from->requests_second,
		.requests_second_max = limits->requests.per_s,
		.bytes_second = from->bytes_second,
		.bytes_second_max = limits->bytes_per_s == CONFIG_UNSET ? 0 : limits->bytes_per_s,
		.keys = keys != NULL ? keys->names : 0,
		.has_keys_max = limits->keys != CONFIG_UNSET,
		.keys_max = limits->keys == CONFIG_UNSET ? 0 : limits->keys };
	slice->st = wire_admin_quota_put(&slice->rq->answer, &quota);
}

/* Keys count also while nothing else of the tenant does. */
static void put_key_quota(void *context, const struct keyindex_tenant *from)
{
	struct slice *slice = context;
	struct quota_view view = {
		.limits = { .keys = from->names_max, .in_flight = CONFIG_UNSET, .bytes_per_s = CONFIG_UNSET }
	};
	struct reader r = reader_of(from->encoded);

	if (from->names_max != CONFIG_UNSET && namespace_name_get(&r, &view.tenant).code == STATUS_OK &&
		!quota_remembers(slice->rq->agent->quota, &view.tenant))
		put_quota(slice, &view);
}

struct status finish_admin_quotas(struct agent *agent, struct request *rq)
{
	const struct quota_time now = { .mono_us = clock_mono_us(), .wall_s = wall_now_us(&agent->wall) / US_PER_S };
	struct slice slice;

	TRY(slice_begin(rq, &slice));
	quota_visit(agent->quota, &now, put_quota, &slice);
	keyindex_tenants(agent->index, put_key_quota, &slice);
	return slice_end(rq, &slice);
}

static void put_penalty(void *context, const struct penalty_view *from)
{
	struct slice *slice = context;
	const struct wire_admin_penalty penalty = { from->uid, from->pid > 0 ? (uint32_t)from->pid : 0, from->is_uid,
		from->failures, from->left_s };

	if (slice_takes(slice))
		slice->st = wire_admin_penalty_put(&slice->rq->answer, &penalty);
}

struct status finish_admin_penalties(struct agent *agent, struct request *rq)
{
	struct slice slice;

	TRY(slice_begin(rq, &slice));
	penalty_visit(agent->penalties, agent->loop.now_us, put_penalty, &slice);
	return slice_end(rq, &slice);
}
