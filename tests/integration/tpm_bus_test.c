/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-tpm and what passes between it and the TPM: how many commands, what damage gains, and how long it takes. */
#include "tests/support/tpm_bench.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"
#include "crypto/wrap.h"

/* ---- commands ------------------------------------------------------------------------------------------ */

static void count_resident(struct tpm_bench *b)
{
	enum { SIGNATURES = 20 };
	AUTO(rig_key_done) struct rig_key key, second;
	uint64_t before;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
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
	struct tpm_bench *b = *state;

	count_resident(b);
	b->config.sessions_password = true;
	count_resident(b);
}

/* Every byte of the command and of its answer but the size, which would only make somebody wait. */
static void damage_each_byte(
	struct tpm_bench *b, struct rig_key *key, enum relay_damage damage, size_t len, size_t step, unsigned *good)
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
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	enum { STEP = 3 };
	unsigned good = 0;
	size_t command, answer;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
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
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	bool good;

	b->config.sessions_password = true;
	tpm_start_ok(b);
	tpm_make_key(b, &key);
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	relay_damage(&b->relay, RELAY_ANSWER, TPM2_CC_Sign, IN_R);
	assert_is(rig_sign_judge(&b->rig, &key, 2, &good), OK);
	assert_false(good);
	assert_true(b->rig.info.verify_after_sign);
	rig_stop(&b->rig);
}

static void seal_once(struct tpm_bench *b, const uint8_t key[WRAP_KEY_BYTES])
{
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	AUTO(secret_done) struct secret opened = { 0 };
	struct ipc *wrap;

	tpm_start_ok(b);
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
	struct tpm_bench *b = *state;

	for (int password = 0; password < 2; password++) { /* with passwords they do: the watch works */
		struct rig_answer answer;

		b->config.sessions_password = password == 1;
		seal_once(b, key);
		assert_int_equal(relay_seen(&b->relay), password ? 2 : 0);
		tpm_start_ok(b);
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
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	uint8_t identity[32];

	tpm_start_ok(b);
	tpm_make_key(b, &key);
	memcpy(identity, b->rig.info.identity, sizeof(identity));
	rig_stop(&b->rig);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (size_t at = 10; at < 90; at += 13) {
			relay_damage(&b->relay, RELAY_ANSWER, codes[i], at);
			if (tpm_start(b) == STATUS_OK) {
				assert_memory_equal(identity, b->rig.info.identity, sizeof(identity));
				assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
			}
			rig_kill(&b->rig);
		}
}

static void a_broken_connection_costs_one_repeat(void **state)
{
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
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

static uint64_t time_ours(struct tpm_bench *b, const struct rig_key *key)
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
	struct tpm_bench *b = *state;

	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", b->tpm.tcti);
	for (int password = 0; password < 2; password++) {
		AUTO(rig_key_done) struct rig_key key;
		uint64_t ours, theirs;
		struct raw raw;
		ESYS_TR raw_object, session;

		b->config.sessions_password = password == 1;
		tpm_start_ok(b);
		tpm_make_key(b, &key);
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

static const struct CMUnitTest tests[] = {
	TPM_TEST(a_resident_signature_is_one_command),
	TPM_TEST(damaged_traffic_never_becomes_a_wrong_success),
	TPM_TEST(with_passwords_damage_gets_through_and_the_worker_asks_for_verification),
	TPM_TEST(secrets_do_not_pass_the_bus_in_clear),
	TPM_TEST(a_start_with_damaged_answers_is_right_or_refused),
	TPM_TEST(a_broken_connection_costs_one_repeat),
	TPM_TEST(a_resident_signature_costs_what_the_library_costs),
};

UNIT_MAIN(tests)
