/* SPDX-License-Identifier: Apache-2.0
 *
 * Section 7 of the wire reference: one decoder and one encoder per message, all alike. */
#include "wire/psa_pb.h"

#include "wire/opcode.h"
#include "wire/operations.pb-c.h"
#include "wire/psa_pb_types.h"

struct status wire_pack(struct buf *to, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *at;

	if (len == 0) /* every field has its default */
		return OK;
	at = buf_reserve(to, len);
	ENSURE(at != NULL, ENCODE);
	buf_grew(to, protobuf_c_message_pack(message, at));
	return OK;
}

#define UNPACK(descriptor, factor, message) \
	TRY(wire_arena_unpack(arena, &(descriptor), factor, body, (ProtobufCMessage **)&(message)))

/* ---- names ------------------------------------------------------------------------------------------ */

/* The length of the well-formed UTF-8 sequence at the front; 0 if there is none.  Unicode, table 3-7. */
static size_t utf8_sequence(const uint8_t *at, size_t left)
{
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;

	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
		(at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}

/* C0, DEL, and C1 as UTF-8 spells it. */
static bool is_control(const uint8_t *at)
{
	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

struct status wire_name_check(struct bytes name)
{
	ENSURE(name.len <= WIRE_NAME_MAX, NAME_LONG);
	for (size_t i = 0; i < name.len;) {
		size_t len = utf8_sequence(name.data + i, name.len - i);

		ENSURE(len > 0 && !is_control(name.data + i), NAME_CONTROL);
		i += len;
	}
	return OK;
}

/* ---- operations: decode -------------------------------------------------------------------------------- */

struct status wire_empty_decode(struct bytes body, struct wire_arena *arena)
{
	WirePb__Nothing *op;

	UNPACK(wire_pb__nothing__descriptor, WIRE_BUDGET_FACTOR, op);
	return OK;
}

struct status wire_list_opcodes_decode(struct bytes body, struct wire_arena *arena, struct wire_list_opcodes *ret_op)
{
	WirePb__ListOpcodesOp *op;

	UNPACK(wire_pb__list_opcodes_op__descriptor, WIRE_BUDGET_FACTOR, op);
	ret_op->provider_id = op->provider_id;
	return OK;
}

struct status wire_delete_client_decode(struct bytes body, struct wire_arena *arena, struct wire_delete_client *ret_op)
{
	WirePb__DeleteClientOp *op;

	UNPACK(wire_pb__delete_client_op__descriptor, WIRE_BUDGET_FACTOR, op);
	ret_op->client = view(op->client);
	return OK;
}

struct status wire_generate_key_decode(struct bytes body, struct wire_arena *arena, struct wire_generate_key *ret_op)
{
	WirePb__GenerateKeyOp *op;

	UNPACK(wire_pb__generate_key_op__descriptor, WIRE_BUDGET_FACTOR, op);
	TRY(wire_attributes_get(op->attributes, &ret_op->attributes));
	ret_op->key_name = view(op->key_name);
	return OK;
}

struct status wire_key_name_decode(struct bytes body, struct wire_arena *arena, struct wire_key_name *ret_op)
{
	WirePb__KeyNameOp *op;

	UNPACK(wire_pb__key_name_op__descriptor, WIRE_BUDGET_FACTOR, op);
	ret_op->key_name = view(op->key_name);
	return OK;
}

struct status wire_verify_decode(
	struct bytes body, struct wire_arena *arena, bool is_message, struct wire_verify *ret_op)
{
	WirePb__VerifyOp *op;
	struct psa_alg alg;

	UNPACK(wire_pb__verify_op__descriptor, WIRE_BUDGET_FACTOR, op);
	TRY(wire_signature_alg_get(op->alg, &alg));
	*ret_op = (struct wire_verify){ .key_name = view(op->key_name),
		.alg = alg,
		.data = view(op->data),
		.signature = view(op->signature),
		.is_message = is_message };
	return OK;
}

struct status wire_sign_decode(struct bytes body, struct wire_arena *arena, bool is_message, struct wire_sign *ret_op)
{
	WirePb__SignOp *op;
	struct psa_alg alg;

	UNPACK(wire_pb__sign_op__descriptor, WIRE_BUDGET_FACTOR, op);
	TRY(wire_signature_alg_get(op->alg, &alg));
	*ret_op = (struct wire_sign){
		.key_name = view(op->key_name), .alg = alg, .data = view(op->data), .is_message = is_message
	};
	return OK;
}

struct status wire_generate_random_decode(
	struct bytes body, struct wire_arena *arena, struct wire_generate_random *ret_op)
{
	WirePb__GenerateRandomOp *op;

	UNPACK(wire_pb__generate_random_op__descriptor, WIRE_BUDGET_FACTOR, op);
	ret_op->size = op->size;
	return OK;
}

/* ---- operations: encode -------------------------------------------------------------------------------- */

struct status wire_list_opcodes_put(struct buf *to, const struct wire_list_opcodes *op)
{
	WirePb__ListOpcodesOp message = WIRE_PB__LIST_OPCODES_OP__INIT;

	message.provider_id = op->provider_id;
	return wire_pack(to, &message.base);
}

struct status wire_delete_client_put(struct buf *to, const struct wire_delete_client *op)
{
	WirePb__DeleteClientOp message = WIRE_PB__DELETE_CLIENT_OP__INIT;

	message.client = field(op->client);
	return wire_pack(to, &message.base);
}

struct status wire_generate_key_put(struct buf *to, const struct wire_generate_key *op)
{
	WirePb__GenerateKeyOp message = WIRE_PB__GENERATE_KEY_OP__INIT;
	struct attributes_tree tree;

	TRY(wire_attributes_fill(&tree, &op->attributes));
	message.key_name = field(op->key_name);
	message.attributes = &tree.attributes;
	return wire_pack(to, &message.base);
}

struct status wire_key_name_put(struct buf *to, const struct wire_key_name *op)
{
	WirePb__KeyNameOp message = WIRE_PB__KEY_NAME_OP__INIT;

	message.key_name = field(op->key_name);
	return wire_pack(to, &message.base);
}

struct status wire_sign_put(struct buf *to, const struct wire_sign *op)
{
	WirePb__SignOp message = WIRE_PB__SIGN_OP__INIT;
	struct alg_tree tree;

	TRY(wire_signature_alg_fill(&tree, op->alg));
	message.key_name = field(op->key_name);
	message.alg = &tree.signature;
	message.data = field(op->data);
	return wire_pack(to, &message.base);
}

struct status wire_verify_put(struct buf *to, const struct wire_verify *op)
{
	WirePb__VerifyOp message = WIRE_PB__VERIFY_OP__INIT;
	struct alg_tree tree;

	TRY(wire_signature_alg_fill(&tree, op->alg));
	message.key_name = field(op->key_name);
	message.alg = &tree.signature;
	message.data = field(op->data);
	message.signature = field(op->signature);
	return wire_pack(to, &message.base);
}

struct status wire_generate_random_put(struct buf *to, const struct wire_generate_random *op)
{
	WirePb__GenerateRandomOp message = WIRE_PB__GENERATE_RANDOM_OP__INIT;

	message.size = op->size;
	return wire_pack(to, &message.base);
}

/* ---- results: encode ------------------------------------------------------------------------------------- */

struct status wire_ping_result_put(struct buf *to, uint32_t major, uint32_t minor)
{
	WirePb__PingResult message = WIRE_PB__PING_RESULT__INIT;

	message.wire_protocol_version_maj = major;
	message.wire_protocol_version_min = minor;
	return wire_pack(to, &message.base);
}

struct status wire_provider_put(struct buf *to, uint32_t id, const char *description)
{
	WirePb__ListProvidersResult list = WIRE_PB__LIST_PROVIDERS_RESULT__INIT;
	WirePb__ProviderInfo info = WIRE_PB__PROVIDER_INFO__INIT, *only = &info;
	const struct provider_row *row = provider_row(id);

	ENSURE(row != NULL, ENCODE);
	info.uuid = field(bytes_from_text(row->uuid));
	info.description = field(bytes_from_text(description != NULL ? description : row->description));
	info.vendor = field(bytes_from_text(row->vendor));
	info.version_maj = row->version[0];
	info.version_min = row->version[1];
	info.version_rev = row->version[2];
	info.id = id;
	list.n_providers = 1;
	list.providers = &only;
	return wire_pack(to, &list.base);
}

struct status wire_authenticator_put(struct buf *to, uint32_t id)
{
	WirePb__ListAuthenticatorsResult list = WIRE_PB__LIST_AUTHENTICATORS_RESULT__INIT;
	WirePb__AuthenticatorInfo info = WIRE_PB__AUTHENTICATOR_INFO__INIT, *only = &info;
	const struct auth_row *row = auth_row(id);

	ENSURE(row != NULL, ENCODE);
	info.description = field(bytes_from_text(row->description));
	info.version_maj = row->version[0];
	info.version_min = row->version[1];
	info.version_rev = row->version[2];
	info.id = id;
	list.n_authenticators = 1;
	list.authenticators = &only;
	return wire_pack(to, &list.base);
}

struct status wire_key_info_put(
	struct buf *to, uint32_t provider_id, struct bytes name, const struct psa_key_attributes *attributes)
{
	WirePb__ListKeysResult list = WIRE_PB__LIST_KEYS_RESULT__INIT;
	WirePb__KeyInfo info = WIRE_PB__KEY_INFO__INIT, *only = &info;
	struct attributes_tree tree;

	TRY(wire_attributes_fill(&tree, attributes));
	info.provider_id = provider_id;
	info.name = field(name);
	info.attributes = &tree.attributes;
	list.n_keys = 1;
	list.keys = &only;
	return wire_pack(to, &list.base);
}

struct status wire_client_put(struct buf *to, struct bytes client)
{
	WirePb__ListClientsResult list = WIRE_PB__LIST_CLIENTS_RESULT__INIT;
	ProtobufCBinaryData only = field(client);

	list.n_clients = 1;
	list.clients = &only;
	return wire_pack(to, &list.base);
}

struct status wire_list_opcodes_result_put(struct buf *to, const uint32_t *opcodes, size_t count)
{
	WirePb__ListOpcodesResult list = WIRE_PB__LIST_OPCODES_RESULT__INIT;

	list.n_opcodes = count;
	list.opcodes = (uint32_t *)(uintptr_t)opcodes; /* packing does not write */
	return wire_pack(to, &list.base);
}

struct status wire_data_result_put(struct buf *to, struct bytes data)
{
	WirePb__DataResult message = WIRE_PB__DATA_RESULT__INIT;

	message.data = field(data);
	return wire_pack(to, &message.base);
}

/* ---- results: decode ------------------------------------------------------------------------------------- */

struct status wire_ping_result_decode(struct bytes body, struct wire_arena *arena, struct wire_ping_result *ret_result)
{
	WirePb__PingResult *result;

	UNPACK(wire_pb__ping_result__descriptor, WIRE_RESULT_FACTOR, result);
	*ret_result = (struct wire_ping_result){ result->wire_protocol_version_maj, result->wire_protocol_version_min };
	return OK;
}

struct status wire_providers_decode(struct bytes body, struct wire_arena *arena, struct wire_providers *ret_list)
{
	WirePb__ListProvidersResult *result;
	struct wire_provider *item;

	UNPACK(wire_pb__list_providers_result__descriptor, WIRE_RESULT_FACTOR, result);
	TRY(wire_arena_array(arena, result->n_providers, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_providers; i++) {
		const WirePb__ProviderInfo *from = result->providers[i];

		item[i] = (struct wire_provider){ .uuid = view(from->uuid),
			.description = view(from->description),
			.vendor = view(from->vendor),
			.id = from->id,
			.version = { from->version_maj, from->version_min, from->version_rev } };
	}
	*ret_list = (struct wire_providers){ item, result->n_providers };
	return OK;
}

struct status wire_opcodes_decode(struct bytes body, struct wire_arena *arena, struct wire_opcodes *ret_list)
{
	WirePb__ListOpcodesResult *result;

	UNPACK(wire_pb__list_opcodes_result__descriptor, WIRE_RESULT_FACTOR, result);
	*ret_list = (struct wire_opcodes){ result->opcodes, result->n_opcodes };
	return OK;
}

struct status wire_authenticators_decode(
	struct bytes body, struct wire_arena *arena, struct wire_authenticators *ret_list)
{
	WirePb__ListAuthenticatorsResult *result;
	struct wire_authenticator *item;

	UNPACK(wire_pb__list_authenticators_result__descriptor, WIRE_RESULT_FACTOR, result);
	TRY(wire_arena_array(arena, result->n_authenticators, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_authenticators; i++) {
		const WirePb__AuthenticatorInfo *from = result->authenticators[i];

		item[i] = (struct wire_authenticator){ .description = view(from->description),
			.id = from->id,
			.version = { from->version_maj, from->version_min, from->version_rev } };
	}
	*ret_list = (struct wire_authenticators){ item, result->n_authenticators };
	return OK;
}

struct status wire_keys_decode(struct bytes body, struct wire_arena *arena, struct wire_keys *ret_list)
{
	WirePb__ListKeysResult *result;
	struct wire_key_info *item;

	UNPACK(wire_pb__list_keys_result__descriptor, WIRE_RESULT_FACTOR, result);
	TRY(wire_arena_array(arena, result->n_keys, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_keys; i++) {
		item[i].provider_id = result->keys[i]->provider_id;
		item[i].name = view(result->keys[i]->name);
		TRY(wire_attributes_get(result->keys[i]->attributes, &item[i].attributes));
	}
	*ret_list = (struct wire_keys){ item, result->n_keys };
	return OK;
}

struct status wire_clients_decode(struct bytes body, struct wire_arena *arena, struct wire_clients *ret_list)
{
	WirePb__ListClientsResult *result;
	struct bytes *item;

	UNPACK(wire_pb__list_clients_result__descriptor, WIRE_RESULT_FACTOR, result);
	TRY(wire_arena_array(arena, result->n_clients, sizeof(*item), (void **)&item));
	for (size_t i = 0; i < result->n_clients; i++)
		item[i] = view(result->clients[i]);
	*ret_list = (struct wire_clients){ item, result->n_clients };
	return OK;
}

struct status wire_data_result_decode(struct bytes body, struct wire_arena *arena, struct bytes *ret_data)
{
	WirePb__DataResult *result;

	UNPACK(wire_pb__data_result__descriptor, WIRE_RESULT_FACTOR, result);
	*ret_data = view(result->data);
	return OK;
}
