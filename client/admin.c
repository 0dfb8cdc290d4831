/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of administrators that are our own. */
#include <stdlib.h>

#include "client/handle.h"
#include "client/keyreeve_admin.h"
#include "wire/admin_pb.h"
#include "wire/opcode.h"

_Static_assert(KEYREEVE_PROVIDER_UP == (int)WIRE_PROVIDER_UP, "state");
_Static_assert(KEYREEVE_KEY_UNFINISHED == (int)WIRE_KEY_UNFINISHED, "flags");
_Static_assert(KEYREEVE_SPACE_LOCKED == (int)WIRE_SPACE_LOCKED, "flags");
_Static_assert(KEYREEVE_AUDIT_READY == (int)WIRE_AUDIT_READY, "space");

#define TEXT(to, from) call_text(to, sizeof(to), from)

/* ---- status ---------------------------------------------------------------------------------------- */

static struct status status_fill(const struct wire_admin_status *from, struct keyreeve_admin_status *to)
{
	to->providers = call_list(from->provider_count, sizeof(*to->providers));
	to->domains = call_list(from->domain_count, sizeof(*to->domains));
	ENSURE(to->providers != NULL && to->domains != NULL, NO_MEMORY);
	for (; to->provider_count < from->provider_count; to->provider_count++) {
		const struct wire_admin_provider *in = &from->providers[to->provider_count];
		struct keyreeve_admin_provider *out = &to->providers[to->provider_count];

		ENSURE(in->state <= WIRE_PROVIDER_UP && in->provider_id < PROVIDER_ID_COUNT, CLIENT_ANSWER);
		TEXT(out->name, in->name);
		TEXT(out->text, in->text);
		out->id = (int)in->provider_id;
		out->state = (enum keyreeve_provider_state)in->state;
		out->waiting = in->waiting;
	}
	for (; to->domain_count < from->domain_count; to->domain_count++) {
		const struct wire_admin_domain *in = &from->domains[to->domain_count];
		struct keyreeve_admin_domain *out = &to->domains[to->domain_count];

		TEXT(out->name, in->name);
		out->keys = in->keys;
		out->age_s = in->age_s;
		out->is_issuer = in->is_issuer;
	}
	return OK;
}

enum keyreeve_result keyreeve_admin_status(struct keyreeve *k, struct keyreeve_admin_status *ret_status)
{
	struct keyreeve_admin_status status = { .build = "" };
	struct wire_admin_status from;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_ASK(OPCODE_ADMIN_STATUS, PROVIDER_ID_CORE, &body);
	st = wire_admin_status_decode(body, &k->arena, &from);
	if (st.code == STATUS_OK && from.audit_space > WIRE_AUDIT_READY)
		st = FAIL(CLIENT_ANSWER);
	if (st.code != STATUS_OK)
		return call_done(k, st);
	TEXT(status.build, from.build);
	status.is_strict = from.is_strict;
	status.started_s = (int64_t)from.started_s;
	status.uptime_s = from.uptime_s;
	status.landlock_abi = from.landlock_abi;
	status.seccomp_filters = from.seccomp_filters;
	status.audit = (enum keyreeve_audit_space)from.audit_space;
	status.keys = from.keys;
	status.namespaces = from.namespaces;
	status.connections = from.connections;
	status.requests = from.requests;
	status.revocations = from.revocations;
	status.clock_behind_s = from.clock_behind_s;
	st = status_fill(&from, &status);
	if (st.code == STATUS_OK)
		*ret_status = status;
	else
		keyreeve_admin_status_free(&status);
	return call_done(k, st);
}

void keyreeve_admin_status_free(struct keyreeve_admin_status *status)
{
	free(status->providers);
	free(status->domains);
	*status = (struct keyreeve_admin_status){ .build = "" };
}

/* ---- keys ------------------------------------------------------------------------------------------ */

static struct status text_new(struct bytes from, char **ret_text)
{
	*ret_text = malloc(from.len + 1);
	ENSURE(*ret_text != NULL, NO_MEMORY);
	call_text(*ret_text, from.len + 1, from);
	return OK;
}

static struct status key_fill(const struct wire_admin_key *from, struct keyreeve_admin_key *to)
{
	const struct wire_key_info info = { from->provider_id, from->name, from->attributes };

	ENSURE(from->provider_id < PROVIDER_ID_COUNT, CLIENT_ANSWER);
	TRY(text_new(from->owner, &to->owner));
	TRY(text_new(from->creator, &to->creator));
	TEXT(to->tenant, from->tenant);
	TEXT(to->provider, from->provider);
	call_key(&to->key, &info);
	to->created_s = (int64_t)from->created_s;
	to->used_s = (int64_t)from->used_s;
	to->expires_s = (int64_t)from->expires_s;
	to->flags = from->flags;
	return OK;
}

static struct status next_fill(struct bytes from, void **ret_next, size_t *ret_len)
{
	if (from.len == 0)
		return OK;
	*ret_next = malloc(from.len);
	ENSURE(*ret_next != NULL, NO_MEMORY);
	memcpy(*ret_next, from.data, from.len);
	*ret_len = from.len;
	return OK;
}

static struct status keys_fill(const struct wire_admin_key_list *from, struct keyreeve_admin_keys *to)
{
	to->items = call_list(from->count, sizeof(*to->items));
	ENSURE(to->items != NULL, NO_MEMORY);
	while (to->count < from->count) {
		to->count++; /* first, so that a half-filled one is freed */
		TRY(key_fill(&from->item[to->count - 1], &to->items[to->count - 1]));
	}
	return next_fill(from->next, &to->next, &to->next_len);
}

static struct bytes optional(const char *text)
{
	return text != NULL ? bytes_from_text(text) : (struct bytes){ 0 };
}

enum keyreeve_result keyreeve_admin_keys(struct keyreeve *k, const char *tenant, const char *provider,
	const struct keyreeve_admin_keys *after, struct keyreeve_admin_keys *ret_list)
{
	struct wire_admin_keys op = { .tenant = optional(tenant), .provider = optional(provider) };
	struct keyreeve_admin_keys keys = { .count = 0 };
	struct wire_admin_key_list list;
	struct bytes body;
	struct status st;

	call_begin(k);
	if (after != NULL)
		op.after = bytes_of(after->next, after->next_len);
	CALL_PUT(wire_admin_keys_put(&k->body, &op));
	CALL_ASK(OPCODE_ADMIN_KEYS, PROVIDER_ID_CORE, &body);
	st = wire_admin_key_list_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK)
		st = keys_fill(&list, &keys);
	if (st.code == STATUS_OK)
		*ret_list = keys;
	else
		keyreeve_admin_keys_free(&keys);
	return call_done(k, st);
}

void keyreeve_admin_keys_free(struct keyreeve_admin_keys *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].owner);
		free(list->items[i].creator);
	}
	free(list->items);
	free(list->next);
	*list = (struct keyreeve_admin_keys){ .count = 0 };
}

/* ---- suspending ------------------------------------------------------------------------------------ */

static enum keyreeve_result hold(struct keyreeve *k, uint32_t opcode, const struct wire_admin_hold *op)
{
	call_begin(k);
	if (op->tenant.len == 0 && op->owner.len == 0)
		return call_invalid(k, "no tenant and no owner is named", "");
	return call_act(k, opcode, wire_admin_hold_put(&k->body, op));
}

enum keyreeve_result keyreeve_admin_suspend_tenant(struct keyreeve *k, const char *tenant)
{
	const struct wire_admin_hold op = { .tenant = bytes_from_text(tenant) };

	return hold(k, OPCODE_ADMIN_SUSPEND, &op);
}

enum keyreeve_result keyreeve_admin_resume_tenant(struct keyreeve *k, const char *tenant)
{
	const struct wire_admin_hold op = { .tenant = bytes_from_text(tenant) };

	return hold(k, OPCODE_ADMIN_RESUME, &op);
}

enum keyreeve_result keyreeve_admin_suspend_key(struct keyreeve *k, const char *owner, const char *name)
{
	const struct wire_admin_hold op = { .owner = bytes_from_text(owner), .key = bytes_from_text(name) };

	return hold(k, OPCODE_ADMIN_SUSPEND, &op);
}

enum keyreeve_result keyreeve_admin_resume_key(struct keyreeve *k, const char *owner, const char *name)
{
	const struct wire_admin_hold op = { .owner = bytes_from_text(owner), .key = bytes_from_text(name) };

	return hold(k, OPCODE_ADMIN_RESUME, &op);
}

/* ---- namespaces ------------------------------------------------------------------------------------ */

static struct status space_fill(const struct wire_admin_space *from, struct keyreeve_admin_space *to)
{
	ENSURE(from->strength < AUTH_TYPE_COUNT, CLIENT_ANSWER);
	if (from->owner.len > 0)
		TRY(text_new(from->owner, &to->owner));
	TEXT(to->tenant, from->tenant);
	TEXT(to->account, from->account);
	to->keys = from->keys;
	to->strength = (enum keyreeve_auth)from->strength;
	to->flags = from->flags;
	to->links = call_list(from->link_count, sizeof(*to->links));
	ENSURE(to->links != NULL, NO_MEMORY);
	for (; to->link_count < from->link_count; to->link_count++)
		TRY(text_new(from->links[to->link_count], &to->links[to->link_count]));
	return OK;
}

static struct status spaces_fill(const struct wire_admin_space_list *from, struct keyreeve_admin_spaces *to)
{
	to->items = call_list(from->count, sizeof(*to->items));
	ENSURE(to->items != NULL, NO_MEMORY);
	while (to->count < from->count) {
		to->count++; /* first, so that a half-filled one is freed */
		TRY(space_fill(&from->item[to->count - 1], &to->items[to->count - 1]));
	}
	return next_fill(from->next, &to->next, &to->next_len);
}

enum keyreeve_result keyreeve_admin_spaces(struct keyreeve *k, const char *tenant,
	const struct keyreeve_admin_spaces *after, struct keyreeve_admin_spaces *ret_list)
{
	struct wire_admin_spaces op = { .tenant = optional(tenant) };
	struct keyreeve_admin_spaces spaces = { .count = 0 };
	struct wire_admin_space_list list;
	struct bytes body;
	struct status st;

	call_begin(k);
	if (after != NULL)
		op.after = bytes_of(after->next, after->next_len);
	CALL_PUT(wire_admin_spaces_put(&k->body, &op));
	CALL_ASK(OPCODE_ADMIN_SPACES, PROVIDER_ID_CORE, &body);
	st = wire_admin_space_list_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK)
		st = spaces_fill(&list, &spaces);
	if (st.code == STATUS_OK)
		*ret_list = spaces;
	else
		keyreeve_admin_spaces_free(&spaces);
	return call_done(k, st);
}

void keyreeve_admin_spaces_free(struct keyreeve_admin_spaces *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].owner);
		for (size_t j = 0; j < list->items[i].link_count; j++)
			free(list->items[i].links[j]);
		free(list->items[i].links);
	}
	free(list->items);
	free(list->next);
	*list = (struct keyreeve_admin_spaces){ .count = 0 };
}

static enum keyreeve_result link_ask(struct keyreeve *k, uint32_t opcode, const struct wire_admin_link *op)
{
	call_begin(k);
	if (op->from.len == 0 || op->to.len == 0)
		return call_invalid(k, "an owner is empty", "");
	return call_act(k, opcode, wire_admin_link_put(&k->body, op));
}

enum keyreeve_result keyreeve_admin_link(struct keyreeve *k, const char *from, const char *to, int weaker_too)
{
	const struct wire_admin_link op = { bytes_from_text(from), bytes_from_text(to), weaker_too != 0 };

	return link_ask(k, OPCODE_ADMIN_LINK, &op);
}

enum keyreeve_result keyreeve_admin_unlink(struct keyreeve *k, const char *from, const char *to)
{
	const struct wire_admin_link op = { bytes_from_text(from), bytes_from_text(to), false };

	return link_ask(k, OPCODE_ADMIN_UNLINK, &op);
}

enum keyreeve_result keyreeve_admin_strength(struct keyreeve *k, const char *owner, enum keyreeve_auth auth)
{
	const struct wire_admin_strength op = { bytes_from_text(owner), (uint32_t)auth };

	call_begin(k);
	if (op.owner.len == 0 || auth <= KEYREEVE_AUTH_NONE || auth > KEYREEVE_AUTH_JWT_SVID)
		return call_invalid(k, "an owner and a way to authenticate are needed", "");
	return call_act(k, OPCODE_ADMIN_STRENGTH, wire_admin_strength_put(&k->body, &op));
}

static enum keyreeve_result owner_ask(struct keyreeve *k, uint32_t opcode, const char *owner)
{
	call_begin(k);
	if (owner[0] == '\0')
		return call_invalid(k, "the owner is empty", "");
	return call_act(k, opcode, wire_admin_owner_put(&k->body, bytes_from_text(owner)));
}

enum keyreeve_result keyreeve_admin_confirm(struct keyreeve *k, const char *owner)
{
	return owner_ask(k, OPCODE_ADMIN_CONFIRM, owner);
}

enum keyreeve_result keyreeve_admin_purge(struct keyreeve *k, const char *owner)
{
	return owner_ask(k, OPCODE_ADMIN_PURGE, owner);
}

/* ---- pins ------------------------------------------------------------------------------------------ */

static struct status pin_fill(const struct wire_admin_pin *from, struct keyreeve_admin_pin *to)
{
	ENSURE(from->hash.len == sizeof(to->hash) && from->authenticator < AUTH_TYPE_COUNT, CLIENT_ANSWER);
	TRY(text_new(from->identity, &to->identity));
	memcpy(to->hash, from->hash.data, sizeof(to->hash));
	TEXT(to->label, from->label);
	to->auth = (enum keyreeve_auth)from->authenticator;
	to->has_first = from->has_first;
	to->uid = from->uid;
	to->gid = from->gid;
	to->principals = from->principals;
	to->instances = from->instances;
	to->refused = from->refused;
	to->until_s = (int64_t)from->until_s;
	return OK;
}

static struct status pins_fill(const struct wire_admin_pin_list *from, struct keyreeve_admin_pins *to)
{
	to->items = call_list(from->count, sizeof(*to->items));
	ENSURE(to->items != NULL, NO_MEMORY);
	while (to->count < from->count) {
		to->count++; /* first, so that a half-filled one is freed */
		TRY(pin_fill(&from->item[to->count - 1], &to->items[to->count - 1]));
	}
	to->next = from->next;
	return OK;
}

static struct status slice_put(struct keyreeve *k, uint64_t skip)
{
	const struct wire_admin_slice op = { .skip = skip };

	return wire_admin_slice_put(&k->body, &op);
}

enum keyreeve_result keyreeve_admin_pins(struct keyreeve *k, uint64_t skip, struct keyreeve_admin_pins *ret_list)
{
	struct keyreeve_admin_pins pins = { .count = 0 };
	struct wire_admin_pin_list list;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_PUT(slice_put(k, skip));
	CALL_ASK(OPCODE_ADMIN_PINS, PROVIDER_ID_CORE, &body);
	st = wire_admin_pin_list_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK)
		st = pins_fill(&list, &pins);
	if (st.code == STATUS_OK)
		*ret_list = pins;
	else
		keyreeve_admin_pins_free(&pins);
	return call_done(k, st);
}

void keyreeve_admin_pins_free(struct keyreeve_admin_pins *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].identity);
	free(list->items);
	*list = (struct keyreeve_admin_pins){ .count = 0 };
}

/* ---- quotas and penalties -------------------------------------------------------------------------- */

enum { SECONDS_OF_DAY = 86400, DAY_MAX = 1 << 24 };

static struct status quotas_fill(const struct wire_admin_quota_list *from, struct keyreeve_admin_quotas *to)
{
	to->items = call_list(from->count, sizeof(*to->items));
	ENSURE(to->items != NULL, NO_MEMORY);
	for (; to->count < from->count; to->count++) {
		const struct wire_admin_quota *in = &from->item[to->count];
		struct keyreeve_admin_quota *out = &to->items[to->count];

		ENSURE(in->authenticator < AUTH_TYPE_COUNT && in->day < DAY_MAX, CLIENT_ANSWER);
		TEXT(out->tenant, in->tenant);
		TEXT(out->domain, in->domain);
		out->auth = (enum keyreeve_auth)in->authenticator;
		out->in_flight = in->in_flight;
		out->in_flight_max = in->in_flight_max;
		out->day_s = (int64_t)in->day * SECONDS_OF_DAY;
		out->requests = in->requests;
		out->requests_max = in->requests_max;
		out->requests_second = in->requests_second;
		out->requests_second_max = in->requests_second_max;
		out->bytes_second = in->bytes_second;
		out->bytes_second_max = in->bytes_second_max;
		out->keys = in->keys;
		out->keys_max = in->keys_max;
		out->has_keys_max = in->has_keys_max;
	}
	to->next = from->next;
	return OK;
}

enum keyreeve_result keyreeve_admin_quotas(struct keyreeve *k, uint64_t skip, struct keyreeve_admin_quotas *ret_list)
{
	struct keyreeve_admin_quotas quotas = { .count = 0 };
	struct wire_admin_quota_list list;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_PUT(slice_put(k, skip));
	CALL_ASK(OPCODE_ADMIN_QUOTAS, PROVIDER_ID_CORE, &body);
	st = wire_admin_quota_list_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK)
		st = quotas_fill(&list, &quotas);
	if (st.code == STATUS_OK)
		*ret_list = quotas;
	else
		keyreeve_admin_quotas_free(&quotas);
	return call_done(k, st);
}

void keyreeve_admin_quotas_free(struct keyreeve_admin_quotas *list)
{
	free(list->items);
	*list = (struct keyreeve_admin_quotas){ .count = 0 };
}

static struct status penalties_fill(const struct wire_admin_penalty_list *from, struct keyreeve_admin_penalties *to)
{
	to->items = call_list(from->count, sizeof(*to->items));
	ENSURE(to->items != NULL, NO_MEMORY);
	for (; to->count < from->count; to->count++) {
		const struct wire_admin_penalty *in = &from->item[to->count];

		to->items[to->count] = (struct keyreeve_admin_penalty){ in->uid, (pid_t)in->pid, in->is_uid,
			in->failures, in->left_s };
	}
	to->next = from->next;
	return OK;
}

enum keyreeve_result keyreeve_admin_penalties(
	struct keyreeve *k, uint64_t skip, struct keyreeve_admin_penalties *ret_list)
{
	struct keyreeve_admin_penalties penalties = { .count = 0 };
	struct wire_admin_penalty_list list;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_PUT(slice_put(k, skip));
	CALL_ASK(OPCODE_ADMIN_PENALTIES, PROVIDER_ID_CORE, &body);
	st = wire_admin_penalty_list_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK)
		st = penalties_fill(&list, &penalties);
	if (st.code == STATUS_OK)
		*ret_list = penalties;
	else
		keyreeve_admin_penalties_free(&penalties);
	return call_done(k, st);
}

void keyreeve_admin_penalties_free(struct keyreeve_admin_penalties *list)
{
	free(list->items);
	*list = (struct keyreeve_admin_penalties){ .count = 0 };
}
