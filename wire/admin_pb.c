/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/admin_pb.h"

#include "wire/admin.pb-c.h"
#include "wire/opcode.h"
#include "wire/psa_pb_types.h"

/* A request: what it says and we do not know could be what matters. */
static struct status op_unpack(struct wire_arena *arena, const ProtobufCMessageDescriptor *type, struct bytes body,
	ProtobufCMessage **ret_message)
{
	ProtobufCMessage *message;

	TRY(wire_arena_unpack(arena, type, WIRE_BUDGET_FACTOR, body, &message));
	ENSURE(message->n_unknown_fields == 0, BODY_FIELD);
	*ret_message = message;
	return OK;
}

#define UNPACK_OP(descriptor, message) TRY(op_unpack(arena, &(descriptor), body, (ProtobufCMessage **)&(message)))
#define UNPACK_RESULT(descriptor, message) \
	TRY(wire_arena_unpack(arena, &(descriptor), WIRE_RESULT_FACTOR, body, (ProtobufCMessage **)&(message)))

struct status wire_admin_nothing_decode(struct bytes body, struct wire_arena *arena)
{
	WirePb__AdminNothing *op;

	UNPACK_OP(wire_pb__admin_nothing__descriptor, op);
	return OK;
}

/* ---- AdminStatus ----------------------------------------------------------------------------------- */

struct status wire_admin_status_put(struct buf *to, const struct wire_admin_status *status)
{
	WirePb__AdminStatusResult message = WIRE_PB__ADMIN_STATUS_RESULT__INIT;

	message.build = field(status->build);
	message.is_strict = status->is_strict;
	message.started_s = status->started_s;
	message.uptime_s = status->uptime_s;
	message.landlock_abi = status->landlock_abi;
	message.seccomp_filters = status->seccomp_filters;
	message.audit_space = status->audit_space;
	message.keys = status->keys;
	message.namespaces = status->namespaces;
	message.connections = status->connections;
	message.requests = status->requests;
	message.revocations = status->revocations;
	message.clock_behind_s = status->clock_behind_s;
	return wire_pack(to, &message.base);
}

struct status wire_admin_provider_put(struct buf *to, const struct wire_admin_provider *provider)
{
	WirePb__AdminStatusResult message = WIRE_PB__ADMIN_STATUS_RESULT__INIT;
	WirePb__AdminProvider entry = WIRE_PB__ADMIN_PROVIDER__INIT, *only = &entry;

	entry.name = field(provider->name);
	entry.provider_id = provider->provider_id;
	entry.state = provider->state;
	entry.text = field(provider->text);
	entry.waiting = provider->waiting;
	message.n_providers = 1;
	message.providers = &only;
	return wire_pack(to, &message.base);
}

struct status wire_admin_domain_put(struct buf *to, const struct wire_admin_domain *domain)
{
	WirePb__AdminStatusResult message = WIRE_PB__ADMIN_STATUS_RESULT__INIT;
	WirePb__AdminDomain entry = WIRE_PB__ADMIN_DOMAIN__INIT, *only = &entry;

	entry.name = field(domain->name);
	entry.keys = domain->keys;
	entry.age_s = domain->age_s;
	entry.is_issuer = domain->is_issuer;
	message.n_domains = 1;
	message.domains = &only;
	return wire_pack(to, &message.base);
}

static struct status providers_get(
	struct wire_arena *arena, const WirePb__AdminStatusResult *from, struct wire_admin_status *to)
{
	struct wire_admin_provider *item;

	TRY(wire_arena_array(arena, from->n_providers, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < from->n_providers; i++) {
		const WirePb__AdminProvider *entry = from->providers[i];

		item[i] = (struct wire_admin_provider){ .name = view(entry->name),
			.provider_id = entry->provider_id,
			.state = entry->state,
			.text = view(entry->text),
			.waiting = entry->waiting };
	}
	to->providers = item;
	to->provider_count = from->n_providers;
	return OK;
}

static struct status domains_get(
	struct wire_arena *arena, const WirePb__AdminStatusResult *from, struct wire_admin_status *to)
{
	struct wire_admin_domain *item;

	TRY(wire_arena_array(arena, from->n_domains, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < from->n_domains; i++)
		item[i] = (struct wire_admin_domain){ view(from->domains[i]->name), from->domains[i]->keys,
			from->domains[i]->age_s, from->domains[i]->is_issuer != 0 };
	to->domains = item;
	to->domain_count = from->n_domains;
	return OK;
}

struct status wire_admin_status_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_status *ret_status)
{
	WirePb__AdminStatusResult *result;
	struct wire_admin_status status;

	UNPACK_RESULT(wire_pb__admin_status_result__descriptor, result);
	status = (struct wire_admin_status){ .build = view(result->build),
		.is_strict = result->is_strict,
		.started_s = result->started_s,
		.uptime_s = result->uptime_s,
		.landlock_abi = result->landlock_abi,
		.seccomp_filters = result->seccomp_filters,
		.audit_space = result->audit_space,
		.keys = result->keys,
		.namespaces = result->namespaces,
		.connections = result->connections,
		.requests = result->requests,
		.revocations = result->revocations,
		.clock_behind_s = result->clock_behind_s };
	TRY(providers_get(arena, result, &status));
	TRY(domains_get(arena, result, &status));
	*ret_status = status;
	return OK;
}

/* ---- AdminKeys ------------------------------------------------------------------------------------- */

struct status wire_admin_keys_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_keys *ret_op)
{
	WirePb__AdminKeysOp *op;

	UNPACK_OP(wire_pb__admin_keys_op__descriptor, op);
	*ret_op = (struct wire_admin_keys){
		.tenant = view(op->tenant), .provider = view(op->provider), .after = view(op->after), .limit = op->limit
	};
	return OK;
}

struct status wire_admin_keys_put(struct buf *to, const struct wire_admin_keys *op)
{
	WirePb__AdminKeysOp message = WIRE_PB__ADMIN_KEYS_OP__INIT;

	message.tenant = field(op->tenant);
	message.provider = field(op->provider);
	message.after = field(op->after);
	message.limit = op->limit;
	return wire_pack(to, &message.base);
}

struct status wire_admin_key_put(struct buf *to, const struct wire_admin_key *key)
{
	WirePb__AdminKeysResult message = WIRE_PB__ADMIN_KEYS_RESULT__INIT;
	WirePb__AdminKey entry = WIRE_PB__ADMIN_KEY__INIT, *only = &entry;
	struct attributes_tree tree;

	TRY(wire_attributes_fill(&tree, &key->attributes));
	entry.owner = field(key->owner);
	entry.tenant = field(key->tenant);
	entry.name = field(key->name);
	entry.creator = field(key->creator);
	entry.provider = field(key->provider);
	entry.provider_id = key->provider_id;
	entry.attributes = &tree.attributes;
	entry.created_s = key->created_s;
	entry.used_s = key->used_s;
	entry.expires_s = key->expires_s;
	entry.flags = key->flags;
	message.n_keys = 1;
	message.keys = &only;
	return wire_pack(to, &message.base);
}

struct status wire_admin_next_put(struct buf *to, struct bytes next)
{
	WirePb__AdminKeysResult message = WIRE_PB__ADMIN_KEYS_RESULT__INIT;

	message.next = field(next);
	return wire_pack(to, &message.base);
}

struct status wire_admin_key_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_key_list *ret_list)
{
	WirePb__AdminKeysResult *result;
	struct wire_admin_key *item;

	UNPACK_RESULT(wire_pb__admin_keys_result__descriptor, result);
	TRY(wire_arena_array(arena, result->n_keys, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_keys; i++) {
		const WirePb__AdminKey *from = result->keys[i];

		item[i] = (struct wire_admin_key){ .owner = view(from->owner),
			.tenant = view(from->tenant),
			.name = view(from->name),
			.creator = view(from->creator),
			.provider = view(from->provider),
			.provider_id = from->provider_id,
			.created_s = from->created_s,
			.used_s = from->used_s,
			.expires_s = from->expires_s,
			.flags = from->flags };
		TRY(wire_attributes_get(from->attributes, &item[i].attributes));
	}
	*ret_list = (struct wire_admin_key_list){ item, result->n_keys, view(result->next) };
	return OK;
}

/* ---- AdminSuspend, AdminResume --------------------------------------------------------------------- */

struct status wire_admin_hold_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_hold *ret_op)
{
	WirePb__AdminHoldOp *op;

	UNPACK_OP(wire_pb__admin_hold_op__descriptor, op);
	ENSURE((op->tenant.len > 0) != (op->owner.len > 0) && (op->key.len == 0 || op->owner.len > 0), BODY_FIELD);
	*ret_op = (struct wire_admin_hold){ view(op->tenant), view(op->owner), view(op->key) };
	return OK;
}

struct status wire_admin_hold_put(struct buf *to, const struct wire_admin_hold *op)
{
	WirePb__AdminHoldOp message = WIRE_PB__ADMIN_HOLD_OP__INIT;

	message.tenant = field(op->tenant);
	message.owner = field(op->owner);
	message.key = field(op->key);
	return wire_pack(to, &message.base);
}

/* ---- AdminSpaces ----------------------------------------------------------------------------------- */

struct status wire_admin_spaces_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_spaces *ret_op)
{
	WirePb__AdminSpacesOp *op;

	UNPACK_OP(wire_pb__admin_spaces_op__descriptor, op);
	*ret_op = (struct wire_admin_spaces){ view(op->tenant), view(op->after), op->limit };
	return OK;
}

struct status wire_admin_spaces_put(struct buf *to, const struct wire_admin_spaces *op)
{
	WirePb__AdminSpacesOp message = WIRE_PB__ADMIN_SPACES_OP__INIT;

	message.tenant = field(op->tenant);
	message.after = field(op->after);
	message.limit = op->limit;
	return wire_pack(to, &message.base);
}

struct status wire_admin_space_put(struct buf *to, const struct wire_admin_space *space)
{
	WirePb__AdminSpacesResult message = WIRE_PB__ADMIN_SPACES_RESULT__INIT;
	WirePb__AdminSpace entry = WIRE_PB__ADMIN_SPACE__INIT, *only = &entry;
	ProtobufCBinaryData links[WIRE_LINKS_MAX];

	ENSURE(space->link_count <= WIRE_LINKS_MAX, ENCODE);
	for (size_t i = 0; i < space->link_count; i++)
		links[i] = field(space->links[i]);
	entry.owner = field(space->owner);
	entry.tenant = field(space->tenant);
	entry.keys = space->keys;
	entry.strength = space->strength;
	entry.flags = space->flags;
	entry.n_links = space->link_count;
	entry.links = links;
	entry.account = field(space->account);
	message.n_spaces = 1;
	message.spaces = &only;
	return wire_pack(to, &message.base);
}

static struct status space_get(struct wire_arena *arena, const WirePb__AdminSpace *from, struct wire_admin_space *to)
{
	struct bytes *links;

	TRY(wire_arena_array(arena, from->n_links, sizeof(*links), (void **)&links));
	for (size_t i = 0; i < from->n_links; i++)
		links[i] = view(from->links[i]);
	*to = (struct wire_admin_space){ .owner = view(from->owner),
		.tenant = view(from->tenant),
		.keys = from->keys,
		.strength = from->strength,
		.flags = from->flags,
		.links = links,
		.link_count = from->n_links,
		.account = view(from->account) };
	return OK;
}

struct status wire_admin_space_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_space_list *ret_list)
{
	WirePb__AdminSpacesResult *result;
	struct wire_admin_space *item;

	UNPACK_RESULT(wire_pb__admin_spaces_result__descriptor, result);
	TRY(wire_arena_array(arena, result->n_spaces, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_spaces; i++)
		TRY(space_get(arena, result->spaces[i], &item[i]));
	*ret_list = (struct wire_admin_space_list){ item, result->n_spaces, view(result->next) };
	return OK;
}

/* ---- AdminLink, AdminUnlink, AdminStrength --------------------------------------------------------- */

struct status wire_admin_link_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_link *ret_op)
{
	WirePb__AdminLinkOp *op;

	UNPACK_OP(wire_pb__admin_link_op__descriptor, op);
	ENSURE(op->from.len > 0 && op->to.len > 0, BODY_FIELD);
	*ret_op = (struct wire_admin_link){ view(op->from), view(op->to), op->weaker_too };
	return OK;
}

struct status wire_admin_link_put(struct buf *to, const struct wire_admin_link *op)
{
	WirePb__AdminLinkOp message = WIRE_PB__ADMIN_LINK_OP__INIT;

	message.from = field(op->from);
	message.to = field(op->to);
	message.weaker_too = op->weaker_too;
	return wire_pack(to, &message.base);
}

struct status wire_admin_strength_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_strength *ret_op)
{
	WirePb__AdminStrengthOp *op;

	UNPACK_OP(wire_pb__admin_strength_op__descriptor, op);
	ENSURE(op->owner.len > 0, BODY_FIELD);
	ENSURE(op->authenticator > AUTH_TYPE_NONE && op->authenticator < AUTH_TYPE_COUNT, BODY_FIELD);
	*ret_op = (struct wire_admin_strength){ view(op->owner), op->authenticator };
	return OK;
}

struct status wire_admin_strength_put(struct buf *to, const struct wire_admin_strength *op)
{
	WirePb__AdminStrengthOp message = WIRE_PB__ADMIN_STRENGTH_OP__INIT;

	message.owner = field(op->owner);
	message.authenticator = op->authenticator;
	return wire_pack(to, &message.base);
}

/* ---- AdminConfirm, AdminPurge ---------------------------------------------------------------------- */

struct status wire_admin_owner_decode(struct bytes body, struct wire_arena *arena, struct bytes *ret_owner)
{
	WirePb__AdminOwnerOp *op;

	UNPACK_OP(wire_pb__admin_owner_op__descriptor, op);
	ENSURE(op->owner.len > 0, BODY_FIELD);
	*ret_owner = view(op->owner);
	return OK;
}

struct status wire_admin_owner_put(struct buf *to, struct bytes owner)
{
	WirePb__AdminOwnerOp message = WIRE_PB__ADMIN_OWNER_OP__INIT;

	message.owner = field(owner);
	return wire_pack(to, &message.base);
}

/* ---- AdminPins ------------------------------------------------------------------------------------- */

struct status wire_admin_slice_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_slice *ret_op)
{
	WirePb__AdminSliceOp *op;

	UNPACK_OP(wire_pb__admin_slice_op__descriptor, op);
	*ret_op = (struct wire_admin_slice){ op->skip, op->limit };
	return OK;
}

struct status wire_admin_slice_put(struct buf *to, const struct wire_admin_slice *op)
{
	WirePb__AdminSliceOp message = WIRE_PB__ADMIN_SLICE_OP__INIT;

	message.skip = op->skip;
	message.limit = op->limit;
	return wire_pack(to, &message.base);
}

struct status wire_admin_pin_put(struct buf *to, const struct wire_admin_pin *pin)
{
	WirePb__AdminPinsResult message = WIRE_PB__ADMIN_PINS_RESULT__INIT;
	WirePb__AdminPin entry = WIRE_PB__ADMIN_PIN__INIT, *only = &entry;

	entry.hash = field(pin->hash);
	entry.authenticator = pin->authenticator;
	entry.identity = field(pin->identity);
	entry.has_first = pin->has_first;
	entry.uid = pin->uid;
	entry.gid = pin->gid;
	entry.label = field(pin->label);
	entry.principals = pin->principals;
	entry.instances = pin->instances;
	entry.refused = pin->refused;
	entry.until_s = pin->until_s;
	message.n_pins = 1;
	message.pins = &only;
	return wire_pack(to, &message.base);
}

struct status wire_admin_slice_next_put(struct buf *to, uint64_t next)
{
	WirePb__AdminPinsResult message = WIRE_PB__ADMIN_PINS_RESULT__INIT;

	message.next = next;
	return wire_pack(to, &message.base);
}

struct status wire_admin_pin_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_pin_list *ret_list)
{
	WirePb__AdminPinsResult *result;
	struct wire_admin_pin *item;

	UNPACK_RESULT(wire_pb__admin_pins_result__descriptor, result);
	TRY(wire_arena_array(arena, result->n_pins, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_pins; i++) {
		const WirePb__AdminPin *from = result->pins[i];

		item[i] = (struct wire_admin_pin){ .hash = view(from->hash),
			.authenticator = from->authenticator,
			.identity = view(from->identity),
			.has_first = from->has_first,
			.uid = from->uid,
			.gid = from->gid,
			.label = view(from->label),
			.principals = from->principals,
			.instances = from->instances,
			.refused = from->refused,
			.until_s = from->until_s };
	}
	*ret_list = (struct wire_admin_pin_list){ item, result->n_pins, result->next };
	return OK;
}

/* ---- AdminQuotas, AdminPenalties ------------------------------------------------------------------- */

struct status wire_admin_quota_put(struct buf *to, const struct wire_admin_quota *quota)
{
	WirePb__AdminQuotasResult message = WIRE_PB__ADMIN_QUOTAS_RESULT__INIT;
	WirePb__AdminQuota entry = WIRE_PB__ADMIN_QUOTA__INIT, *only = &entry;

	entry.tenant = field(quota->tenant);
	entry.authenticator = quota->authenticator;
	entry.domain = field(quota->domain);
	entry.in_flight = quota->in_flight;
	entry.in_flight_max = quota->in_flight_max;
	entry.day = quota->day;
	entry.requests = quota->requests;
	entry.requests_max = quota->requests_max;
	entry.requests_second = quota->requests_second;
	entry.requests_second_max = quota->requests_second_max;
	entry.bytes_second = quota->bytes_second;
	entry.bytes_second_max = quota->bytes_second_max;
	entry.keys = quota->keys;
	entry.has_keys_max = quota->has_keys_max;
	entry.keys_max = quota->keys_max;
	message.n_quotas = 1;
	message.quotas = &only;
	return wire_pack(to, &message.base);
}

struct status wire_admin_quota_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_quota_list *ret_list)
{
	WirePb__AdminQuotasResult *result;
	struct wire_admin_quota *item;

	UNPACK_RESULT(wire_pb__admin_quotas_result__descriptor, result);
	TRY(wire_arena_array(arena, result->n_quotas, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_quotas; i++) {
		const WirePb__AdminQuota *from = result->quotas[i];

		item[i] = (struct wire_admin_quota){ .tenant = view(from->tenant),
			.authenticator = from->authenticator,
			.domain = view(from->domain),
			.in_flight = from->in_flight,
			.in_flight_max = from->in_flight_max,
			.day = from->day,
			.requests = from->requests,
			.requests_max = from->requests_max,
			.requests_second = from->requests_second,
			.bytes_second = from->bytes_second,
			.requests_second_max = from->requests_second_max,
			.bytes_second_max = from->bytes_second_max,
			.keys = from->keys,
			.has_keys_max = from->has_keys_max,
			.keys_max = from->keys_max };
	}
	*ret_list = (struct wire_admin_quota_list){ item, result->n_quotas, result->next };
	return OK;
}

struct status wire_admin_penalty_put(struct buf *to, const struct wire_admin_penalty *penalty)
{
	WirePb__AdminPenaltiesResult message = WIRE_PB__ADMIN_PENALTIES_RESULT__INIT;
	WirePb__AdminPenalty entry = WIRE_PB__ADMIN_PENALTY__INIT, *only = &entry;

	entry.uid = penalty->uid;
	entry.pid = penalty->pid;
	entry.is_uid = penalty->is_uid;
	entry.failures = penalty->failures;
	entry.left_s = penalty->left_s;
	message.n_penalties = 1;
	message.penalties = &only;
	return wire_pack(to, &message.base);
}

struct status wire_admin_penalty_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_penalty_list *ret_list)
{
	WirePb__AdminPenaltiesResult *result;
	struct wire_admin_penalty *item;

	UNPACK_RESULT(wire_pb__admin_penalties_result__descriptor, result);
	TRY(wire_arena_array(arena, result->n_penalties, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_penalties; i++) {
		const WirePb__AdminPenalty *from = result->penalties[i];

		item[i] =
			(struct wire_admin_penalty){ from->uid, from->pid, from->is_uid, from->failures, from->left_s };
	}
	*ret_list = (struct wire_admin_penalty_list){ item, result->n_penalties, result->next };
	return OK;
}

/* ---- AdminRevoke, AdminUnrevoke, AdminRevocations -------------------------------------------------- */

struct status wire_admin_revoke_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_revoke *ret_op)
{
	WirePb__AdminRevokeOp *op;

	UNPACK_OP(wire_pb__admin_revoke_op__descriptor, op);
	ENSURE(op->authenticator < AUTH_TYPE_COUNT, BODY_FIELD);
	*ret_op = (struct wire_admin_revoke){ op->kind, op->authenticator, view(op->domain), view(op->value),
		op->issued_before_s, op->lasts_s, view(op->because) };
	return OK;
}

struct status wire_admin_revoke_put(struct buf *to, const struct wire_admin_revoke *op)
{
	WirePb__AdminRevokeOp message = WIRE_PB__ADMIN_REVOKE_OP__INIT;

	message.kind = op->kind;
	message.authenticator = op->authenticator;
	message.domain = field(op->domain);
	message.value = field(op->value);
	message.issued_before_s = op->issued_before_s;
	message.lasts_s = op->lasts_s;
	message.because = field(op->because);
	return wire_pack(to, &message.base);
}

struct status wire_admin_revocations_decode(struct bytes body, struct wire_arena *arena, uint32_t *ret_after)
{
	WirePb__AdminRevocationsOp *op;

	UNPACK_OP(wire_pb__admin_revocations_op__descriptor, op);
	*ret_after = op->after;
	return OK;
}

struct status wire_admin_revocations_put(struct buf *to, uint32_t after)
{
	WirePb__AdminRevocationsOp message = WIRE_PB__ADMIN_REVOCATIONS_OP__INIT;

	message.after = after;
	return wire_pack(to, &message.base);
}

struct status wire_admin_revocation_put(struct buf *to, const struct wire_admin_revocation *revocation)
{
	WirePb__AdminRevocationsResult message = WIRE_PB__ADMIN_REVOCATIONS_RESULT__INIT;
	WirePb__AdminRevocation entry = WIRE_PB__ADMIN_REVOCATION__INIT, *only = &entry;

	entry.kind = revocation->kind;
	entry.authenticator = revocation->authenticator;
	entry.domain = field(revocation->domain);
	entry.value = field(revocation->value);
	entry.issued_before_s = revocation->issued_before_s;
	entry.until_s = revocation->until_s;
	entry.since_s = revocation->since_s;
	entry.by = field(revocation->by);
	entry.because = field(revocation->because);
	message.n_revocations = 1;
	message.revocations = &only;
	return wire_pack(to, &message.base);
}

struct status wire_admin_revocation_next_put(struct buf *to, uint32_t next)
{
	WirePb__AdminRevocationsResult message = WIRE_PB__ADMIN_REVOCATIONS_RESULT__INIT;

	message.next = next;
	return wire_pack(to, &message.base);
}

struct status wire_admin_revocation_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_revocation_list *ret_list)
{
	WirePb__AdminRevocationsResult *result;
	struct wire_admin_revocation *item;

	UNPACK_RESULT(wire_pb__admin_revocations_result__descriptor, result);
	TRY(wire_arena_array(arena, result->n_revocations, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_revocations; i++) {
		const WirePb__AdminRevocation *from = result->revocations[i];

		item[i] = (struct wire_admin_revocation){ from->kind, from->authenticator, view(from->domain),
			view(from->value), from->issued_before_s, from->until_s, from->since_s, view(from->by),
			view(from->because) };
	}
	*ret_list = (struct wire_admin_revocation_list){ item, result->n_revocations, result->next };
	return OK;
}
