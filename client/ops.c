/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations: arguments to a body, the answer's body to values of the caller's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/handle.h"
#include "wire/opcode.h"

/* What the public header repeats, so that it needs no other. */
_Static_assert(KEYREEVE_USAGE_EXPORT == (int)PSA_USAGE_EXPORT, "usage");
_Static_assert(KEYREEVE_USAGE_SIGN_MESSAGE == (int)PSA_USAGE_SIGN_MESSAGE, "usage");
_Static_assert(KEYREEVE_USAGE_SIGN_HASH == (int)PSA_USAGE_SIGN_HASH, "usage");
_Static_assert(KEYREEVE_USAGE_VERIFY_HASH == (int)PSA_USAGE_VERIFY_HASH, "usage");
_Static_assert(KEYREEVE_USAGE_DERIVE == (int)PSA_USAGE_DERIVE, "usage");
_Static_assert(KEYREEVE_AUTH_JWT_SVID == (int)AUTH_TYPE_JWT_SVID, "auth");
_Static_assert(KEYREEVE_AUTH_UNIX_PEER == (int)AUTH_TYPE_UNIX_PEER, "auth");
_Static_assert(KEYREEVE_AUTH_ISSUER == (int)AUTH_TYPE_JWT, "auth");
_Static_assert(KEYREEVE_TOKEN_MAX == (int)FRAME_AUTH_MAX, "token");
_Static_assert(KEYREEVE_NAME_MAX == (int)WIRE_NAME_MAX, "name");
_Static_assert(KEYREEVE_SIGNATURE_MAX == (int)PSA_SIGNATURE_MAX_BYTES, "signature");
_Static_assert(KEYREEVE_PUBLIC_MAX == (int)PSA_PUBLIC_MAX_BYTES, "public key");
_Static_assert(KEYREEVE_HASH_MAX == (int)PSA_HASH_MAX_BYTES, "hash");
_Static_assert(KEYREEVE_MESSAGE_MAX < (int)FRAME_BODY_MAX, "message");

/* ---- the service ------------------------------------------------------------------------------------- */

enum keyreeve_result keyreeve_ping(struct keyreeve *k, unsigned *ret_major, unsigned *ret_minor)
{
	struct wire_ping_result result;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_ASK(OPCODE_PING, PROVIDER_ID_CORE, &body);
	st = wire_ping_result_decode(body, &k->arena, &result);
	if (st.code == STATUS_OK) {
		*ret_major = result.major;
		*ret_minor = result.minor;
	}
	return call_done(k, st);
}

enum keyreeve_result keyreeve_list_providers(struct keyreeve *k, struct keyreeve_providers *ret_list)
{
	struct wire_providers list;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_ASK(OPCODE_LIST_PROVIDERS, PROVIDER_ID_CORE, &body);
	st = wire_providers_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK) {
		struct keyreeve_provider *items = call_list(list.count, sizeof(*items));

		if (items == NULL)
			return call_done(k, FAIL(NO_MEMORY));
		for (size_t i = 0; i < list.count; i++) {
			items[i].id = (int)list.item[i].id;
			call_text(items[i].uuid, sizeof(items[i].uuid), list.item[i].uuid);
			call_text(items[i].vendor, sizeof(items[i].vendor), list.item[i].vendor);
			call_text(items[i].description, sizeof(items[i].description), list.item[i].description);
			memcpy(items[i].version, list.item[i].version, sizeof(items[i].version));
		}
		*ret_list = (struct keyreeve_providers){ items, list.count };
	}
	return call_done(k, st);
}

void keyreeve_providers_free(struct keyreeve_providers *list)
{
	free(list->items);
	*list = (struct keyreeve_providers){ 0 };
}

enum keyreeve_result keyreeve_list_authenticators(struct keyreeve *k, struct keyreeve_authenticators *ret_list)
{
	struct wire_authenticators list;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_ASK(OPCODE_LIST_AUTHENTICATORS, PROVIDER_ID_CORE, &body);
	st = wire_authenticators_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK) {
		struct keyreeve_authenticator *items = call_list(list.count, sizeof(*items));

		if (items == NULL)
			return call_done(k, FAIL(NO_MEMORY));
		for (size_t i = 0; i < list.count; i++) {
			items[i].id = (int)list.item[i].id;
			call_text(items[i].description, sizeof(items[i].description), list.item[i].description);
			memcpy(items[i].version, list.item[i].version, sizeof(items[i].version));
		}
		*ret_list = (struct keyreeve_authenticators){ items, list.count };
	}
	return call_done(k, st);
}

void keyreeve_authenticators_free(struct keyreeve_authenticators *list)
{
	free(list->items);
	*list = (struct keyreeve_authenticators){ 0 };
}

enum keyreeve_result keyreeve_list_opcodes(struct keyreeve *k, int provider, struct keyreeve_opcodes *ret_list)
{
	struct wire_list_opcodes op = { .provider_id = (uint32_t)provider };
	struct wire_opcodes list;
	struct bytes body;
	struct status st;

	call_begin(k);
	if (provider < 0)
		return call_invalid(k, "no such provider", "");
	CALL_PUT(wire_list_opcodes_put(&k->body, &op));
	CALL_ASK(OPCODE_LIST_OPCODES, PROVIDER_ID_CORE, &body);
	st = wire_opcodes_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK) {
		uint32_t *items = call_list(list.count, sizeof(*items));

		if (items == NULL)
			return call_done(k, FAIL(NO_MEMORY));
		if (list.count > 0)
			memcpy(items, list.item, list.count * sizeof(*items));
		*ret_list = (struct keyreeve_opcodes){ items, list.count };
	}
	return call_done(k, st);
}

void keyreeve_opcodes_free(struct keyreeve_opcodes *list)
{
	free(list->items);
	*list = (struct keyreeve_opcodes){ 0 };
}

const char *keyreeve_opcode_name(uint32_t opcode)
{
	return opcode_name(opcode);
}

/* ---- keys -------------------------------------------------------------------------------------------- */

void call_key(struct keyreeve_key *to, const struct wire_key_info *from)
{
	const char *type = psa_key_name(&from->attributes);
	char alg[PSA_NAME_BYTES];

	to->provider = (int)from->provider_id;
	call_text(to->name, sizeof(to->name), from->name);
	to->name_len = strlen(to->name);
	(void)snprintf(to->type, sizeof(to->type), "%s", type != NULL ? type : "other");
	to->bits = from->attributes.bits;
	psa_alg_name(from->attributes.alg, alg);
	(void)snprintf(to->alg, sizeof(to->alg), "%s", alg);
	to->usage = from->attributes.usage;
}

enum keyreeve_result keyreeve_list_keys(struct keyreeve *k, struct keyreeve_keys *ret_list)
{
	struct wire_keys list;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_ASK(OPCODE_LIST_KEYS, PROVIDER_ID_CORE, &body);
	st = wire_keys_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK) {
		struct keyreeve_key *items = call_list(list.count, sizeof(*items));

		if (items == NULL)
			return call_done(k, FAIL(NO_MEMORY));
		for (size_t i = 0; i < list.count; i++)
			call_key(&items[i], &list.item[i]);
		*ret_list = (struct keyreeve_keys){ items, list.count };
	}
	return call_done(k, st);
}

void keyreeve_keys_free(struct keyreeve_keys *list)
{
	free(list->items);
	*list = (struct keyreeve_keys){ 0 };
}

enum {
	USAGE_DEFAULT = PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE | PSA_USAGE_VERIFY_HASH | PSA_USAGE_VERIFY_MESSAGE
};

enum keyreeve_result keyreeve_generate_key(
	struct keyreeve *k, const char *name, const char *type, const char *alg, unsigned usage)
{
	struct wire_generate_key op = { .key_name = bytes_from_text(name) };
	struct bytes body;

	call_begin(k);
	if (!psa_key_from_name(type, &op.attributes))
		return call_invalid(
			k, "unknown key type", "types are ecc-p256, ecc-p384, ecc-p521, rsa-2048, rsa-3072, rsa-4096");
	if (!psa_alg_from_name(alg, &op.attributes.alg))
		return call_invalid(k, "unknown algorithm",
			"for example ecdsa-sha-256, ecdsa-any, rsa-pss-sha-256, rsa-pkcs1v15-any");
	if ((usage & ~(unsigned)PSA_USAGE_ALL) != 0)
		return call_invalid(k, "unknown usage flag", "");
	op.attributes.usage = psa_usage_implied((uint16_t)(usage != 0 ? usage : USAGE_DEFAULT));
	CALL_PUT(wire_name_check(op.key_name));
	CALL_PUT(wire_generate_key_put(&k->body, &op));
	CALL_ASK(OPCODE_PSA_GENERATE_KEY, CALL_IMPLICIT, &body);
	return call_done(k, OK);
}

static struct status name_put(struct keyreeve *k, const char *name)
{
	struct wire_key_name op = { .key_name = bytes_from_text(name) };

	TRY(wire_name_check(op.key_name));
	return wire_key_name_put(&k->body, &op);
}

enum keyreeve_result keyreeve_destroy_key(struct keyreeve *k, const char *name)
{
	struct bytes body;

	call_begin(k);
	CALL_PUT(name_put(k, name));
	CALL_ASK(OPCODE_PSA_DESTROY_KEY, CALL_IMPLICIT, &body);
	return call_done(k, OK);
}

/* The one data field of the answer into the caller's room. */
static enum keyreeve_result data_take(struct keyreeve *k, struct bytes body, uint8_t *to, size_t *len)
{
	struct bytes data;
	struct status st = wire_data_result_decode(body, &k->arena, &data);

	if (st.code == STATUS_OK && data.len > *len) {
		call_end(k);
		return call_invalid(k, "the buffer is too small for the answer", "");
	}
	if (st.code == STATUS_OK) {
		if (data.len > 0)
			memcpy(to, data.data, data.len);
		*len = data.len;
	}
	return call_done(k, st);
}

enum keyreeve_result keyreeve_export_public_key(
	struct keyreeve *k, const char *name, uint8_t *ret_data, size_t *ret_len)
{
	struct bytes body;

	call_begin(k);
	CALL_PUT(name_put(k, name));
	CALL_ASK(OPCODE_PSA_EXPORT_PUBLIC_KEY, CALL_IMPLICIT, &body);
	return data_take(k, body, ret_data, ret_len);
}

/* ---- signatures -------------------------------------------------------------------------------------- */

static bool alg_parse(const char *text, struct psa_alg *ret_alg)
{
	return psa_alg_from_name(text, ret_alg) && psa_alg_is_signature(*ret_alg) && ret_alg->hash != PSA_HASH_ANY;
}

#define ALG_HINT "for example ecdsa-sha-256, rsa-pss-sha-256, rsa-pkcs1v15-sha-256"

static enum keyreeve_result sign(struct keyreeve *k, struct wire_sign *op, const char *alg, uint8_t *to, size_t *len)
{
	struct bytes body;

	call_begin(k);
	if (!alg_parse(alg, &op->alg))
		return call_invalid(k, "not a signature algorithm with a hash", ALG_HINT);
	CALL_PUT(wire_name_check(op->key_name));
	CALL_PUT(wire_sign_put(&k->body, op));
	CALL_ASK(op->is_message ? OPCODE_PSA_SIGN_MESSAGE : OPCODE_PSA_SIGN_HASH, CALL_IMPLICIT, &body);
	return data_take(k, body, to, len);
}

enum keyreeve_result keyreeve_sign_hash(struct keyreeve *k, const char *name, const char *alg, const uint8_t *hash,
	size_t hash_len, uint8_t *ret_signature, size_t *ret_len)
{
	struct wire_sign op = { .key_name = bytes_from_text(name), .data = bytes_of(hash, hash_len) };

	return sign(k, &op, alg, ret_signature, ret_len);
}

enum keyreeve_result keyreeve_sign_message(struct keyreeve *k, const char *name, const char *alg,
	const uint8_t *message, size_t message_len, uint8_t *ret_signature, size_t *ret_len)
{
	struct wire_sign op = {
		.key_name = bytes_from_text(name), .data = bytes_of(message, message_len), .is_message = true
	};

	if (message_len > KEYREEVE_MESSAGE_MAX)
		return call_invalid(k, "the message is too long", "hash it, and sign the hash");
	return sign(k, &op, alg, ret_signature, ret_len);
}

static enum keyreeve_result verify(struct keyreeve *k, struct wire_verify *op, const char *alg)
{
	struct bytes body;

	call_begin(k);
	if (!alg_parse(alg, &op->alg))
		return call_invalid(k, "not a signature algorithm with a hash", ALG_HINT);
	CALL_PUT(wire_name_check(op->key_name));
	CALL_PUT(wire_verify_put(&k->body, op));
	CALL_ASK(op->is_message ? OPCODE_PSA_VERIFY_MESSAGE : OPCODE_PSA_VERIFY_HASH, CALL_IMPLICIT, &body);
	return call_done(k, OK);
}

enum keyreeve_result keyreeve_verify_hash(struct keyreeve *k, const char *name, const char *alg, const uint8_t *hash,
	size_t hash_len, const uint8_t *signature, size_t signature_len)
{
	struct wire_verify op = { .key_name = bytes_from_text(name),
		.data = bytes_of(hash, hash_len),
		.signature = bytes_of(signature, signature_len) };

	return verify(k, &op, alg);
}

enum keyreeve_result keyreeve_verify_message(struct keyreeve *k, const char *name, const char *alg,
	const uint8_t *message, size_t message_len, const uint8_t *signature, size_t signature_len)
{
	struct wire_verify op = { .key_name = bytes_from_text(name),
		.data = bytes_of(message, message_len),
		.signature = bytes_of(signature, signature_len),
		.is_message = true };

	if (message_len > KEYREEVE_MESSAGE_MAX)
		return call_invalid(k, "the message is too long", "hash it, and verify the hash");
	return verify(k, &op, alg);
}

enum keyreeve_result keyreeve_generate_random(struct keyreeve *k, uint8_t *ret_data, size_t len)
{
	struct wire_generate_random op = { .size = len };
	struct bytes body, data;
	struct status st;

	call_begin(k);
	if (len > KEYREEVE_RANDOM_MAX)
		return call_invalid(k, "more than 1 MiB of random bytes", "ask several times");
	CALL_PUT(wire_generate_random_put(&k->body, &op));
	CALL_ASK(OPCODE_PSA_GENERATE_RANDOM, CALL_IMPLICIT, &body);
	st = wire_data_result_decode(body, &k->arena, &data);
	if (st.code == STATUS_OK && data.len != len)
		st = FAIL(CLIENT_ANSWER);
	if (st.code == STATUS_OK && len > 0)
		memcpy(ret_data, data.data, len);
	return call_done(k, st);
}

/* ---- administration ---------------------------------------------------------------------------------- */

static struct status clients_fill(const struct wire_clients *list, struct keyreeve_clients *to)
{
	for (size_t i = 0; i < list->count; i++) {
		struct keyreeve_client *item = &to->items[i];

		item->name = malloc(list->item[i].len + 1);
		ENSURE(item->name != NULL, NO_MEMORY);
		to->count = i + 1;
		call_text(item->name, list->item[i].len + 1, list->item[i]);
		item->name_len = list->item[i].len;
	}
	return OK;
}

enum keyreeve_result keyreeve_list_clients(struct keyreeve *k, struct keyreeve_clients *ret_list)
{
	struct keyreeve_clients clients = { 0 };
	struct wire_clients list;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_ASK(OPCODE_LIST_CLIENTS, PROVIDER_ID_CORE, &body);
	st = wire_clients_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK) {
		clients.items = call_list(list.count, sizeof(*clients.items));
		st = clients.items != NULL ? clients_fill(&list, &clients) : FAIL(NO_MEMORY);
	}
	if (st.code == STATUS_OK)
		*ret_list = clients;
	else
		keyreeve_clients_free(&clients);
	return call_done(k, st);
}

void keyreeve_clients_free(struct keyreeve_clients *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
	*list = (struct keyreeve_clients){ 0 };
}

enum keyreeve_result keyreeve_delete_client(struct keyreeve *k, const char *client)
{
	struct wire_delete_client op = { .client = bytes_from_text(client) };

	call_begin(k);
	return call_act(k, OPCODE_DELETE_CLIENT, wire_delete_client_put(&k->body, &op));
}
