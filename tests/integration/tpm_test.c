/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-tpm, the real process, on a real swtpm: what it signs and seals, and what it refuses. */
#include "tests/support/tpm_bench.h"

#include "base/own.h"
#include "crypto/wrap.h"

/* ---- keys ------------------------------------------------------------------------------------------- */

static const struct type {
	const char *name;
	uint8_t kind;
	uint32_t bits;
	struct psa_alg policy, use;
} types[] = {
	{ "P-256", PSA_KEY_ECC_PAIR, 256, { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 },
		{ PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } },
	{ "P-256 with SHA-512", PSA_KEY_ECC_PAIR, 256, { PSA_ALG_ECDSA, PSA_HASH_SHA_512, 0, 0, 0 },
		{ PSA_ALG_ECDSA, PSA_HASH_SHA_512, 0, 0, 0 } },
	{ "P-256 with any", PSA_KEY_ECC_PAIR, 256, { PSA_ALG_ECDSA, PSA_HASH_ANY, 0, 0, 0 },
		{ PSA_ALG_ECDSA, PSA_HASH_SHA_384, 0, 0, 0 } },
	{ "P-384", PSA_KEY_ECC_PAIR, 384, { PSA_ALG_ECDSA, PSA_HASH_SHA_384, 0, 0, 0 },
		{ PSA_ALG_ECDSA, PSA_HASH_SHA_384, 0, 0, 0 } },
	{ "P-521", PSA_KEY_ECC_PAIR, 521, { PSA_ALG_ECDSA, PSA_HASH_SHA_512, 0, 0, 0 },
		{ PSA_ALG_ECDSA, PSA_HASH_SHA_512, 0, 0, 0 } },
	{ "RSA-2048 PKCS #1", PSA_KEY_RSA_PAIR, 2048, { PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_SHA_256, 0, 0, 0 },
		{ PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_SHA_256, 0, 0, 0 } },
	{ "RSA-2048 PKCS #1 with any", PSA_KEY_RSA_PAIR, 2048, { PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_ANY, 0, 0, 0 },
		{ PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_SHA_512, 0, 0, 0 } },
	{ "RSA-2048 PSS", PSA_KEY_RSA_PAIR, 2048, { PSA_ALG_RSA_PSS, PSA_HASH_SHA_384, 0, 0, 0 },
		{ PSA_ALG_RSA_PSS, PSA_HASH_SHA_384, 0, 0, 0 } },
	{ "RSA-3072 PSS", PSA_KEY_RSA_PAIR, 3072, { PSA_ALG_RSA_PSS, PSA_HASH_SHA_256, 0, 0, 0 },
		{ PSA_ALG_RSA_PSS, PSA_HASH_SHA_256, 0, 0, 0 } },
};

static void try_type(struct tpm_bench *b, const struct type *type, struct bytes parent)
{
	AUTO(rig_key_done) struct rig_key key;
	char first[RIG_TEXT_MAX], second[RIG_TEXT_MAX];

	rig_key_init(&key, type->kind, type->bits, type->policy);
	if (worker_info_supports(&b->rig.info, &key.rq.key).code != STATUS_OK) {
		print_message("not announced: %s\n", type->name);
		assert_int_not_equal(rig_generate(&b->rig, &key, parent), STATUS_OK);
		return;
	}
	assert_is(rig_generate(&b->rig, &key, parent), OK);
	key.rq.alg = type->use;
	assert_is(rig_sign(&b->rig, &key, 1, first), OK);
	assert_is(rig_sign(&b->rig, &key, 2, second), OK);
	assert_non_null(strstr(first, "Load,"));
	assert_string_equal(second, "Sign");
}

static void try_all_types(struct tpm_bench *b)
{
	AUTO(buf_done) struct buf parent = buf_make(WORKER_BLOB_MAX);

	tpm_start_ok(b);
	rig_parent(&b->rig, &parent);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		try_type(b, &types[i], buf_bytes(&parent));
	rig_stop(&b->rig);
}

static void each_key_type_signs_in_hmac_sessions(void **state)
{
	struct tpm_bench *b = *state;

	try_all_types(b);
	assert_false(b->rig.info.verify_after_sign);
	assert_true(b->rig.info.needs_parent);
	assert_false(b->rig.info.needs_intent);
}

static void each_key_type_signs_in_password_sessions(void **state)
{
	struct tpm_bench *b = *state;

	b->config.sessions_password = true;
	try_all_types(b);
	assert_true(b->rig.info.verify_after_sign);
}

static void what_a_tpm_cannot_do_is_refused(void **state)
{
	static const struct {
		uint8_t kind;
		uint32_t bits;
		struct psa_alg alg;
		enum status_code want;
	} rows[] = {
		{ PSA_KEY_ECC_PAIR, 256, { PSA_ALG_ECDSA, PSA_HASH_SHA_224, 0, 0, 0 }, STATUS_ATTR_ALG },
		{ PSA_KEY_ECC_PAIR, 256, { PSA_ALG_ECDSA_ANY, PSA_HASH_NONE, 0, 0, 0 }, STATUS_ATTR_ALG },
		{ PSA_KEY_ECC_PAIR, 256, { PSA_ALG_DETERMINISTIC_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 }, STATUS_ATTR_ALG },
		{ PSA_KEY_ECC_PAIR, 256, { PSA_ALG_RSA_PSS, PSA_HASH_SHA_256, 0, 0, 0 }, STATUS_ATTR_ALG },
		{ PSA_KEY_ECC_PAIR, 192, { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 }, STATUS_ATTR_TYPE },
		{ PSA_KEY_RSA_PAIR, 1024, { PSA_ALG_RSA_PSS, PSA_HASH_SHA_256, 0, 0, 0 }, STATUS_ATTR_TYPE },
		{ PSA_KEY_RSA_PAIR, 2048, { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 }, STATUS_ATTR_ALG },
		{ PSA_KEY_RSA_PAIR, 2048, { PSA_ALG_RSA_PKCS1V15_SIGN_RAW, PSA_HASH_NONE, 0, 0, 0 }, STATUS_ATTR_ALG },
		{ PSA_KEY_AES, 256, { PSA_ALG_CMAC, PSA_HASH_NONE, 0, 0, 0 }, STATUS_ATTR_TYPE },
	};
	struct tpm_bench *b = *state;
	AUTO(buf_done) struct buf parent = buf_make(WORKER_BLOB_MAX);

	tpm_start_ok(b);
	rig_parent(&b->rig, &parent);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(rig_key_done) struct rig_key key;

		rig_key_init(&key, rows[i].kind, rows[i].bits, rows[i].alg);
		assert_int_equal(rig_generate(&b->rig, &key, buf_bytes(&parent)), rows[i].want);
	}
	rig_stop(&b->rig);
}

static void a_key_does_only_what_its_attributes_say(void **state)
{
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	AUTO(buf_done) struct buf two = buf_make(WORKER_BLOB_MAX);

	tpm_start_ok(b);
	tpm_make_key(b, &key);
	key.rq.alg.hash = PSA_HASH_SHA_384;
	assert_is(rig_sign(&b->rig, &key, 1, NULL), KEY_ALG);
	key.rq.alg = ecdsa_256;
	buf_put_sized(&two, buf_bytes(&key.parent));
	buf_put_text(&two, "not 32 bytes");
	assert_is(rig_call(&b->rig, WORKER_SIGN, &key.rq, buf_bytes(&key.blob), buf_bytes(&two)).status, HASH_LENGTH);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	rig_stop(&b->rig);
}

static void random_bytes_come_in_any_number(void **state)
{
	static const uint32_t sizes[] = { 1, 15, 35, 64, 65, 1000 };
	struct tpm_bench *b = *state;
	AUTO(buf_done) struct buf last = buf_make(WORKER_RANDOM_MAX);

	for (int password = 0; password < 2; password++) {
		b->config.sessions_password = password == 1;
		tpm_start_ok(b);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			const struct worker_request rq = { .bytes = sizes[i] };
			struct rig_answer answer = rig_call(&b->rig, WORKER_RANDOM, &rq, NOTHING, NOTHING);

			assert_is(answer.status, OK);
			assert_int_equal(answer.part[0].len, sizes[i]);
			assert_false(bytes_equal(answer.part[0], buf_bytes(&last)));
			buf_clear(&last);
			buf_put(&last, answer.part[0]);
		}
		rig_stop(&b->rig);
	}
}

static void a_wrapping_key_is_sealed_and_opened(void **state)
{
	static const uint8_t key[WRAP_KEY_BYTES] = "thirty-two bytes of a wrapping k";
	struct tpm_bench *b = *state;
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	AUTO(secret_done) struct secret opened = { 0 };
	struct ipc *wrap;

	tpm_start_ok(b);
	assert_ok(ipc_new(own_take_fd(&b->rig.wrap_fd), &wrap));
	assert_ok(wrap_seal(wrap, bytes_of(key, sizeof(key)), &sealed));
	ipc_free(wrap);
	rig_stop(&b->rig);

	tpm_start_ok(b);
	assert_ok(ipc_new(own_take_fd(&b->rig.wrap_fd), &wrap));
	assert_ok(wrap_open(wrap, buf_bytes(&sealed), &opened));
	assert_bytes(secret_bytes(&opened), bytes_of(key, sizeof(key)));
	secret_done(&opened);
	for (size_t at = 0; at < sealed.len; at++) { /* no byte may differ, and none may crash it */
		sealed.data[at] ^= 1;
		assert_int_not_equal(wrap_open(wrap, buf_bytes(&sealed), &opened).code, STATUS_OK);
		sealed.data[at] ^= 1;
	}
	assert_ok(wrap_open(wrap, buf_bytes(&sealed), &opened));
	ipc_free(wrap);
	rig_stop(&b->rig);
}

static void a_destroyed_key_is_no_longer_loaded(void **state)
{
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	struct rig_answer answer;
	char commands[RIG_TEXT_MAX];

	tpm_start_ok(b);
	tpm_make_key(b, &key);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	answer = rig_call(&b->rig, WORKER_DESTROY, &key.rq, buf_bytes(&key.blob), NOTHING);
	assert_is(answer.status, OK);
	assert_bytes(answer.part[2], BYTES_LITERAL("FlushContext"));
	answer = rig_call(&b->rig, WORKER_FIND, &key.rq, NOTHING, NOTHING);
	assert_is(answer.status, OK);
	assert_bytes(answer.part[0], bytes_of("\0\0\0\0", 4));
	assert_is(rig_call(&b->rig, WORKER_CLEAN, &key.rq, NOTHING, NOTHING).status, OK);
	/* The blob alone brings it back: that it is gone is the record's business. */
	assert_is(rig_sign(&b->rig, &key, 1, commands), OK);
	assert_non_null(strstr(commands, "Load,Sign"));
	rig_stop(&b->rig);
}

/* ---- blobs --------------------------------------------------------------------------------------------- */

static void the_parent_of_another_namespace_is_refused(void **state)
{
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key ours, theirs;
	struct buf right;

	tpm_start_ok(b);
	tpm_make_key(b, &ours);
	tpm_make_key(b, &theirs);
	right = ours.parent;
	ours.parent = theirs.parent;
	assert_is(rig_sign(&b->rig, &ours, 1, NULL), DEVICE_INTEGRITY);
	ours.parent = right;
	assert_is(rig_sign(&b->rig, &ours, 1, NULL), OK);
	ours.parent = theirs.parent; /* also while the key is loaded */
	assert_is(rig_sign(&b->rig, &ours, 1, NULL), DEVICE_INTEGRITY);
	ours.parent = right;
	rig_stop(&b->rig);
}

static void a_blob_presented_as_something_else_is_refused(void **state)
{
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key, other;
	struct worker_request right;
	struct buf blob;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
	tpm_make_key(b, &other);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	right = key.rq;
	blob = key.blob;

	key.blob = other.blob; /* another key's blob in this key's record */
	assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_INTEGRITY);
	key.blob = key.parent; /* a parent as a key */
	assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_INTEGRITY);
	key.blob = blob;
	key.rq.hardware_id[5] ^= 1;
	assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_INTEGRITY);
	key.rq = right;
	key.rq.key.usage |= PSA_USAGE_EXPORT;
	assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_INTEGRITY);
	key.rq = right;
	key.rq.key.alg.hash = PSA_HASH_ANY;
	assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_INTEGRITY);
	key.rq = right;
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	rig_stop(&b->rig);
}

static void damaged_blobs_are_refused(void **state)
{
	enum { STEP = 3 };
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	size_t len;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
	len = key.blob.len;
	for (size_t at = 0; at < len; at += at < 16 ? 1 : STEP) {
		key.blob.data[at] ^= 0x80;
		assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_INTEGRITY);
		key.blob.data[at] ^= 0x80;
		key.blob.len = at;
		assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_INTEGRITY);
		key.blob.len = len;
	}
	for (size_t at = 0; at < key.parent.len; at += STEP) {
		key.parent.data[at] ^= 0x80;
		assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_INTEGRITY);
		key.parent.data[at] ^= 0x80;
	}
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	rig_stop(&b->rig);
}

static void a_damaged_state_is_refused(void **state)
{
	struct tpm_bench *b = *state;
	size_t len;

	tpm_start_ok(b);
	rig_stop(&b->rig);
	len = b->rig.state.len;
	for (size_t at = 0; at < len; at += 7) {
		enum status_code got;

		if (at + 9 >= len)
			break; /* the firmware's number and what was found with it: nothing to protect */
		b->rig.state.data[at] ^= 1;
		got = tpm_start(b);
		assert_true(got == STATUS_RECORD_CORRUPT || got == STATUS_DEVICE_INTEGRITY ||
			    got == STATUS_DEVICE_IDENTITY || got == STATUS_DEVICE_FAILED ||
			    got == STATUS_DEVICE_UNSUPPORTED);
		rig_kill(&b->rig);
		b->rig.state.data[at] ^= 1;
	}
	tpm_start_ok(b);
	rig_stop(&b->rig);
}

static const struct CMUnitTest tests[] = {
	TPM_TEST(each_key_type_signs_in_hmac_sessions),
	TPM_TEST(each_key_type_signs_in_password_sessions),
	TPM_TEST(what_a_tpm_cannot_do_is_refused),
	TPM_TEST(a_key_does_only_what_its_attributes_say),
	TPM_TEST(random_bytes_come_in_any_number),
	TPM_TEST(a_wrapping_key_is_sealed_and_opened),
	TPM_TEST(a_destroyed_key_is_no_longer_loaded),
	TPM_TEST(the_parent_of_another_namespace_is_refused),
	TPM_TEST(a_blob_presented_as_something_else_is_refused),
	TPM_TEST(damaged_blobs_are_refused),
	TPM_TEST(a_damaged_state_is_refused),
};

UNIT_MAIN(tests)
