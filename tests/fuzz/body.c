/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies through every decoder, the first byte says which: within the budget, and what was read and written again
 * reads the same. */
#include "tests/fuzz/fuzz.h"

#include "wire/admin_pb.h"
#include "wire/psa_pb.h"

enum { PLANTED_BITS = 4096, ADMIN_BODIES = 0xe };

static void check_attributes(const struct psa_key_attributes *key)
{
	char name[PSA_NAME_BYTES];

	FUZZ_CHECK(key->kind > PSA_KEY_NONE && key->kind < PSA_KEY_KIND_COUNT);
	FUZZ_CHECK(key->alg.kind > PSA_ALG_ABSENT && key->alg.kind < PSA_ALG_KIND_COUNT);
	FUZZ_CHECK((key->usage & ~PSA_USAGE_ALL) == 0 && psa_usage_implied(key->usage) == key->usage);
	psa_alg_name(key->alg, name);
	(void)psa_key_name(key);
	(void)psa_signature_bytes(key);
	(void)psa_key_permits(key, PSA_USAGE_SIGN_HASH, key->alg);
}

static void fuzz_generate(struct bytes body, struct wire_arena *arena)
{
	struct wire_generate_key op, again;
	struct buf out = buf_make(2 * body.len + 1024);
	struct wire_arena second = { 0 };

	if (wire_generate_key_decode(body, arena, &op).code != STATUS_OK)
		return;
	check_attributes(&op.attributes);
	fuzz_plant_count(op.attributes.bits, PLANTED_BITS);
	FUZZ_CHECK(wire_generate_key_put(&out, &op).code == STATUS_OK);
	FUZZ_CHECK(wire_generate_key_decode(buf_bytes(&out), &second, &again).code == STATUS_OK);
	FUZZ_CHECK(bytes_equal(op.key_name, again.key_name));
	FUZZ_CHECK(memcmp(&op.attributes, &again.attributes, sizeof(op.attributes)) == 0);
	wire_arena_done(&second);
	buf_done(&out);
}

static void fuzz_verify(struct bytes body, struct wire_arena *arena)
{
	struct wire_verify op, again;
	struct wire_sign sign;
	struct buf out = buf_make(2 * body.len + 1024);
	struct wire_arena second = { 0 };

	(void)wire_sign_decode(body, arena, true, &sign);
	if (wire_verify_decode(body, arena, false, &op).code != STATUS_OK)
		return;
	FUZZ_CHECK(psa_alg_is_signature(op.alg));
	FUZZ_CHECK(wire_verify_put(&out, &op).code == STATUS_OK);
	FUZZ_CHECK(wire_verify_decode(buf_bytes(&out), &second, false, &again).code == STATUS_OK);
	FUZZ_CHECK(psa_alg_equal(op.alg, again.alg) && bytes_equal(op.data, again.data));
	FUZZ_CHECK(bytes_equal(op.key_name, again.key_name) && bytes_equal(op.signature, again.signature));
	wire_arena_done(&second);
	buf_done(&out);
}

static void fuzz_small(struct bytes body, struct wire_arena *arena)
{
	struct wire_list_opcodes opcodes;
	struct wire_delete_client client;
	struct wire_key_name key;
	struct wire_generate_random random;

	(void)wire_empty_decode(body, arena);
	(void)wire_list_opcodes_decode(body, arena, &opcodes);
	(void)wire_delete_client_decode(body, arena, &client);
	(void)wire_generate_random_decode(body, arena, &random);
	if (wire_key_name_decode(body, arena, &key).code == STATUS_OK &&
		wire_name_check(key.key_name).code == STATUS_OK)
		for (size_t i = 0; i < key.key_name.len; i++)
			FUZZ_CHECK(i < WIRE_NAME_MAX && key.key_name.data[i] >= 0x20);
}

static void fuzz_results(struct bytes body, struct wire_arena *arena)
{
	struct wire_ping_result ping;
	struct wire_providers providers;
	struct wire_authenticators authenticators;
	struct wire_opcodes opcodes;
	struct wire_clients clients;
	struct wire_keys keys;
	struct bytes data;

	(void)wire_ping_result_decode(body, arena, &ping);
	(void)wire_providers_decode(body, arena, &providers);
	(void)wire_authenticators_decode(body, arena, &authenticators);
	(void)wire_opcodes_decode(body, arena, &opcodes);
	(void)wire_clients_decode(body, arena, &clients);
	(void)wire_data_result_decode(body, arena, &data);
	if (wire_keys_decode(body, arena, &keys).code == STATUS_OK)
		for (size_t i = 0; i < keys.count; i++)
			check_attributes(&keys.item[i].attributes);
}

static void fuzz_admin(struct bytes body, struct wire_arena *arena)
{
	struct wire_admin_status status;
	struct wire_admin_keys keys;
	struct wire_admin_key_list list;
	struct wire_admin_hold hold;
	struct wire_admin_spaces spaces;
	struct wire_admin_space_list space_list;
	struct wire_admin_link link;
	struct wire_admin_strength strength;
	struct wire_admin_slice pins;
	struct wire_admin_pin_list pin_list;
	struct wire_admin_quota_list quota_list;
	struct wire_admin_penalty_list penalty_list;
	struct bytes owner;

	(void)wire_admin_nothing_decode(body, arena);
	(void)wire_admin_keys_decode(body, arena, &keys);
	(void)wire_admin_slice_decode(body, arena, &pins);
	(void)wire_admin_pin_list_decode(body, arena, &pin_list);
	(void)wire_admin_quota_list_decode(body, arena, &quota_list);
	(void)wire_admin_penalty_list_decode(body, arena, &penalty_list);
	(void)wire_admin_owner_decode(body, arena, &owner);
	(void)wire_admin_spaces_decode(body, arena, &spaces);
	(void)wire_admin_space_list_decode(body, arena, &space_list);
	if (wire_admin_link_decode(body, arena, &link).code == STATUS_OK)
		FUZZ_CHECK(link.from.len > 0 && link.to.len > 0);
	if (wire_admin_strength_decode(body, arena, &strength).code == STATUS_OK)
		FUZZ_CHECK(strength.authenticator >= 1 && strength.authenticator <= 4);
	if (wire_admin_hold_decode(body, arena, &hold).code == STATUS_OK)
		FUZZ_CHECK((hold.tenant.len > 0) != (hold.owner.len > 0));
	if (wire_admin_key_list_decode(body, arena, &list).code == STATUS_OK)
		for (size_t i = 0; i < list.count; i++)
			check_attributes(&list.item[i].attributes);
	if (wire_admin_status_decode(body, arena, &status).code == STATUS_OK)
		FUZZ_CHECK(status.provider_count + status.domain_count <= body.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(struct bytes, struct wire_arena *) = { fuzz_generate, fuzz_verify, fuzz_small,
		fuzz_results, fuzz_admin };
	struct wire_arena arena = { 0 };
	struct bytes body;

	if (size == 0)
		return 0;
	body = fuzz_copy(bytes_of(data + 1, size - 1));
	targets[data[0] >> 4 == ADMIN_BODIES ? 4 : data[0] % 4](body, &arena);
	wire_arena_done(&arena);
	FUZZ_CHECK(arena.blocks == NULL);
	fuzz_free(body);
	return 0;
}
