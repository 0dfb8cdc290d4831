/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies: every operation's fields against bytes that are written here by field number (so that our .proto copies
 * are held to the wire reference, not to themselves), each refusal with its status, and hostile bodies.
 * Conformance checklist (section 22) rows 41 to 46; reference section 3 (B8, B9), 7, 8. */
#include "tests/support/unit.h"

#include "wire/opcode.h"
#include "wire/psa_pb.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- Protobuf by hand ------------------------------------------------------------------------------- */

struct pb {
	uint8_t data[1024];
	size_t len;
};
enum { VARINT = 0, SIZED = 2 };

static struct pb pb_raw(struct pb p, uint64_t value)
{
	do {
		p.data[p.len++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value > 0);
	return p;
}

static struct pb pb_uint(struct pb p, unsigned number, uint64_t value)
{
	return pb_raw(pb_raw(p, number << 3 | VARINT), value);
}

static struct pb pb_bytes(struct pb p, unsigned number, struct bytes bytes)
{
	p = pb_raw(pb_raw(p, number << 3 | SIZED), bytes.len);
	if (bytes.len > 0)
		memcpy(p.data + p.len, bytes.data, bytes.len);
	p.len += bytes.len;
	return p;
}

static struct pb pb_text(struct pb p, unsigned number, const char *text)
{
	return pb_bytes(p, number, bytes_from_text(text));
}

static struct pb pb_sub(struct pb p, unsigned number, struct pb inner)
{
	return pb_bytes(p, number, bytes_of(inner.data, inner.len));
}

static const struct pb none = { .len = 0 };

/* AsymmetricSignature with a specific hash, with "any", and without. */
static struct pb signature(unsigned arm, unsigned hash)
{
	return pb_sub(none, arm, pb_sub(none, 1, pb_uint(none, 2, hash)));
}

static struct pb signature_any(unsigned arm)
{
	return pb_sub(none, arm, pb_sub(none, 1, pb_sub(none, 1, none)));
}

static struct pb ecc_pair(unsigned family)
{
	return pb_sub(none, 11, pb_uint(none, 1, family));
}

static struct pb attributes(struct pb type, unsigned bits, struct pb usage, struct pb alg)
{
	return pb_sub(pb_uint(pb_sub(none, 1, type), 2, bits), 3, pb_sub(pb_sub(none, 1, usage), 2, alg));
}

static struct pb generate(struct pb attrs)
{
	return pb_sub(pb_text(none, 1, "web"), 2, attrs);
}

/* P-256, sign_hash, ECDSA with SHA-256: what the tests vary. */
static struct pb usual_usage(void)
{
	return pb_uint(none, 8, 1);
}

static struct pb usual_attributes(void)
{
	return attributes(ecc_pair(2), 256, usual_usage(), pb_sub(none, 6, signature(4, 7)));
}

static struct bytes view(const struct pb *p)
{
	return bytes_of(p->data, p->len);
}

static struct status run_generate(struct pb body, struct wire_generate_key *ret_op)
{
	struct wire_arena arena = { 0 };
	struct status st = wire_generate_key_decode(view(&body), &arena, ret_op);

	ret_op->key_name = (struct bytes){ 0 }; /* it dies here */
	wire_arena_done(&arena);
	assert_null(arena.blocks);
	return st;
}

/* ---- operations ------------------------------------------------------------------------------------- */

static void generate_key_is_read_field_by_field(void **state)
{
	struct pb body = generate(usual_attributes());
	struct wire_arena arena = { 0 };
	struct wire_generate_key op;

	(void)state;
	assert_ok(wire_generate_key_decode(view(&body), &arena, &op));
	assert_bytes(op.key_name, BYTES_LITERAL("web"));
	assert_int_equal(op.attributes.kind, PSA_KEY_ECC_PAIR);
	assert_int_equal(op.attributes.family, PSA_ECC_SECP_R1);
	assert_int_equal(op.attributes.bits, 256);
	assert_int_equal(op.attributes.usage, PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE);
	assert_true(psa_alg_equal(op.attributes.alg, (struct psa_alg){ PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 }));
	wire_arena_done(&arena);
}

static void name_with_a_null_keeps_its_length(void **state)
{
	struct pb body = pb_bytes(none, 1, bytes_of("abc\0def", 7));
	struct wire_arena arena = { 0 };
	struct wire_key_name op;

	(void)state;
	assert_ok(wire_key_name_decode(view(&body), &arena, &op));
	assert_int_equal(op.key_name.len, 7);
	assert_fails(wire_name_check(op.key_name), NAME_CONTROL);
	wire_arena_done(&arena);
}

static void sign_and_verify_are_read(void **state)
{
	struct pb body = pb_text(pb_text(pb_sub(pb_text(none, 1, "web"), 2, signature(3, 9)), 3, "hash"), 4, "signed");
	struct wire_arena arena = { 0 };
	struct wire_verify verify;
	struct wire_sign sign;

	(void)state;
	assert_ok(wire_verify_decode(view(&body), &arena, true, &verify));
	assert_bytes(verify.key_name, BYTES_LITERAL("web"));
	assert_bytes(verify.data, BYTES_LITERAL("hash"));
	assert_bytes(verify.signature, BYTES_LITERAL("signed"));
	assert_true(verify.is_message);
	assert_true(psa_alg_equal(verify.alg, (struct psa_alg){ PSA_ALG_RSA_PSS, PSA_HASH_SHA_512, 0, 0, 0 }));
	assert_ok(wire_sign_decode(view(&body), &arena, false, &sign)); /* field 4 is unknown there, so skipped */
	assert_bytes(sign.data, BYTES_LITERAL("hash"));
	assert_false(sign.is_message);
	wire_arena_done(&arena);
}

static void small_operations_are_read(void **state)
{
	struct pb opcodes = pb_uint(none, 1, 300), client = pb_text(none, 1, "app"),
		  random = pb_uint(none, 1, UINT64_MAX);
	struct wire_arena arena = { 0 };
	struct wire_list_opcodes list;
	struct wire_delete_client delete;
	struct wire_generate_random generate_random;

	(void)state;
	assert_ok(wire_list_opcodes_decode(view(&opcodes), &arena, &list));
	assert_int_equal(list.provider_id, 300);
	assert_ok(wire_delete_client_decode(view(&client), &arena, &delete));
	assert_bytes(delete.client, BYTES_LITERAL("app"));
	assert_ok(wire_generate_random_decode(view(&random), &arena, &generate_random));
	assert_true(generate_random.size == UINT64_MAX);
	assert_ok(wire_generate_random_decode((struct bytes){ 0 }, &arena, &generate_random));
	assert_true(generate_random.size == 0);
	wire_arena_done(&arena);
}

/* ---- refusals: B8 against B9 --------------------------------------------------------------------------- */

static struct pb with_type(struct pb type)
{
	return generate(attributes(type, 256, usual_usage(), pb_sub(none, 6, signature(4, 7))));
}

static struct pb with_alg(struct pb alg)
{
	return generate(attributes(ecc_pair(2), 256, usual_usage(), alg));
}

#define NEGATIVE 0xffffffffffffffffu /* -1 as an enumeration is sent */

static void semantic_errors_are_16(void **state)
{
	const struct {
		const char *what;
		struct pb body;
	} * rows, table[] = {
		{ "no attributes", pb_text(none, 1, "web") },
		{ "empty attributes", generate(none) },
		{ "no key type", generate(pb_sub(none, 3, pb_sub(pb_sub(none, 1, none), 2, pb_sub(none, 1, none)))) },
		{ "key type without an arm", with_type(none) },
		{ "key type of an unknown arm", with_type(pb_sub(none, 15, none)) },
		{ "no policy", generate(pb_sub(none, 1, ecc_pair(2))) },
		{ "no usage flags",
			generate(pb_sub(pb_sub(none, 1, ecc_pair(2)), 3, pb_sub(none, 2, pb_sub(none, 1, none)))) },
		{ "no algorithm", generate(pb_sub(pb_sub(none, 1, ecc_pair(2)), 3, pb_sub(none, 1, none))) },
		{ "algorithm with no arm", with_alg(none) },
		{ "ECC family 0", with_type(ecc_pair(0)) },
		{ "ECC family absent", with_type(pb_sub(none, 11, none)) },
		{ "ECC family 10", with_type(ecc_pair(10)) },
		{ "ECC family -1", with_type(pb_sub(none, 12, pb_uint(none, 1, NEGATIVE))) },
		{ "DH family 1", with_type(pb_sub(none, 13, pb_uint(none, 1, 1))) },
		{ "hash enum 77", with_alg(pb_sub(none, 6, signature(4, 77))) },
		{ "hash enum 0", with_alg(pb_sub(none, 6, signature(4, 0))) },
		{ "hash enum -1",
			with_alg(pb_sub(none, 6, pb_sub(none, 4, pb_sub(none, 1, pb_uint(none, 2, NEGATIVE))))) },
		{ "our own number of any", with_alg(pb_sub(none, 6, signature(4, 255))) },
		{ "hash algorithm 0", with_alg(pb_uint(none, 2, 0)) },
		{ "hash algorithm 16", with_alg(pb_uint(none, 2, 16)) },
		{ "cipher 0", with_alg(pb_uint(none, 4, 0)) },
		{ "cipher 9", with_alg(pb_uint(none, 4, 9)) },
		{ "signature without an arm", with_alg(pb_sub(none, 6, none)) },
		{ "signature without its hash", with_alg(pb_sub(none, 6, pb_sub(none, 4, none))) },
		{ "signature hash without an arm", with_alg(pb_sub(none, 6, pb_sub(none, 4, pb_sub(none, 1, none)))) },
		{ "MAC without an arm", with_alg(pb_sub(none, 3, none)) },
		{ "full MAC without an arm", with_alg(pb_sub(none, 3, pb_sub(none, 1, none))) },
		{ "HMAC without hash", with_alg(pb_sub(none, 3, pb_sub(none, 1, pb_sub(none, 1, none)))) },
		{ "truncated MAC without MAC", with_alg(pb_sub(none, 3, pb_sub(none, 2, pb_uint(none, 2, 8)))) },
		{ "MAC truncated to nothing",
			with_alg(pb_sub(none, 3, pb_sub(none, 2, pb_sub(none, 1, pb_sub(none, 3, none))))) },
		{ "AEAD without an arm", with_alg(pb_sub(none, 5, none)) },
		{ "AEAD 0", with_alg(pb_sub(none, 5, pb_uint(none, 1, 0))) },
		{ "AEAD 4", with_alg(pb_sub(none, 5, pb_uint(none, 1, 4))) },
		{ "AEAD with a tag of nothing", with_alg(pb_sub(none, 5, pb_sub(none, 2, pb_uint(none, 1, 2)))) },
		{ "encryption without an arm", with_alg(pb_sub(none, 7, none)) },
		{ "OAEP without hash", with_alg(pb_sub(none, 7, pb_sub(none, 2, none))) },
		{ "agreement without an arm", with_alg(pb_sub(none, 8, none)) },
		{ "raw agreement 0", with_alg(pb_sub(none, 8, pb_uint(none, 1, 0))) },
		{ "raw agreement 3", with_alg(pb_sub(none, 8, pb_uint(none, 1, 3))) },
		{ "agreement without derivation", with_alg(pb_sub(none, 8, pb_sub(none, 2, pb_uint(none, 1, 2)))) },
		{ "derivation without an arm", with_alg(pb_sub(none, 9, none)) },
		{ "derivation without hash", with_alg(pb_sub(none, 9, pb_sub(none, 1, none))) },
	};
	struct wire_generate_key op;

	(void)state;
	rows = table;
	for (size_t i = 0; i < COUNT(table); i++) {
		print_message("%s\n", rows[i].what);
		op.attributes.bits = 4711;
		assert_fails(run_generate(rows[i].body, &op), BODY_FIELD);
		assert_int_equal(op.attributes.bits, 4711);
	}
	assert_int_equal(status_wire(STATUS_BODY_FIELD), 16);
}

static void signature_algorithm_is_needed_to_sign(void **state)
{
	struct pb without = pb_text(pb_text(none, 1, "web"), 3, "hash");
	struct pb empty = pb_sub(without, 2, none);
	struct wire_arena arena = { 0 };
	struct wire_sign sign;
	struct wire_verify verify;

	(void)state;
	assert_fails(wire_sign_decode(view(&without), &arena, false, &sign), BODY_FIELD);
	assert_fails(wire_sign_decode(view(&empty), &arena, false, &sign), BODY_FIELD);
	assert_fails(wire_verify_decode(view(&without), &arena, false, &verify), BODY_FIELD);
	wire_arena_done(&arena);
}

static void syntax_errors_are_7(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} rows[] = {
		{ "FF", "\xff", 1 },
		{ "tag without value", "\x08", 1 },
		{ "field number 0", "\x00\x00", 2 },
		{ "wire type 7", "\x0f\x00", 2 },
		{ "group start", "\x0b\x0c", 2 },
		{ "length beyond the end",
			"\x0a\x05"
			"ab",
			4 },
		{ "length of 2^63", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10 },
		{ "endless varint", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13 },
		{ "fixed32 cut", "\x15\x01\x02\x03", 4 },
		{ "fixed64 cut", "\x11\x01\x02\x03\x04\x05\x06\x07", 8 },
	};
	struct wire_arena arena = { 0 };
	struct wire_key_name op;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].what);
		assert_fails(wire_empty_decode(bytes_of(rows[i].bytes, rows[i].len), &arena), BODY_SYNTAX);
		assert_fails(wire_key_name_decode(bytes_of(rows[i].bytes, rows[i].len), &arena, &op), BODY_SYNTAX);
	}
	assert_fails(wire_key_name_decode(BYTES_LITERAL("\x08\x01"), &arena, &op), BODY_SYNTAX); /* name as a varint */
	assert_int_equal(status_wire(STATUS_BODY_SYNTAX), 7);
	wire_arena_done(&arena);
}

/* ---- what passes ------------------------------------------------------------------------------------- */

static void unknown_fields_are_skipped(void **state)
{
	struct pb ping = pb_uint(pb_text(none, 99, "later"), 100, 7);
	struct pb body = pb_sub(pb_uint(generate(usual_attributes()), 99, 1), 5, usual_attributes());
	struct wire_arena arena = { 0 };
	struct wire_generate_key op;

	(void)state;
	assert_ok(wire_empty_decode(view(&ping), &arena));
	assert_ok(wire_empty_decode((struct bytes){ 0 }, &arena));
	assert_ok(run_generate(body, &op));
	assert_int_equal(op.attributes.bits, 256);
	wire_arena_done(&arena);
}

static void last_of_duplicate_scalars_wins(void **state)
{
	struct pb body = pb_text(pb_text(none, 1, "first"), 1, "second");
	struct pb random = pb_uint(pb_uint(none, 1, 5), 1, 6);
	struct wire_arena arena = { 0 };
	struct wire_key_name op;
	struct wire_generate_random size;

	(void)state;
	assert_ok(wire_key_name_decode(view(&body), &arena, &op));
	assert_bytes(op.key_name, BYTES_LITERAL("second"));
	assert_ok(wire_generate_random_decode(view(&random), &arena, &size));
	assert_true(size.size == 6);
	wire_arena_done(&arena);
}

static void duplicate_messages_are_merged_or_refused_but_never_crash(void **state)
{
	struct pb body = pb_sub(generate(usual_attributes()), 2, pb_uint(none, 2, 384));
	struct pb two_arms = generate(attributes(
		pb_sub(ecc_pair(2), 10, none), 2048, usual_usage(), pb_sub(pb_sub(none, 1, none), 6, signature(1, 7))));
	struct wire_generate_key op;

	(void)state;
	assert_ok(run_generate(body, &op));
	assert_int_equal(op.attributes.bits, 384);
	assert_int_equal(op.attributes.kind, PSA_KEY_ECC_PAIR);
	assert_ok(run_generate(two_arms, &op));
	assert_int_equal(op.attributes.kind, PSA_KEY_RSA_PAIR);
	assert_int_equal(op.attributes.alg.kind, PSA_ALG_RSA_PKCS1V15_SIGN);
}

static void usage_flags_imply_their_messages(void **state)
{
	static const struct {
		unsigned flag;
		uint16_t want;
	} rows[] = { { 1, PSA_USAGE_EXPORT }, { 2, PSA_USAGE_COPY }, { 3, PSA_USAGE_CACHE }, { 4, PSA_USAGE_ENCRYPT },
		{ 5, PSA_USAGE_DECRYPT }, { 6, PSA_USAGE_SIGN_MESSAGE }, { 7, PSA_USAGE_VERIFY_MESSAGE },
		{ 8, PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE },
		{ 9, PSA_USAGE_VERIFY_HASH | PSA_USAGE_VERIFY_MESSAGE }, { 10, PSA_USAGE_DERIVE } };
	struct wire_generate_key op;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pb attrs = attributes(ecc_pair(2), 256, pb_uint(none, rows[i].flag, 1), pb_sub(none, 1, none));

		assert_ok(run_generate(generate(attrs), &op));
		assert_int_equal(op.attributes.usage, rows[i].want);
		assert_int_equal(op.attributes.alg.kind, PSA_ALG_NONE);
	}
}

static void every_algorithm_is_read(void **state)
{
	struct pb hmac = pb_sub(none, 1, pb_uint(none, 1, 7)), hkdf = pb_sub(none, 2, pb_uint(none, 1, 8));
	const struct {
		struct pb alg;
		struct psa_alg want;
	} rows[] = {
		{ pb_sub(none, 1, none), { PSA_ALG_NONE, 0, 0, 0, 0 } },
		{ pb_uint(none, 2, 13), { PSA_ALG_HASH, 13, 0, 0, 0 } },
		{ pb_sub(none, 3, pb_sub(none, 1, hmac)), { PSA_ALG_HMAC, 7, 0, 0, 0 } },
		{ pb_sub(none, 3, pb_sub(none, 1, pb_sub(none, 2, none))), { PSA_ALG_CBC_MAC, 0, 0, 0, 0 } },
		{ pb_sub(none, 3, pb_sub(none, 1, pb_sub(none, 3, none))), { PSA_ALG_CMAC, 0, 0, 0, 0 } },
		{ pb_sub(none, 3, pb_sub(none, 2, pb_uint(pb_sub(none, 1, hmac), 2, 16))),
			{ PSA_ALG_HMAC, 7, 0, 0, 16 } },
		{ pb_uint(none, 4, 8), { PSA_ALG_CIPHER, 0, 8, 0, 0 } },
		{ pb_sub(none, 5, pb_uint(none, 1, 3)), { PSA_ALG_AEAD, 0, 3, 0, 0 } },
		{ pb_sub(none, 5, pb_sub(none, 2, pb_uint(pb_uint(none, 1, 2), 2, 12))),
			{ PSA_ALG_AEAD, 0, 2, 0, 12 } },
		{ pb_sub(none, 6, signature(1, 7)), { PSA_ALG_RSA_PKCS1V15_SIGN, 7, 0, 0, 0 } },
		{ pb_sub(none, 6, pb_sub(none, 2, none)), { PSA_ALG_RSA_PKCS1V15_SIGN_RAW, 0, 0, 0, 0 } },
		{ pb_sub(none, 6, signature(3, 8)), { PSA_ALG_RSA_PSS, 8, 0, 0, 0 } },
		{ pb_sub(none, 6, signature_any(4)), { PSA_ALG_ECDSA, PSA_HASH_ANY, 0, 0, 0 } },
		{ pb_sub(none, 6, pb_sub(none, 5, none)), { PSA_ALG_ECDSA_ANY, 0, 0, 0, 0 } },
		{ pb_sub(none, 6, signature(6, 9)), { PSA_ALG_DETERMINISTIC_ECDSA, 9, 0, 0, 0 } },
		{ pb_sub(none, 7, pb_sub(none, 1, none)), { PSA_ALG_RSA_PKCS1V15_CRYPT, 0, 0, 0, 0 } },
		{ pb_sub(none, 7, pb_sub(none, 2, pb_uint(none, 1, 7))), { PSA_ALG_RSA_OAEP, 7, 0, 0, 0 } },
		{ pb_sub(none, 8, pb_uint(none, 1, 2)), { PSA_ALG_KEY_AGREEMENT, 0, 2, 0, 0 } },
		{ pb_sub(none, 8, pb_sub(none, 2, pb_sub(pb_uint(none, 1, 2), 2, hkdf))),
			{ PSA_ALG_KEY_AGREEMENT, 8, 2, 2, 0 } },
		{ pb_sub(none, 9, hkdf), { PSA_ALG_KEY_DERIVATION, 8, 2, 0, 0 } },
	};
	struct wire_generate_key op;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_ok(run_generate(with_alg(rows[i].alg), &op));
		assert_true(psa_alg_equal(op.attributes.alg, rows[i].want));
	}
}

static void every_key_type_is_read(void **state)
{
	struct wire_generate_key op;

	(void)state;
	for (unsigned arm = 1; arm < PSA_KEY_KIND_COUNT; arm++) {
		bool ecc = arm == 11 || arm == 12;

		assert_ok(run_generate(with_type(pb_sub(none, arm, ecc ? pb_uint(none, 1, 9) : none)), &op));
		assert_int_equal(op.attributes.kind, arm);
		assert_int_equal(op.attributes.family, ecc ? 9 : 0);
	}
}

/* ---- hostile bodies ------------------------------------------------------------------------------------ */

/* Each prefix fails, or is itself a complete body of fewer fields: never a crash, never more than its bytes said. */
static void bodies_cut_at_every_byte_fail_cleanly(void **state)
{
	struct pb generated = generate(usual_attributes());
	struct pb verify = pb_text(pb_text(pb_sub(pb_text(none, 1, "web"), 2, signature(4, 7)), 3, "data"), 4, "sig");
	size_t whole = 0;

	(void)state;
	for (size_t len = 0; len < generated.len; len++) {
		uint8_t *cut = test_malloc(len + 1); /* of its own, so that a read past it is seen */
		struct wire_generate_key op;
		struct wire_arena arena = { 0 };
		struct status st;

		memcpy(cut, generated.data, len);
		st = wire_generate_key_decode(bytes_of(cut, len), &arena, &op);
		assert_true(st.code == STATUS_BODY_SYNTAX || st.code == STATUS_BODY_FIELD);
		wire_arena_done(&arena);
		test_free(cut);
	}
	for (size_t len = 0; len < verify.len; len++) {
		struct wire_arena arena = { 0 };
		struct wire_verify op;
		struct status st = wire_verify_decode(bytes_of(verify.data, len), &arena, false, &op);

		assert_true(st.code == STATUS_OK || st.code == STATUS_BODY_SYNTAX || st.code == STATUS_BODY_FIELD);
		whole += st.code == STATUS_OK;
		wire_arena_done(&arena);
	}
	assert_int_equal(whole, 2); /* after the algorithm, and after the data */
}

static void mebibyte_of_unknown_fields_exceeds_the_budget(void **state)
{
	enum { LEN = 1024 * 1024 };
	uint8_t *body = test_malloc(LEN);
	struct wire_arena arena = { 0 };
	struct wire_key_name op;

	(void)state;
	for (size_t i = 0; i < LEN; i += 2) {
		body[i] = 2 << 3 | VARINT;
		body[i + 1] = 1;
	}
	assert_fails(wire_key_name_decode(bytes_of(body, LEN), &arena, &op), BODY_BUDGET);
	assert_fails(wire_empty_decode(bytes_of(body, LEN), &arena), BODY_BUDGET);
	assert_int_equal(status_wire(STATUS_BODY_BUDGET), 20);
	wire_arena_done(&arena);
	test_free(body);
}

/* Submessages of two bytes cost dozens in memory; so do the same fields again and again. */
static void many_submessages_exceed_the_budget(void **state)
{
	enum { LEN = 64 * 1024 };
	uint8_t *body = test_malloc(LEN);
	struct wire_arena arena = { 0 };
	struct wire_generate_key op;

	(void)state;
	for (size_t i = 0; i < LEN; i += 4) {
		static const uint8_t attribute[] = { 2 << 3 | SIZED, 2, 1 << 3 | SIZED, 0 };

		memcpy(body + i, attribute, sizeof(attribute));
	}
	assert_true(wire_generate_key_decode(bytes_of(body, LEN), &arena, &op).code != STATUS_OK);
	wire_arena_done(&arena);
	test_free(body);
}

static void mebibyte_of_message_fits_the_budget(void **state)
{
	enum { LEN = 1024 * 1024 - 64 };
	struct buf body = buf_make(2 * LEN);
	struct wire_sign sign = { .key_name = BYTES_LITERAL("web"),
		.is_message = true,
		.alg = { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } },
			 got;
	uint8_t *message = test_calloc(1, LEN);
	struct wire_arena arena = { 0 };

	(void)state;
	sign.data = bytes_of(message, LEN);
	assert_ok(wire_sign_put(&body, &sign));
	assert_ok(wire_sign_decode(buf_bytes(&body), &arena, true, &got));
	assert_bytes(got.data, sign.data);
	wire_arena_done(&arena);
	test_free(message);
	buf_done(&body);
}

static void deep_nesting_costs_no_stack(void **state)
{
	enum { LEN = 4096 };
	uint8_t body[LEN];
	struct wire_arena arena = { 0 };

	(void)state;
	memset(body, 0x0b, sizeof(body)); /* groups in groups */
	assert_fails(wire_empty_decode(bytes_of(body, LEN), &arena), BODY_SYNTAX);
	wire_arena_done(&arena);
}

/* ---- names --------------------------------------------------------------------------------------------- */

static void names_are_utf8_without_control_characters(void **state)
{
	static const struct {
		const char *name;
		enum status_code want;
	} rows[] = { { "", STATUS_OK }, { "web", STATUS_OK }, { "k\xc3\xbc\xc3\xb6", STATUS_OK },
		{ "\xe2\x82\xac", STATUS_OK }, { "\xf0\x9f\x94\x91", STATUS_OK }, { "\xf4\x8f\xbf\xbf", STATUS_OK },
		{ "a b/c*'\"", STATUS_OK }, { "\xc2\xa0", STATUS_OK }, { "a\nb", STATUS_NAME_CONTROL },
		{ "\x1f", STATUS_NAME_CONTROL }, { "\x7f", STATUS_NAME_CONTROL }, { "\xc2\x85", STATUS_NAME_CONTROL },
		{ "\x80", STATUS_NAME_CONTROL }, { "\xc0\x80", STATUS_NAME_CONTROL }, { "\xc3", STATUS_NAME_CONTROL },
		{ "\xed\xa0\x80", STATUS_NAME_CONTROL }, { "\xe0\x80\x80", STATUS_NAME_CONTROL },
		{ "\xf4\x90\x80\x80", STATUS_NAME_CONTROL }, { "\xf0\x80\x80\x80", STATUS_NAME_CONTROL },
		{ "\xff", STATUS_NAME_CONTROL }, { "\xe2\x82", STATUS_NAME_CONTROL } };
	char longest[WIRE_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_status(wire_name_check(bytes_from_text(rows[i].name)), rows[i].want);
	memset(longest, 'n', sizeof(longest));
	assert_ok(wire_name_check(bytes_of(longest, WIRE_NAME_MAX)));
	assert_fails(wire_name_check(bytes_of(longest, WIRE_NAME_MAX + 1)), NAME_LONG);
}

/* ---- encoding ------------------------------------------------------------------------------------------- */

static void written_operations_are_the_bytes_of_the_reference(void **state)
{
	struct pb want = generate(
		attributes(ecc_pair(2), 256, pb_uint(pb_uint(none, 6, 1), 8, 1), pb_sub(none, 6, signature(4, 7))));
	struct pb want_verify =
		pb_text(pb_text(pb_sub(pb_text(none, 1, "web"), 2, signature(4, 7)), 3, "data"), 4, "sig");
	struct wire_generate_key op = { .key_name = BYTES_LITERAL("web"),
		.attributes = { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE, 256,
			{ PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } } };
	struct wire_verify verify = { .key_name = BYTES_LITERAL("web"),
		.alg = op.attributes.alg,
		.data = BYTES_LITERAL("data"),
		.signature = BYTES_LITERAL("sig") };
	struct buf out = buf_make(500);

	(void)state;
	assert_ok(wire_generate_key_put(&out, &op));
	assert_bytes(buf_bytes(&out), view(&want));
	buf_clear(&out);
	assert_ok(wire_verify_put(&out, &verify));
	assert_bytes(buf_bytes(&out), view(&want_verify));
	buf_done(&out);
}

/* Kinds times algorithms: what is written is read back the same. */
static void attributes_survive_the_way(void **state)
{
	static const struct psa_alg algs[] = { { PSA_ALG_NONE, 0, 0, 0, 0 }, { PSA_ALG_HASH, 7, 0, 0, 0 },
		{ PSA_ALG_HMAC, 8, 0, 0, 0 }, { PSA_ALG_HMAC, 8, 0, 0, 20 }, { PSA_ALG_CBC_MAC, 0, 0, 0, 0 },
		{ PSA_ALG_CMAC, 0, 0, 0, 9 }, { PSA_ALG_CIPHER, 0, 6, 0, 0 }, { PSA_ALG_AEAD, 0, 2, 0, 0 },
		{ PSA_ALG_AEAD, 0, 1, 0, 8 }, { PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_ANY, 0, 0, 0 },
		{ PSA_ALG_RSA_PKCS1V15_SIGN_RAW, 0, 0, 0, 0 }, { PSA_ALG_RSA_PSS, 9, 0, 0, 0 },
		{ PSA_ALG_ECDSA, PSA_HASH_ANY, 0, 0, 0 }, { PSA_ALG_ECDSA_ANY, 0, 0, 0, 0 },
		{ PSA_ALG_DETERMINISTIC_ECDSA, 7, 0, 0, 0 }, { PSA_ALG_RSA_PKCS1V15_CRYPT, 0, 0, 0, 0 },
		{ PSA_ALG_RSA_OAEP, 7, 0, 0, 0 }, { PSA_ALG_KEY_AGREEMENT, 0, 1, 0, 0 },
		{ PSA_ALG_KEY_AGREEMENT, 7, 2, 3, 0 }, { PSA_ALG_KEY_DERIVATION, 15, 1, 0, 0 } };

	(void)state;
	for (uint8_t kind = 1; kind < PSA_KEY_KIND_COUNT; kind++)
		for (size_t i = 0; i < COUNT(algs); i++) {
			struct wire_generate_key op = { .key_name = BYTES_LITERAL("k"),
				.attributes = { kind, kind == 11 || kind == 12 ? 7 : 0, PSA_USAGE_ALL, 4096,
					algs[i] } },
						 got;
			struct buf out = buf_make(500);
			struct wire_arena arena = { 0 };

			assert_ok(wire_generate_key_put(&out, &op));
			assert_ok(wire_generate_key_decode(buf_bytes(&out), &arena, &got));
			assert_int_equal(got.attributes.kind, kind);
			assert_int_equal(got.attributes.family, op.attributes.family);
			assert_int_equal(got.attributes.usage, PSA_USAGE_ALL);
			assert_true(psa_alg_equal(got.attributes.alg, algs[i]));
			wire_arena_done(&arena);
			buf_done(&out);
		}
}

static void nonsense_is_not_written(void **state)
{
	struct buf out = buf_make(500), small = buf_make(3);
	struct wire_generate_key op = { .attributes = { .kind = PSA_KEY_ECC_PAIR } };
	struct wire_sign sign = { .alg = { .kind = PSA_ALG_NONE } };

	(void)state;
	assert_fails(wire_generate_key_put(&out, &op), ENCODE); /* no algorithm */
	op.attributes.kind = PSA_KEY_NONE;
	assert_fails(wire_generate_key_put(&out, &op), ENCODE);
	assert_fails(wire_sign_put(&out, &sign), ENCODE);
	assert_fails(wire_data_result_put(&small, BYTES_LITERAL("four")), ENCODE);
	assert_fails(wire_provider_put(&out, PROVIDER_ID_COUNT, NULL), ENCODE);
	assert_fails(wire_authenticator_put(&out, AUTH_TYPE_COUNT), ENCODE);
	assert_int_equal(out.len, 0);
	buf_done(&out);
	buf_done(&small);
}

/* ---- results -------------------------------------------------------------------------------------------- */

static void ping_result_is_the_example_body(void **state)
{
	struct buf out = buf_make(500);
	struct wire_arena arena = { 0 };
	struct wire_ping_result result;

	(void)state;
	assert_ok(wire_ping_result_put(&out, 1, 0));
	assert_bytes(buf_bytes(&out), BYTES_LITERAL("\x08\x01"));
	assert_ok(wire_ping_result_decode(buf_bytes(&out), &arena, &result));
	assert_int_equal(result.major, 1);
	assert_int_equal(result.minor, 0);
	wire_arena_done(&arena);
	buf_done(&out);
}

static void lists_are_their_entries_in_order(void **state)
{
	static const uint32_t opcodes[] = { 1, 8, 9, 14, 26 };
	struct psa_key_attributes key = { PSA_KEY_RSA_PAIR, 0, PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE, 2048,
		{ PSA_ALG_RSA_PSS, PSA_HASH_ANY, 0, 0, 0 } };
	struct buf providers = buf_make(1000), auths = buf_make(1000), keys = buf_make(1000), clients = buf_make(1000),
		   listed = buf_make(1000);
	struct wire_arena arena = { 0 };
	struct wire_providers got_providers;
	struct wire_authenticators got_auths;
	struct wire_keys got_keys;
	struct wire_clients got_clients;
	struct wire_opcodes got_opcodes;

	(void)state;
	assert_ok(wire_provider_put(&providers, PROVIDER_ID_TPM, "swtpm"));
	assert_ok(wire_provider_put(&providers, PROVIDER_ID_CORE, NULL));
	assert_ok(wire_providers_decode(buf_bytes(&providers), &arena, &got_providers));
	assert_int_equal(got_providers.count, 2);
	assert_int_equal(got_providers.item[0].id, PROVIDER_ID_TPM);
	assert_bytes(got_providers.item[0].description, BYTES_LITERAL("swtpm"));
	assert_bytes(got_providers.item[0].vendor, BYTES_LITERAL("Trusted Computing Group (TCG)"));
	assert_int_equal(got_providers.item[0].version[1], 1);
	assert_bytes(got_providers.item[1].uuid, BYTES_LITERAL("47049873-2a43-4845-9d72-831eab668784"));

	assert_ok(wire_authenticator_put(&auths, AUTH_TYPE_JWT_SVID));
	assert_ok(wire_authenticator_put(&auths, AUTH_TYPE_DIRECT));
	assert_ok(wire_authenticators_decode(buf_bytes(&auths), &arena, &got_auths));
	assert_int_equal(got_auths.count, 2);
	assert_int_equal(got_auths.item[0].id, 4);
	assert_int_equal(got_auths.item[1].id, 1);

	assert_ok(wire_key_info_put(&keys, PROVIDER_ID_PKCS11, BYTES_LITERAL("a"), &key));
	assert_ok(wire_key_info_put(&keys, PROVIDER_ID_TPM, BYTES_LITERAL("b"), &key));
	assert_ok(wire_keys_decode(buf_bytes(&keys), &arena, &got_keys));
	assert_int_equal(got_keys.count, 2);
	assert_bytes(got_keys.item[1].name, BYTES_LITERAL("b"));
	assert_int_equal(got_keys.item[1].provider_id, PROVIDER_ID_TPM);
	assert_memory_equal(&got_keys.item[1].attributes, &key, sizeof(key));

	assert_ok(wire_client_put(&clients, BYTES_LITERAL("app")));
	assert_ok(wire_client_put(&clients, (struct bytes){ 0 }));
	assert_ok(wire_clients_decode(buf_bytes(&clients), &arena, &got_clients));
	assert_int_equal(got_clients.count, 2);
	assert_bytes(got_clients.item[0], BYTES_LITERAL("app"));

	assert_ok(wire_list_opcodes_result_put(&listed, opcodes, COUNT(opcodes)));
	assert_bytes(buf_bytes(&listed), BYTES_LITERAL("\x0a\x05\x01\x08\x09\x0e\x1a")); /* packed */
	assert_ok(wire_opcodes_decode(buf_bytes(&listed), &arena, &got_opcodes));
	assert_int_equal(got_opcodes.count, COUNT(opcodes));
	assert_memory_equal(got_opcodes.item, opcodes, sizeof(opcodes));
	assert_ok(wire_opcodes_decode((struct bytes){ 0 }, &arena, &got_opcodes));
	assert_int_equal(got_opcodes.count, 0);

	wire_arena_done(&arena);
	buf_done(&providers);
	buf_done(&auths);
	buf_done(&keys);
	buf_done(&clients);
	buf_done(&listed);
}

static void data_result_is_field_one(void **state)
{
	struct buf out = buf_make(100);
	struct wire_arena arena = { 0 };
	struct bytes data;

	(void)state;
	assert_ok(wire_data_result_put(&out, BYTES_LITERAL("abc")));
	assert_bytes(buf_bytes(&out), BYTES_LITERAL("\x0a\x03"
						    "abc"));
	assert_ok(wire_data_result_decode(buf_bytes(&out), &arena, &data));
	assert_bytes(data, BYTES_LITERAL("abc"));
	assert_fails(wire_data_result_decode(bytes_of(out.data, 3), &arena, &data), BODY_SYNTAX);
	wire_arena_done(&arena);
	buf_done(&out);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(generate_key_is_read_field_by_field),
	cmocka_unit_test(name_with_a_null_keeps_its_length),
	cmocka_unit_test(sign_and_verify_are_read),
	cmocka_unit_test(small_operations_are_read),
	cmocka_unit_test(semantic_errors_are_16),
	cmocka_unit_test(signature_algorithm_is_needed_to_sign),
	cmocka_unit_test(syntax_errors_are_7),
	cmocka_unit_test(unknown_fields_are_skipped),
	cmocka_unit_test(last_of_duplicate_scalars_wins),
	cmocka_unit_test(duplicate_messages_are_merged_or_refused_but_never_crash),
	cmocka_unit_test(usage_flags_imply_their_messages),
	cmocka_unit_test(every_algorithm_is_read),
	cmocka_unit_test(every_key_type_is_read),
	cmocka_unit_test(bodies_cut_at_every_byte_fail_cleanly),
	cmocka_unit_test(mebibyte_of_unknown_fields_exceeds_the_budget),
	cmocka_unit_test(many_submessages_exceed_the_budget),
	cmocka_unit_test(mebibyte_of_message_fits_the_budget),
	cmocka_unit_test(deep_nesting_costs_no_stack),
	cmocka_unit_test(names_are_utf8_without_control_characters),
	cmocka_unit_test(written_operations_are_the_bytes_of_the_reference),
	cmocka_unit_test(attributes_survive_the_way),
	cmocka_unit_test(nonsense_is_not_written),
	cmocka_unit_test(ping_result_is_the_example_body),
	cmocka_unit_test(lists_are_their_entries_in_order),
	cmocka_unit_test(data_result_is_field_one),
};

UNIT_MAIN(tests)
