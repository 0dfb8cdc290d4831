/* SPDX-License-Identifier: Apache-2.0
 *
 * The core provider's operations (what is here, who asks, which keys), the administrators' two, and random bytes. */
#include <stdlib.h>
#include <string.h>

#include "agent/admin.h"
#include "agent/agent.h"
#include "agent/ops.h"
#include "agent/owner.h"

struct status decode_empty(struct request *rq)
{
	return wire_empty_decode(rq->body, &rq->arena);
}

struct status begin_nothing(struct agent *agent, struct request *rq)
{
	(void)agent;
	(void)rq;
	return OK;
}

/* ---- what is here ------------------------------------------------------------------------------- */

struct status finish_ping(struct agent *agent, struct request *rq)
{
	(void)agent;
	return wire_ping_result_put(&rq->answer, WIRE_VERSION_MAJOR, WIRE_VERSION_MINOR);
}

/* One entry per provider id, in the order of the file; the core provider last (section 10). */
struct status finish_list_providers(struct agent *agent, struct request *rq)
{
	const struct config *config = agent->config;

	for (size_t i = 0; i < config->provider_count; i++) {
		bool again = false;

		for (size_t j = 0; j < i; j++)
			again = again || config->providers[j].type == config->providers[i].type;
		if (!again)
			TRY(wire_provider_put(&rq->answer, (uint8_t)config->providers[i].type, NULL));
	}
	return wire_provider_put(&rq->answer, PROVIDER_ID_CORE, NULL);
}

struct status decode_list_opcodes(struct request *rq)
{
	return wire_list_opcodes_decode(rq->body, &rq->arena, &rq->in.list_opcodes);
}

struct status begin_list_opcodes(struct agent *agent, struct request *rq)
{
	uint32_t id = rq->in.list_opcodes.provider_id;

	ENSURE(id < PROVIDER_ID_COUNT, LIST_PROVIDER);
	if (id == PROVIDER_ID_CORE)
		return OK;
	for (size_t i = 0; i < agent->config->provider_count; i++)
		if (agent->config->providers[i].type == id)
			return OK;
	return FAIL(LIST_PROVIDER_ABSENT);
}

struct status finish_list_opcodes(struct agent *agent, struct request *rq)
{
	bool core = rq->in.list_opcodes.provider_id == PROVIDER_ID_CORE;
	uint32_t listed[64];
	size_t count, used = 0;
	const struct op *rows = op_rows(&count);

	(void)agent;
	for (size_t i = 0; i < count; i++) {
		bool hidden = rows[i].who == WHO_ADMIN && !rq->conn->listener->is_admin;

		if (rows[i].is_core == core && rows[i].is_listed && !hidden)
			listed[used++] = rows[i].opcode;
	}
	return wire_list_opcodes_result_put(&rq->answer, listed, used);
}

/* All of the listener, in the order of the file, Direct last: Rust clients take the first that they can use. */
struct status finish_list_authenticators(struct agent *agent, struct request *rq)
{
	const struct listener *listener = rq->conn->listener;

	(void)agent;
	for (int direct = 0; direct < 2; direct++)
		for (size_t i = 0; i < listener->authenticator_count; i++)
			if ((listener->authenticators[i] == AUTHENTICATOR_DIRECT) == (direct == 1))
				TRY(wire_authenticator_put(&rq->answer, listener->authenticators[i]));
	return OK;
}

/* ---- the caller's keys -------------------------------------------------------------------------- */

static bool may_list(struct request *rq, const struct keyindex_entry *entry, uint32_t instance)
{
	struct policy_request asked = request_asked(rq, VERB_LIST, entry->record);
	struct decision decision;

	asked.provider = instance;
	asked.key = entry->name;
	return policy_check(rq->policy, &rq->tenant, &asked, &decision).code == STATUS_OK;
}

/* Those of one namespace, but of damaged records, of which nothing to list is known to be true; `own` is the caller's,
 * whose names hide the same ones of a linked one. */
static struct status list_space(
	struct agent *agent, struct request *rq, const struct keyindex_space *space, const struct keyindex_space *own)
{
	for (struct keyindex_entry *entry = space->entries; entry != NULL; entry = entry->ns_next) {
		uint32_t instance;

		if (!entry->usable || entry->record->is_damaged)
			continue;
		instance = policy_provider_find(rq->policy, entry->record->provider);
		if (instance == TENANT_NO_PROVIDER || !may_list(rq, entry, instance))
			continue;
		if (space != own && link_find(agent->index, rq->own_space, entry->name) != entry)
			continue;
		TRY(wire_key_info_put(
			&rq->answer, entry->record->provider_kind, entry->name, &entry->record->attributes));
	}
	return OK;
}

/* A key is listed where the policy lets its owner list it; what it does not is left out, and an empty list is an
 * answer: the operation itself names no key that a rule could be about.  So are the keys of linked namespaces, but of
 * those that would be refused. */
struct status finish_list_keys(struct agent *agent, struct request *rq)
{
	const struct space_link *link;

	if (rq->own_space == NULL)
		return OK;
	TRY(list_space(agent, rq, rq->own_space, rq->own_space));
	for (link = rq->own_space->links; link != NULL; link = link->next)
		if (strength_suffices(link->to, rq->caller.who.authenticator) &&
			!suspend_has(&agent->suspended, link->to->name.tenant))
			TRY(list_space(agent, rq, link->to, rq->own_space));
	return OK;
}

/* ---- administrators ----------------------------------------------------------------------------- */

static int compare_text(const void *a, const void *b)
{
	const struct buf *x = a, *y = b;
	size_t least = x->len < y->len ? x->len : y->len;
	int order = least > 0 ? memcmp(x->data, y->data, least) : 0;

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* Sorted, each once (section 18). */
static struct status put_clients(struct request *rq, struct buf *names, size_t count)
{
	qsort(names, count, sizeof(*names), compare_text);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && bytes_equal(buf_bytes(&names[i]), buf_bytes(&names[i - 1])))
			continue;
		TRY(wire_client_put(&rq->answer, buf_bytes(&names[i])));
	}
	return OK;
}

struct status finish_list_clients(struct agent *agent, struct request *rq)
{
	struct keyindex_space *space;
	size_t room = 0, count = 0;
	struct buf *names;
	struct status st;

	for (space = keyindex_spaces(agent->index); space != NULL; space = space->all_next)
		room += space->count > 0;
	names = calloc(room > 0 ? room : 1, sizeof(*names));
	ENSURE(names != NULL, NO_MEMORY);
	for (space = keyindex_spaces(agent->index); space != NULL && count < room; space = space->all_next) {
		if (space->count == 0)
			continue;
		names[count] = buf_make(OWNER_TEXT_MAX);
		owner_put(&names[count++], &space->name);
	}
	st = put_clients(rq, names, count);
	for (size_t i = 0; i < count; i++)
		buf_done(&names[i]);
	free(names);
	return st;
}

struct status decode_delete_client(struct request *rq)
{
	TRY(wire_delete_client_decode(rq->body, &rq->arena, &rq->in.delete_client));
	rq->admin.target = rq->in.delete_client.client;
	return OK;
}

static struct status collect(struct agent *agent, struct request *rq)
{
	struct owner owner = owner_parse(rq->in.delete_client.client, &rq->caller.who);
	struct keyindex_space *space;
	size_t room = 0;

	for (int round = 0; round < 2; round++) {
		for (space = keyindex_spaces(agent->index); space != NULL; space = space->all_next) {
			struct keyindex_entry *entry = space->entries;

			if (space->count == 0 || !owner_is(&owner, &space->name))
				continue;
			if (round == 0) {
				room += space->count;
				continue;
			}
			for (; entry != NULL && rq->deletion.count < room; entry = entry->ns_next)
				if (entry->usable)
					rq->deletion.entries[rq->deletion.count++] = entry;
		}
		if (round == 0) {
			rq->deletion.entries = calloc(room > 0 ? room : 1, sizeof(struct keyindex_entry *));
			ENSURE(rq->deletion.entries != NULL, NO_MEMORY);
		}
	}
	/* From here on nobody can use them, whatever becomes of each. */
	for (size_t i = 0; i < rq->deletion.count; i++)
		keyindex_withdraw(rq->deletion.entries[i]);
	return OK;
}

void op_delete_client(struct agent *agent, struct request *rq)
{
	struct status st = collect(agent, rq);

	if (st.code == STATUS_OK)
		key_destroy_next(agent, rq);
	else
		admin_end(agent, rq, st);
}

struct status begin_delete_client(struct agent *agent, struct request *rq)
{
	(void)agent;
	admin_announce(rq, op_delete_client);
	return OK;
}

/* ---- random ------------------------------------------------------------------------------------- */

struct status decode_random(struct request *rq)
{
	return wire_generate_random_decode(rq->body, &rq->arena, &rq->in.random);
}

static struct status draw(struct request *rq)
{
	struct buf bytes = buf_make(RANDOM_MAX);
	struct status st = random_take(&rq->stream, (size_t)rq->in.random.size, &bytes);

	if (st.code == STATUS_OK)
		st = wire_data_result_put(&rq->answer, buf_bytes(&bytes));
	buf_done(&bytes);
	return st;
}

/* On a compute thread. */
static void draw_many(struct compute_job *job)
{
	struct request *rq = request_of(job, compute);

	rq->computed = draw(rq);
	if (rq->computed.code != STATUS_OK)
		fault_take(&rq->computed_fault);
}

static void drawn(struct post *post)
{
	struct request *rq = request_of(post, compute.post);

	if (request_came_back(rq)) {
		request_settled(rq);
		return;
	}
	if (rq->computed.code != STATUS_OK)
		fault_put(&rq->computed_fault);
	request_finish(rq->agent, rq, rq->computed);
}

struct status begin_random(struct agent *agent, struct request *rq)
{
	ENSURE(rq->in.random.size <= RANDOM_MAX, RANDOM_LONG);
	TRY(random_pool_stream(&agent->random, &rq->stream));
	if (rq->in.random.size <= RANDOM_INLINE_MAX)
		return draw(rq);
	request_compute(rq, draw_many, drawn);
	return OK;
}
