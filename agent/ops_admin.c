/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of administrators that Parsec has no opcode for. */
#include <string.h>

#include "agent/agent.h"
#include "agent/ops.h"
#include "agent/owner.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/own.h"
#include "wire/admin_pb.h"

_Static_assert(WIRE_PROVIDER_STARTING == (int)LANE_STARTING && WIRE_PROVIDER_RECOVERING == (int)LANE_RECOVERING &&
		       WIRE_PROVIDER_UP == (int)LANE_UP && WIRE_PROVIDER_DOWN == (int)LANE_DOWN,
	"the loop's numbers are on the wire");
_Static_assert(
	WIRE_AUDIT_FULL == (int)AUDIT_FULL && WIRE_AUDIT_LOW == (int)AUDIT_LOW && WIRE_AUDIT_READY == (int)AUDIT_READY,
	"the log's numbers are on the wire");

struct status decode_admin_nothing(struct request *rq)
{
	return wire_admin_nothing_decode(rq->body, &rq->arena);
}

/* ---- status ------------------------------------------------------------------------------------- */

static uint64_t seconds_since(const struct agent *agent, uint64_t mono_us)
{
	return agent->loop.now_us > mono_us ? (agent->loop.now_us - mono_us) / US_PER_S : 0;
}

static struct status put_provider(struct request *rq, const struct lane *lane)
{
	const char *text = lane->state == LANE_UP ? lane->info.description : lane->reason;
	struct wire_admin_provider provider = { .name = bytes_from_text(lane->name),
		.provider_id = lane->provider_kind,
		.state = lane->state,
		.text = bytes_from_text(text),
		.waiting = lane->queue_count };

	return wire_admin_provider_put(&rq->answer, &provider);
}

static struct status put_domains(struct agent *agent, struct request *rq, const struct trust *trust)
{
	for (size_t i = 0; i < keyset_domain_count(trust->keys); i++) {
		const struct keyset_domain *from = keyset_domain(trust->keys, i);
		struct wire_admin_domain domain = { .name = from->name,
			.keys = from->key_count,
			.age_s = seconds_since(agent, trust->keys_at_us),
			.is_issuer = trust->kind == TRUST_OF_ISSUERS };

		TRY(wire_admin_domain_put(&rq->answer, &domain));
	}
	return OK;
}

struct status finish_admin_status(struct agent *agent, struct request *rq)
{
	struct bytes build = ipc_build_id(); /* padded with zeros */
	struct wire_admin_status status = { .build = bytes_of(build.data, strnlen((const char *)build.data, build.len)),
		.is_strict = agent->config->posture == POSTURE_STRICT,
		.started_s = (uint64_t)(agent->started_wall_us / (int64_t)US_PER_S),
		.uptime_s = seconds_since(agent, agent->started_us),
		.revocations = revocations_count(agent->revoked),
		.clock_behind_s = (uint64_t)wall_behind_s(&agent->wall),
		.landlock_abi = (uint32_t)agent->posture.landlock_abi,
		.seccomp_filters = agent->posture.filter_count,
		.audit_space = durable_space(agent->durable),
		.keys = keyindex_count(agent->index),
		.namespaces = keyindex_space_count(agent->index),
		.connections = agent->conn_count,
		.requests = agent->requests_active };

	TRY(wire_admin_status_put(&rq->answer, &status));
	for (size_t i = 0; i < agent->lane_count; i++)
		if (agent->lanes[i].is_configured)
			TRY(put_provider(rq, &agent->lanes[i]));
	TRY(put_domains(agent, rq, &agent->trust));
	return put_domains(agent, rq, &agent->issuers);
}

/* ---- keys --------------------------------------------------------------------------------------- */

enum {
	PAGE_KEYS = 256,	  /* unless fewer are asked for */
	PAGE_KEYS_MAX = 1024,	  /* however many are */
	PAGE_STEPS_MAX = 20000,	  /* namespaces and keys looked at, whatever is left out: the loop does not wait */
	PAGE_BYTES_MAX = 1 << 20, /* an answer that is longer is complete */
	PLACE_MAX = 4096,
};

/* Where a page begins and ends: in this namespace, at names taken before `number` (the newest come first). */
struct place {
	struct keyindex_space *space; /* NULL: the end */
	uint64_t number;
};

struct page {
	size_t keys, steps, keys_max;
};

/* In bytes: the namespace as a tuple, and the number. */
static void place_put(struct buf *to, const struct place *place)
{
	namespace_name_put(to, &place->space->name);
	buf_put_u64(to, place->number);
}

static struct status place_get(struct agent *agent, struct bytes from, struct place *ret_place)
{
	struct reader r = reader_of(from);
	struct namespace_name name;

	if (from.len == 0) {
		*ret_place = (struct place){ keyindex_spaces(agent->index), UINT64_MAX };
		return OK;
	}
	ENSURE(from.len <= PLACE_MAX && namespace_name_get(&r, &name).code == STATUS_OK, BODY_FIELD);
	*ret_place = (struct place){ .number = reader_u64(&r) };
	ENSURE(reader_done(&r), BODY_FIELD);
	ret_place->space = keyindex_space_find(agent->index, &name);
	ENSURE(ret_place->space != NULL, BODY_FIELD);
	return OK;
}

struct status decode_admin_keys(struct request *rq)
{
	return wire_admin_keys_decode(rq->body, &rq->arena, &rq->in.admin_keys);
}

static uint64_t seconds(int64_t time_us)
{
	return time_us > 0 ? (uint64_t)time_us / US_PER_S : 0;
}

static struct status put_key(
	struct agent *agent, struct request *rq, const struct keyindex_entry *entry, struct bytes owner)
{
	const struct key_record *record = entry->record;
	const struct wire_admin_key key = { .owner = owner,
		.tenant = record->space.tenant,
		.name = record->name,
		.creator = record->creator,
		.provider = record->provider,
		.provider_id = record->provider_kind,
		.attributes = record->attributes,
		.created_s = seconds(record->created_us),
		.used_s = (uint64_t)entry->used_s,
		.expires_s = seconds(record->expires_us),
		.flags = (entry->is_suspended ? (uint32_t)WIRE_KEY_SUSPENDED : 0) |
			 (suspend_has(&agent->suspended, record->space.tenant) ? (uint32_t)WIRE_KEY_TENANT_SUSPENDED
									       : 0) |
			 (holder_is_locked(entry->space) ? (uint32_t)WIRE_KEY_LOCKED : 0) |
			 (entry->usable ? 0 : (uint32_t)WIRE_KEY_UNFINISHED) };

	return wire_admin_key_put(&rq->answer, &key);
}

static bool page_is_full(const struct page *page, const struct request *rq)
{
	return page->keys >= page->keys_max || page->steps >= PAGE_STEPS_MAX || rq->answer.len >= PAGE_BYTES_MAX;
}

static bool is_asked(const struct request *rq, const struct keyindex_entry *entry)
{
	struct bytes provider = rq->in.admin_keys.provider;

	return entry->record != NULL && (provider.len == 0 || bytes_equal(provider, entry->record->provider));
}

/* What of one namespace is left and fits; place->number is where it ended, 0 at its end. */
static struct status put_space(
	struct agent *agent, struct request *rq, struct page *page, struct place *place, struct buf *owner)
{
	struct keyindex_entry *entry = place->space->entries;

	owner_put(owner, &place->space->name);
	for (; entry != NULL; entry = entry->ns_next) {
		if (entry->number >= place->number)
			continue; /* on a page before */
		if (page_is_full(page, rq))
			return OK;
		page->steps++;
		place->number = entry->number;
		if (!is_asked(rq, entry))
			continue;
		TRY(put_key(agent, rq, entry, buf_bytes(owner)));
		page->keys++;
	}
	place->number = 0;
	return OK;
}

static struct status put_page(struct agent *agent, struct request *rq, struct place *place, struct buf *owner)
{
	const struct wire_admin_keys *op = &rq->in.admin_keys;
	struct page page = { .keys_max = op->limit == 0 ? PAGE_KEYS : op->limit };

	if (page.keys_max > PAGE_KEYS_MAX)
		page.keys_max = PAGE_KEYS_MAX;
	for (; place->space != NULL; place->space = place->space->all_next, place->number = UINT64_MAX) {
		if (page_is_full(&page, rq))
			return OK;
		page.steps++;
		if (op->tenant.len > 0 && !bytes_equal(op->tenant, place->space->name.tenant))
			continue;
		TRY(put_space(agent, rq, &page, place, owner));
		if (place->number != 0)
			return OK;
	}
	return OK;
}

/* The end of a page: where the next one begins, unless it was the last. */
static struct status put_next(struct request *rq, const struct place *place)
{
	AUTO(buf_done) struct buf next = buf_make(PLACE_MAX);

	if (place->space == NULL)
		return OK;
	place_put(&next, place);
	TRY(buf_check(&next));
	return wire_admin_next_put(&rq->answer, buf_bytes(&next));
}

struct status finish_admin_keys(struct agent *agent, struct request *rq)
{
	AUTO(buf_done) struct buf owner = buf_make(OWNER_TEXT_MAX);
	struct place place;

	TRY(place_get(agent, rq->in.admin_keys.after, &place));
	TRY(put_page(agent, rq, &place, &owner));
	return put_next(rq, &place);
}

/* ---- namespaces --------------------------------------------------------------------------------- */

struct status decode_admin_spaces(struct request *rq)
{
	return wire_admin_spaces_decode(rq->body, &rq->arena, &rq->in.admin_spaces);
}

static struct status put_namespace(struct agent *agent, struct request *rq, const struct keyindex_space *space)
{
	struct bytes links[LINKS_MAX];
	struct buf text[LINKS_MAX + 1];
	struct wire_admin_space entry = { .tenant = space->name.tenant,
		.keys = space->count,
		.strength = strength_floor(space),
		.flags = suspend_has(&agent->suspended, space->name.tenant) ? (uint32_t)WIRE_SPACE_TENANT_SUSPENDED : 0,
		.links = links };
	struct status st;

	if (holder_is_locked(space))
		entry.flags |= (uint32_t)WIRE_SPACE_LOCKED;
	if (space->holder != NULL)
		entry.account = account_name(space->holder->look);

	for (const struct space_link *link = space->links; link != NULL; link = link->next) {
		text[entry.link_count] = buf_make(OWNER_TEXT_MAX);
		owner_put(&text[entry.link_count], &link->to->name);
		links[entry.link_count] = buf_bytes(&text[entry.link_count]);
		entry.link_count++;
	}
	text[entry.link_count] = buf_make(OWNER_TEXT_MAX);
	owner_put(&text[entry.link_count], &space->name);
	entry.owner = buf_bytes(&text[entry.link_count]);
	st = wire_admin_space_put(&rq->answer, &entry);
	for (size_t i = 0; i <= entry.link_count; i++)
		buf_done(&text[i]);
	return st;
}

/* On the last page: the suspended tenants themselves, whether they have namespaces or not. */
static struct status put_suspended(struct agent *agent, struct request *rq)
{
	for (size_t i = 0; i < agent->suspended.count; i++) {
		const struct wire_admin_space entry = { .tenant = agent->suspended.tenants[i].name,
			.flags = WIRE_SPACE_TENANT_SUSPENDED };

		if (rq->in.admin_spaces.tenant.len > 0 && !bytes_equal(rq->in.admin_spaces.tenant, entry.tenant))
			continue;
		TRY(wire_admin_space_put(&rq->answer, &entry));
	}
	return OK;
}

struct status finish_admin_spaces(struct agent *agent, struct request *rq)
{
	const struct wire_admin_spaces *op = &rq->in.admin_spaces;
	struct page page = { .keys_max = op->limit == 0 ? PAGE_KEYS : op->limit };
	struct place place;

	if (page.keys_max > PAGE_KEYS_MAX)
		page.keys_max = PAGE_KEYS_MAX;
	TRY(place_get(agent, op->after, &place));
	for (; place.space != NULL && !page_is_full(&page, rq); place.space = place.space->all_next) {
		page.steps++;
		if (op->tenant.len > 0 && !bytes_equal(op->tenant, place.space->name.tenant))
			continue;
		TRY(put_namespace(agent, rq, place.space));
		page.keys++;
	}
	place.number = UINT64_MAX;
	if (place.space == NULL)
		TRY(put_suspended(agent, rq));
	return put_next(rq, &place);
}
