/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-tpm, the real process, on a real swtpm: what it signs, what it keeps over restarts and resets, what it
 * refuses, and that a relay which damages the traffic gains nothing. */
#include "tests/support/worker_rig.h"

#include <signal.h>
#include <stdlib.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "crypto/wrap.h"
#include "tests/support/swtpm.h"
#include "tests/support/unit.h"

#define NOTHING ((struct bytes){ 0 })
/* assert_is(call, DEVICE_GONE) */
#define assert_is(call, NAME) assert_status(((struct status){ call }), STATUS_##NAME)

struct bench {
	struct swtpm tpm;
	struct relay relay;
	struct rig rig;
	struct worker_config config;
};

static const struct psa_alg ecdsa_256 = { .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_SHA_256 };

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	(void)setenv("TSS2_LOG", "all+none", 1); /* for the library in this process */
	swtpm_new(&b->tpm);
	relay_new(&b->relay, &b->tpm);
	rig_init(&b->rig);
	b->config = (struct worker_config){ .name = "tpm", .type = WORKER_CONFIG_TPM };
	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", b->relay.tcti);
	*state = b;
	return 0;
}

static int finish(void **state)
{
	struct bench *b = *state;

	rig_done(&b->rig);
	relay_free(&b->relay);
	swtpm_free(&b->tpm);
	free(b);
	return 0;
}

static enum status_code start(struct bench *b)
{
	return rig_start(&b->rig, TPM_PROGRAM, &b->config);
}

static void start_ok(struct bench *b)
{
	assert_is(start(b), OK);
}

/* A P-256 key under a parent of its own. */
static void make_key(struct bench *b, struct rig_key *key)
{
	AUTO(buf_done) struct buf parent = buf_make(WORKER_BLOB_MAX);

	rig_key_init(key, PSA_KEY_ECC_PAIR, 256, ecdsa_256);
	rig_parent(&b->rig, &parent);
	assert_is(rig_generate(&b->rig, key, buf_bytes(&parent)), OK);
}

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

static void try_type(struct bench *b, const struct type *type, struct bytes parent)
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

static void try_all_types(struct bench *b)
{
	AUTO(buf_done) struct buf parent = buf_make(WORKER_BLOB_MAX);

	start_ok(b);
	rig_parent(&b->rig, &parent);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		try_type(b, &types[i], buf_bytes(&parent));
	rig_stop(&b->rig);
}

static void each_key_type_signs_in_hmac_sessions(void **state)
{
	struct bench *b = *state;

	try_all_types(b);
	assert_false(b->rig.info.verify_after_sign);
	assert_true(b->rig.info.needs_parent);
	assert_false(b->rig.info.needs_intent);
}

static void each_key_type_signs_in_password_sessions(void **state)
{
	struct bench *b = *state;

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
	struct bench *b = *state;
	AUTO(buf_done) struct buf parent = buf_make(WORKER_BLOB_MAX);

	start_ok(b);
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
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	AUTO(buf_done) struct buf two = buf_make(WORKER_BLOB_MAX);

	start_ok(b);
	make_key(b, &key);
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
	struct bench *b = *state;
	AUTO(buf_done) struct buf last = buf_make(WORKER_RANDOM_MAX);

	for (int password = 0; password < 2; password++) {
		b->config.sessions_password = password == 1;
		start_ok(b);
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
	struct bench *b = *state;
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	AUTO(secret_done) struct secret opened = { 0 };
	struct ipc *wrap;

	start_ok(b);
	assert_ok(ipc_new(own_take_fd(&b->rig.wrap_fd), &wrap));
	assert_ok(wrap_seal(wrap, bytes_of(key, sizeof(key)), &sealed));
	ipc_free(wrap);
	rig_stop(&b->rig);

	start_ok(b);
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
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	struct rig_answer answer;
	char commands[RIG_TEXT_MAX];

	start_ok(b);
	make_key(b, &key);
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

/* ---- with the library itself, for what a test prepares and compares with -------------------------------- */

struct raw {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
};

static void raw_open(struct raw *raw, const char *tcti)
{
	assert_int_equal(Tss2_TctiLdr_Initialize(tcti, &raw->tcti), 0);
	assert_int_equal(Esys_Initialize(&raw->esys, raw->tcti, NULL), 0);
}

static void raw_close(struct raw *raw)
{
	Esys_Finalize(&raw->esys);
	Tss2_TctiLdr_Finalize(&raw->tcti);
}

/* Does nothing live at the persistent handle? */
static bool is_vacant(const char *tcti, uint32_t handle)
{
	struct raw raw;
	ESYS_TR object;
	TSS2_RC rc;

	raw_open(&raw, tcti);
	rc = Esys_TR_FromTPMPublic(raw.esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);
	raw_close(&raw);
	return rc == (TPM2_RC_HANDLE | TPM2_RC_1);
}

/* A primary signing key. */
static ESYS_TR raw_key(struct raw *raw)
{
	static const TPM2B_SENSITIVE_CREATE no_auth;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	const TPM2B_PUBLIC template = { .publicArea = { .type = TPM2_ALG_ECC,
						.nameAlg = TPM2_ALG_SHA256,
						.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
								    TPMA_OBJECT_SENSITIVEDATAORIGIN |
								    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
								    TPMA_OBJECT_SIGN_ENCRYPT,
						.parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
							.scheme.scheme = TPM2_ALG_NULL,
							.curveID = TPM2_ECC_NIST_P256,
							.kdf.scheme = TPM2_ALG_NULL } } };
	ESYS_TR key;

	assert_int_equal(Esys_CreatePrimary(raw->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
				 &no_auth, &template, &no_data, &no_pcrs, &key, NULL, NULL, NULL, NULL),
		0);
	return key;
}

/* ---- what stays --------------------------------------------------------------------------------------- */

static void keys_survive_a_restart_of_the_worker_and_a_reset_of_the_tpm(void **state)
{
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	uint8_t identity[32];

	start_ok(b);
	memcpy(identity, b->rig.info.identity, sizeof(identity));
	make_key(b, &key);
	rig_stop(&b->rig);

	start_ok(b);
	assert_memory_equal(identity, b->rig.info.identity, sizeof(identity));
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	swtpm_stop(&b->tpm); /* under a running worker that has the key loaded */
	swtpm_start(&b->tpm);
	assert_is(rig_sign(&b->rig, &key, 2, NULL), OK);
	rig_stop(&b->rig);

	swtpm_stop(&b->tpm);
	swtpm_start(&b->tpm);
	start_ok(b);
	assert_is(rig_sign(&b->rig, &key, 3, NULL), OK);
	rig_stop(&b->rig);
}

static void saved_contexts_of_another_boot_do_no_harm(void **state)
{
	enum { KEYS = 6, IN_CONTEXT = 200 };
	struct bench *b = *state;
	struct rig_key keys[KEYS];
	AUTO(buf_done) struct buf parent = buf_make(WORKER_BLOB_MAX);

	start_ok(b);
	rig_parent(&b->rig, &parent);
	for (int i = 0; i < KEYS; i++) {
		rig_key_init(&keys[i], PSA_KEY_ECC_PAIR, 256, ecdsa_256);
		assert_is(rig_generate(&b->rig, &keys[i], buf_bytes(&parent)), OK);
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < KEYS; i++)
			assert_is(rig_sign(&b->rig, &keys[i], 1, NULL), OK);
		swtpm_stop(&b->tpm);
		swtpm_start(&b->tpm);
	}
	/* Nor does a damaged one: the key is loaded from its blob. */
	for (int i = 0; i < 2 * KEYS; i++) {
		if (i == KEYS)
			relay_damage(&b->relay, RELAY_COMMAND, TPM2_CC_ContextLoad, IN_CONTEXT);
		assert_is(rig_sign(&b->rig, &keys[i % KEYS], 1, NULL), OK);
	}
	assert_true(relay_has_damaged(&b->relay));
	for (int i = 0; i < KEYS; i++)
		rig_key_done(&keys[i]);
	rig_stop(&b->rig);
}

static void a_start_whose_state_was_lost_finds_its_storage_key_again(void **state)
{
	struct bench *b = *state;
	uint8_t identity[32];

	start_ok(b);
	assert_true(b->rig.state.len > 0);
	memcpy(identity, b->rig.info.identity, sizeof(identity));
	rig_kill(&b->rig);
	buf_clear(&b->rig.state); /* it died before the agent made it durable */
	start_ok(b);
	assert_memory_equal(identity, b->rig.info.identity, sizeof(identity));
	rig_stop(&b->rig);
}

static void another_tpm_is_refused(void **state)
{
	struct bench *b = *state;
	struct swtpm other;
	struct rig theirs;

	start_ok(b);
	rig_stop(&b->rig);
	swtpm_new(&other);
	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", other.tcti);
	assert_is(start(b), DEVICE_IDENTITY);
	rig_kill(&b->rig);
	assert_true(is_vacant(other.tcti, 0x8101a001)); /* and nothing was left on it */
	/* Also one on which another keyreeve has made its own storage key. */
	rig_init(&theirs);
	assert_is(rig_start(&theirs, TPM_PROGRAM, &b->config), OK);
	rig_stop(&theirs);
	rig_done(&theirs);
	assert_is(start(b), DEVICE_IDENTITY);
	rig_kill(&b->rig);
	swtpm_free(&other);
}

static void a_tpm_that_is_swapped_under_a_running_worker_is_refused(void **state)
{
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	struct swtpm other, ours = b->tpm;

	start_ok(b);
	make_key(b, &key);
	swtpm_new(&other);
	swtpm_stop(&b->tpm);
	b->tpm = other; /* the relay leads there now */
	assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_IDENTITY);
	swtpm_free(&b->tpm);
	b->tpm = ours;
	swtpm_start(&b->tpm);
	(void)usleep(60000); /* it does not try again at once */
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	rig_stop(&b->rig);
}

static void a_handle_where_something_else_lives_is_refused(void **state)
{
	struct bench *b = *state;
	struct raw raw;
	ESYS_TR key, persistent;

	raw_open(&raw, b->tpm.tcti);
	key = raw_key(&raw);
	assert_int_equal(Esys_EvictControl(raw.esys, ESYS_TR_RH_OWNER, key, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				 ESYS_TR_NONE, 0x8101a001, &persistent),
		0);
	assert_int_equal(Esys_FlushContext(raw.esys, key), 0);
	raw_close(&raw);
	assert_is(start(b), DEVICE_HANDLE);
	rig_kill(&b->rig);
	b->config.handle = 0x8101a002;
	start_ok(b);
	rig_stop(&b->rig);
}

/* ---- blobs --------------------------------------------------------------------------------------------- */

static void the_parent_of_another_namespace_is_refused(void **state)
{
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key ours, theirs;
	struct buf right;

	start_ok(b);
	make_key(b, &ours);
	make_key(b, &theirs);
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
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key, other;
	struct worker_request right;
	struct buf blob;

	start_ok(b);
	make_key(b, &key);
	make_key(b, &other);
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
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	size_t len;

	start_ok(b);
	make_key(b, &key);
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
	struct bench *b = *state;
	size_t len;

	start_ok(b);
	rig_stop(&b->rig);
	len = b->rig.state.len;
	for (size_t at = 0; at < len; at += 7) {
		enum status_code got;

		if (at + 9 >= len)
			break; /* the firmware's number and what was found with it: nothing to protect */
		b->rig.state.data[at] ^= 1;
		got = start(b);
		assert_true(got == STATUS_RECORD_CORRUPT || got == STATUS_DEVICE_INTEGRITY ||
			    got == STATUS_DEVICE_IDENTITY || got == STATUS_DEVICE_FAILED ||
			    got == STATUS_DEVICE_UNSUPPORTED);
		rig_kill(&b->rig);
		b->rig.state.data[at] ^= 1;
	}
	start_ok(b);
	rig_stop(&b->rig);
}

/* ---- faults -------------------------------------------------------------------------------------------- */

static void a_stopped_tpm_is_reported_gone_at_once_and_taken_up_again(void **state)
{
	enum { BOUND_MS = 2000, RETRY_US = 60000 };
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	const struct worker_request rq = { .bytes = 16 };
	uint64_t from;

	start_ok(b);
	make_key(b, &key);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	for (int round = 0; round < 2; round++) {
		swtpm_stop(&b->tpm);
		from = clock_mono_us();
		for (int i = 0; i < 5; i++)
			assert_is(rig_sign(&b->rig, &key, 1, NULL), DEVICE_GONE);
		assert_is(rig_call(&b->rig, WORKER_RANDOM, &rq, NOTHING, NOTHING).status, DEVICE_GONE);
		assert_true(clock_mono_us() - from < (uint64_t)BOUND_MS * US_PER_MS);
		assert_int_equal(status_wire(STATUS_DEVICE_GONE), 1145);
		swtpm_start(&b->tpm);
		(void)usleep(RETRY_US);
		assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	}
	rig_kill(&b->rig); /* the test transport loses a few bytes with each attempt that fails */
	swtpm_stop(&b->tpm);
	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", b->tpm.tcti);
	assert_is(start(b), DEVICE_GONE);
}

static void a_worker_killed_while_it_signs_starts_again_every_time(void **state)
{
	enum { KILLS = 20 };
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	AUTO(buf_done) struct buf two = buf_make(WORKER_BLOB_MAX);
	uint8_t hash[32] = "whatever";

	/* Without the relay: its connection would go on after the worker's death. */
	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", b->tpm.tcti);
	start_ok(b);
	make_key(b, &key);
	buf_put_sized(&two, buf_bytes(&key.parent));
	buf_put(&two, bytes_of(hash, sizeof(hash)));
	for (int i = 0; i < KILLS; i++) {
		assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
		rig_send(&b->rig, WORKER_SIGN, &key.rq, buf_bytes(&key.blob), buf_bytes(&two));
		(void)usleep((useconds_t)(i * 150));
		rig_kill(&b->rig);
		start_ok(b);
	}
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	rig_stop(&b->rig);
}

static void two_hundred_keys_share_three_places(void **state)
{
	enum { KEYS = 200, NAMESPACES = 4, ROUNDS = 2 };
	struct bench *b = *state;
	struct rig_key *keys = calloc(KEYS, sizeof(*keys));
	struct buf parents[NAMESPACES];

	assert_non_null(keys);
	b->config.sessions_password = true; /* the same places, in a quarter of the time */
	start_ok(b);
	for (int i = 0; i < NAMESPACES; i++) {
		parents[i] = buf_make(WORKER_BLOB_MAX);
		rig_parent(&b->rig, &parents[i]);
	}
	for (int i = 0; i < KEYS; i++) {
		rig_key_init(&keys[i], PSA_KEY_ECC_PAIR, 256, ecdsa_256);
		assert_is(rig_generate(&b->rig, &keys[i], buf_bytes(&parents[i % NAMESPACES])), OK);
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < KEYS; i++)
			assert_is(rig_sign(&b->rig, &keys[i], (uint8_t)i, NULL), OK);
	for (int i = 0; i < KEYS; i++)
		rig_key_done(&keys[i]);
	for (int i = 0; i < NAMESPACES; i++)
		buf_done(&parents[i]);
	free(keys);
	rig_stop(&b->rig);
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static void count_resident(struct bench *b)
{
	enum { SIGNATURES = 20 };
	AUTO(rig_key_done) struct rig_key key, second;
	uint64_t before;

	start_ok(b);
	make_key(b, &key);
	rig_key_init(&second, PSA_KEY_ECC_PAIR, 256, ecdsa_256);
	assert_is(rig_generate(&b->rig, &second, buf_bytes(&key.parent)), OK);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	assert_is(rig_sign(&b->rig, &second, 1, NULL), OK);
	before = relay_commands(&b->relay);
	for (int i = 0; i < SIGNATURES; i++)
		assert_is(rig_sign(&b->rig, i % 2 == 0 ? &key : &second, (uint8_t)i, NULL), OK);
	assert_int_equal(relay_commands(&b->relay) - before, SIGNATURES);
	for (uint64_t i = before; i < before + SIGNATURES; i++)
		assert_int_equal(relay_code(&b->relay, i), TPM2_CC_Sign);
	rig_stop(&b->rig);
}

static void a_resident_signature_is_one_command(void **state)
{
	struct bench *b = *state;

	count_resident(b);
	b->config.sessions_password = true;
	count_resident(b);
}

/* Every byte of the command and of its answer but the size, which would only make somebody wait. */
static void damage_each_byte(
	struct bench *b, struct rig_key *key, enum relay_damage damage, size_t len, size_t step, unsigned *good)
{
	for (size_t at = 0; at < len; at += step) {
		enum status_code got;

		if (at >= 2 && at < 6)
			continue;
		relay_damage(&b->relay, damage, TPM2_CC_Sign, at);
		got = rig_sign(&b->rig, key, (uint8_t)at, NULL); /* verifies what it is given */
		assert_true(relay_has_damaged(&b->relay));
		if (getenv("TPM_TEST_VERBOSE") != NULL)
			print_message("%s byte %zu: %s\n", damage == RELAY_COMMAND ? "command" : "answer", at,
				status_name(got));
		if (got == STATUS_OK)
			(*good)++;
	}
}

static void damaged_traffic_never_becomes_a_wrong_success(void **state)
{
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	enum { STEP = 3 };
	unsigned good = 0;
	size_t command, answer;

	start_ok(b);
	make_key(b, &key);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	command = b->relay.command_bytes;
	answer = b->relay.answer_bytes;
	damage_each_byte(b, &key, RELAY_COMMAND, command, STEP, &good);
	damage_each_byte(b, &key, RELAY_ANSWER, answer, STEP, &good);
	print_message("of %zu + %zu damaged messages, %u were repeated well\n", command / STEP, answer / STEP, good);
	assert_true(good >= (command + answer) / STEP * 9 / 10);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	rig_stop(&b->rig);
}

/* The control to the test above: without authentication of answers the same damage becomes a wrong signature, and
 * only verification finds it, which the worker asks for. */
static void with_passwords_damage_gets_through_and_the_worker_asks_for_verification(void **state)
{
	enum { IN_R = 50 };
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	bool good;

	b->config.sessions_password = true;
	start_ok(b);
	make_key(b, &key);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	relay_damage(&b->relay, RELAY_ANSWER, TPM2_CC_Sign, IN_R);
	assert_is(rig_sign_judge(&b->rig, &key, 2, &good), OK);
	assert_false(good);
	assert_true(b->rig.info.verify_after_sign);
	rig_stop(&b->rig);
}

static void seal_once(struct bench *b, const uint8_t key[WRAP_KEY_BYTES])
{
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	AUTO(secret_done) struct secret opened = { 0 };
	struct ipc *wrap;

	start_ok(b);
	assert_ok(ipc_new(own_take_fd(&b->rig.wrap_fd), &wrap));
	relay_watch(&b->relay, key, WRAP_KEY_BYTES);
	assert_ok(wrap_seal(wrap, bytes_of(key, WRAP_KEY_BYTES), &sealed));
	assert_ok(wrap_open(wrap, buf_bytes(&sealed), &opened));
	assert_bytes(secret_bytes(&opened), bytes_of(key, WRAP_KEY_BYTES));
	ipc_free(wrap);
	rig_stop(&b->rig);
}

static void secrets_do_not_pass_the_bus_in_clear(void **state)
{
	static const uint8_t key[WRAP_KEY_BYTES] = "a wrapping key that must not lea";
	const struct worker_request rq = { .bytes = 32 };
	struct bench *b = *state;

	for (int password = 0; password < 2; password++) { /* with passwords they do: the watch works */
		struct rig_answer answer;

		b->config.sessions_password = password == 1;
		seal_once(b, key);
		assert_int_equal(relay_seen(&b->relay), password ? 2 : 0);
		start_ok(b);
		answer = rig_call(&b->rig, WORKER_RANDOM, &rq, NOTHING, NOTHING);
		assert_is(answer.status, OK);
		assert_int_equal(relay_last_answer_has(&b->relay, answer.part[0].data, answer.part[0].len), password);
		rig_stop(&b->rig);
	}
}

/* A start is many commands: wherever one of them is damaged, it fails or is right. */
static void a_start_with_damaged_answers_is_right_or_refused(void **state)
{
	static const uint32_t codes[] = { TPM2_CC_ReadPublic, TPM2_CC_StartAuthSession, TPM2_CC_Load, TPM2_CC_Unseal,
		TPM2_CC_GetCapability, TPM2_CC_ReadClock };
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	uint8_t identity[32];

	start_ok(b);
	make_key(b, &key);
	memcpy(identity, b->rig.info.identity, sizeof(identity));
	rig_stop(&b->rig);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (size_t at = 10; at < 90; at += 13) {
			relay_damage(&b->relay, RELAY_ANSWER, codes[i], at);
			if (start(b) == STATUS_OK) {
				assert_memory_equal(identity, b->rig.info.identity, sizeof(identity));
				assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
			}
			rig_kill(&b->rig);
		}
}

static void a_broken_connection_costs_one_repeat(void **state)
{
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;

	start_ok(b);
	make_key(b, &key);
	for (int i = 0; i < 5; i++) {
		relay_damage(&b->relay, RELAY_HANG_UP, 0, 0);
		assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
		assert_true(relay_has_damaged(&b->relay));
	}
	rig_stop(&b->rig);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

enum { TIMED = 150 };

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static uint64_t median(uint64_t times[TIMED])
{
	qsort(times, TIMED, sizeof(times[0]), compare);
	return times[TIMED / 2];
}

static ESYS_TR raw_session(struct raw *raw, bool password)
{
	static const TPMT_SYM_DEF cipher = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };
	ESYS_TR session;

	if (password)
		return ESYS_TR_PASSWORD;
	assert_int_equal(Esys_StartAuthSession(raw->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
				 ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &cipher, TPM2_ALG_SHA256, &session),
		0);
	assert_int_equal(Esys_TRSess_SetAttributes(raw->esys, session, TPMA_SESSION_CONTINUESESSION, 0xff), 0);
	return session;
}

static uint64_t time_raw(struct raw *raw, ESYS_TR key, ESYS_TR session)
{
	static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
	static const TPMT_TK_HASHCHECK ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	const TPM2B_DIGEST digest = { .size = 32 };
	uint64_t times[TIMED];

	for (size_t i = 0; i < TIMED; i++) {
		uint64_t from = clock_mono_us();
		TPMT_SIGNATURE *signature;

		assert_int_equal(Esys_Sign(raw->esys, key, session, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme,
					 &ticket, &signature),
			0);
		Esys_Free(signature);
		times[i] = clock_mono_us() - from;
	}
	return median(times);
}

static uint64_t time_ours(struct bench *b, const struct rig_key *key)
{
	AUTO(buf_done) struct buf two = buf_make(WORKER_BLOB_MAX);
	const uint8_t hash[32] = { 0 };
	uint64_t times[TIMED];

	buf_put_sized(&two, buf_bytes(&key->parent));
	buf_put(&two, bytes_of(hash, sizeof(hash)));
	for (size_t i = 0; i < TIMED; i++) {
		uint64_t from = clock_mono_us();

		assert_is(rig_call(&b->rig, WORKER_SIGN, &key->rq, buf_bytes(&key->blob), buf_bytes(&two)).status, OK);
		times[i] = clock_mono_us() - from;
	}
	return median(times);
}

static void a_resident_signature_costs_what_the_library_costs(void **state)
{
	struct bench *b = *state;

	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", b->tpm.tcti);
	for (int password = 0; password < 2; password++) {
		AUTO(rig_key_done) struct rig_key key;
		uint64_t ours, theirs;
		struct raw raw;
		ESYS_TR raw_object, session;

		b->config.sessions_password = password == 1;
		start_ok(b);
		make_key(b, &key);
		assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
		ours = time_ours(b, &key);
		rig_stop(&b->rig);

		raw_open(&raw, b->tpm.tcti);
		raw_object = raw_key(&raw);
		session = raw_session(&raw, password == 1);
		theirs = time_raw(&raw, raw_object, session);
		assert_int_equal(Esys_FlushContext(raw.esys, raw_object), 0);
		if (session != ESYS_TR_PASSWORD)
			assert_int_equal(Esys_FlushContext(raw.esys, session), 0);
		raw_close(&raw);
		print_message("resident P-256 signature, %s sessions: %u us through the worker, %u us with Esys_Sign "
			      "(%.2f)\n",
			password ? "password" : "hmac", (unsigned)ours, (unsigned)theirs,
			(double)ours / (double)theirs);
	}
}

/* ---- neighbours ---------------------------------------------------------------------------------------- */

/* Something else takes a place that we count on: ours are given up, once. */
static void a_place_taken_by_another_costs_one_repeat(void **state)
{
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key, second;
	char commands[RIG_TEXT_MAX];
	struct raw raw;
	ESYS_TR theirs;

	start_ok(b);
	make_key(b, &key);
	rig_key_init(&second, PSA_KEY_ECC_PAIR, 256, ecdsa_256);
	assert_is(rig_generate(&b->rig, &second, buf_bytes(&key.parent)), OK);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK); /* parent and key: one place is free */
	raw_open(&raw, b->tpm.tcti);
	theirs = raw_key(&raw);
	assert_is(rig_sign(&b->rig, &second, 1, commands), OK);
	assert_non_null(strstr(commands, "FlushContext"));
	assert_int_equal(Esys_FlushContext(raw.esys, theirs), 0);
	raw_close(&raw);
	rig_stop(&b->rig);
}

static void flush_all(struct raw *raw, uint32_t first)
{
	TPMS_CAPABILITY_DATA *data;
	TPMI_YES_NO more;

	assert_int_equal(Esys_GetCapability(raw->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
				 first, 32, &more, &data),
		0);
	assert_true(data->data.handles.count > 0);
	for (uint32_t i = 0; i < data->data.handles.count; i++) {
		ESYS_TR object;

		assert_int_equal(Esys_TR_FromTPMPublic(raw->esys, data->data.handles.handle[i], ESYS_TR_NONE,
					 ESYS_TR_NONE, ESYS_TR_NONE, &object),
			0);
		assert_int_equal(Esys_FlushContext(raw->esys, object), 0);
	}
	Esys_Free(data);
}

static void what_another_flushed_is_loaded_again(void **state)
{
	static const uint32_t kinds[] = { 0x80000000, 0x02000000 }; /* objects, sessions */
	struct bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	struct raw raw;

	start_ok(b);
	make_key(b, &key);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		raw_open(&raw, b->tpm.tcti);
		flush_all(&raw, kinds[i]);
		raw_close(&raw);
		assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	}
	rig_stop(&b->rig);
}

static const struct CMUnitTest tests[] = {
#define TPM_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
	TPM_TEST(each_key_type_signs_in_hmac_sessions),
	TPM_TEST(each_key_type_signs_in_password_sessions),
	TPM_TEST(what_a_tpm_cannot_do_is_refused),
	TPM_TEST(a_key_does_only_what_its_attributes_say),
	TPM_TEST(random_bytes_come_in_any_number),
	TPM_TEST(a_wrapping_key_is_sealed_and_opened),
	TPM_TEST(a_destroyed_key_is_no_longer_loaded),
	TPM_TEST(keys_survive_a_restart_of_the_worker_and_a_reset_of_the_tpm),
	TPM_TEST(saved_contexts_of_another_boot_do_no_harm),
	TPM_TEST(a_start_whose_state_was_lost_finds_its_storage_key_again),
	TPM_TEST(another_tpm_is_refused),
	TPM_TEST(a_tpm_that_is_swapped_under_a_running_worker_is_refused),
	TPM_TEST(a_handle_where_something_else_lives_is_refused),
	TPM_TEST(the_parent_of_another_namespace_is_refused),
	TPM_TEST(a_blob_presented_as_something_else_is_refused),
	TPM_TEST(damaged_blobs_are_refused),
	TPM_TEST(a_damaged_state_is_refused),
	TPM_TEST(a_stopped_tpm_is_reported_gone_at_once_and_taken_up_again),
	TPM_TEST(a_worker_killed_while_it_signs_starts_again_every_time),
	TPM_TEST(two_hundred_keys_share_three_places),
	TPM_TEST(a_resident_signature_is_one_command),
	TPM_TEST(damaged_traffic_never_becomes_a_wrong_success),
	TPM_TEST(with_passwords_damage_gets_through_and_the_worker_asks_for_verification),
	TPM_TEST(secrets_do_not_pass_the_bus_in_clear),
	TPM_TEST(a_place_taken_by_another_costs_one_repeat),
	TPM_TEST(what_another_flushed_is_loaded_again),
	TPM_TEST(a_start_with_damaged_answers_is_right_or_refused),
	TPM_TEST(a_broken_connection_costs_one_repeat),
	TPM_TEST(a_resident_signature_costs_what_the_library_costs),
};

UNIT_MAIN(tests)
