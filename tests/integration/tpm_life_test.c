/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-tpm over restarts of its own and resets of the TPM: what it keeps, what another TPM or a lost one is to it,
 * and neighbours that take its places. */
#include "tests/support/tpm_bench.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"

/* ---- what stays --------------------------------------------------------------------------------------- */

static void keys_survive_a_restart_of_the_worker_and_a_reset_of_the_tpm(void **state)
{
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	uint8_t identity[32];

	tpm_start_ok(b);
	memcpy(identity, b->rig.info.identity, sizeof(identity));
	tpm_make_key(b, &key);
	rig_stop(&b->rig);

	tpm_start_ok(b);
	assert_memory_equal(identity, b->rig.info.identity, sizeof(identity));
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	swtpm_stop(&b->tpm); /* under a running worker that has the key loaded */
	swtpm_start(&b->tpm);
	assert_is(rig_sign(&b->rig, &key, 2, NULL), OK);
	rig_stop(&b->rig);

	swtpm_stop(&b->tpm);
	swtpm_start(&b->tpm);
	tpm_start_ok(b);
	assert_is(rig_sign(&b->rig, &key, 3, NULL), OK);
	rig_stop(&b->rig);
}

static void saved_contexts_of_another_boot_do_no_harm(void **state)
{
	enum { KEYS = 6, IN_CONTEXT = 200 };
	struct tpm_bench *b = *state;
	struct rig_key keys[KEYS];
	AUTO(buf_done) struct buf parent = buf_make(WORKER_BLOB_MAX);

	tpm_start_ok(b);
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
	struct tpm_bench *b = *state;
	uint8_t identity[32];

	tpm_start_ok(b);
	assert_true(b->rig.state.len > 0);
	memcpy(identity, b->rig.info.identity, sizeof(identity));
	rig_kill(&b->rig);
	buf_clear(&b->rig.state); /* it died before the agent made it durable */
	tpm_start_ok(b);
	assert_memory_equal(identity, b->rig.info.identity, sizeof(identity));
	rig_stop(&b->rig);
}

static void another_tpm_is_refused(void **state)
{
	struct tpm_bench *b = *state;
	struct swtpm other;
	struct rig theirs;

	tpm_start_ok(b);
	rig_stop(&b->rig);
	swtpm_new(&other);
	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", other.tcti);
	assert_is(tpm_start(b), DEVICE_IDENTITY);
	rig_kill(&b->rig);
	assert_true(raw_is_vacant(other.tcti, 0x8101a001)); /* and nothing was left on it */
	/* Also one on which another keyreeve has made its own storage key. */
	rig_init(&theirs);
	assert_is(rig_start(&theirs, TPM_PROGRAM, &b->config), OK);
	rig_stop(&theirs);
	rig_done(&theirs);
	assert_is(tpm_start(b), DEVICE_IDENTITY);
	rig_kill(&b->rig);
	swtpm_free(&other);
}

static void a_tpm_that_is_swapped_under_a_running_worker_is_refused(void **state)
{
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	struct swtpm other, ours = b->tpm;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
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
	struct tpm_bench *b = *state;
	struct raw raw;
	ESYS_TR key, persistent;

	raw_open(&raw, b->tpm.tcti);
	key = raw_key(&raw);
	assert_int_equal(Esys_EvictControl(raw.esys, ESYS_TR_RH_OWNER, key, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				 ESYS_TR_NONE, 0x8101a001, &persistent),
		0);
	assert_int_equal(Esys_FlushContext(raw.esys, key), 0);
	raw_close(&raw);
	assert_is(tpm_start(b), DEVICE_HANDLE);
	rig_kill(&b->rig);
	b->config.handle = 0x8101a002;
	tpm_start_ok(b);
	rig_stop(&b->rig);
}

/* ---- faults -------------------------------------------------------------------------------------------- */

static void a_stopped_tpm_is_reported_gone_at_once_and_taken_up_again(void **state)
{
	enum { BOUND_MS = 2000, RETRY_US = 60000 };
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	const struct worker_request rq = { .bytes = 16 };
	uint64_t from;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
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
	assert_is(tpm_start(b), DEVICE_GONE);
}

static void a_worker_killed_while_it_signs_starts_again_every_time(void **state)
{
	enum { KILLS = 20 };
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	AUTO(buf_done) struct buf two = buf_make(WORKER_BLOB_MAX);
	uint8_t hash[32] = "whatever";

	/* Without the relay: its connection would go on after the worker's death. */
	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", b->tpm.tcti);
	tpm_start_ok(b);
	tpm_make_key(b, &key);
	buf_put_sized(&two, buf_bytes(&key.parent));
	buf_put(&two, bytes_of(hash, sizeof(hash)));
	for (int i = 0; i < KILLS; i++) {
		assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
		rig_send(&b->rig, WORKER_SIGN, &key.rq, buf_bytes(&key.blob), buf_bytes(&two));
		(void)usleep((useconds_t)(i * 150));
		rig_kill(&b->rig);
		tpm_start_ok(b);
	}
	assert_is(rig_sign(&b->rig, &key, 1, NULL), OK);
	rig_stop(&b->rig);
}

static void two_hundred_keys_share_three_places(void **state)
{
	enum { KEYS = 200, NAMESPACES = 4, ROUNDS = 2 };
	struct tpm_bench *b = *state;
	struct rig_key *keys = calloc(KEYS, sizeof(*keys));
	struct buf parents[NAMESPACES];

	assert_non_null(keys);
	b->config.sessions_password = true; /* the same places, in a quarter of the time */
	tpm_start_ok(b);
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

/* ---- neighbours ---------------------------------------------------------------------------------------- */

/* Something else takes a place that we count on: ours are given up, once. */
static void a_place_taken_by_another_costs_one_repeat(void **state)
{
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key, second;
	char commands[RIG_TEXT_MAX];
	struct raw raw;
	ESYS_TR theirs;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
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
	struct tpm_bench *b = *state;
	AUTO(rig_key_done) struct rig_key key;
	struct raw raw;

	tpm_start_ok(b);
	tpm_make_key(b, &key);
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
	TPM_TEST(keys_survive_a_restart_of_the_worker_and_a_reset_of_the_tpm),
	TPM_TEST(saved_contexts_of_another_boot_do_no_harm),
	TPM_TEST(a_start_whose_state_was_lost_finds_its_storage_key_again),
	TPM_TEST(another_tpm_is_refused),
	TPM_TEST(a_tpm_that_is_swapped_under_a_running_worker_is_refused),
	TPM_TEST(a_handle_where_something_else_lives_is_refused),
	TPM_TEST(a_stopped_tpm_is_reported_gone_at_once_and_taken_up_again),
	TPM_TEST(a_worker_killed_while_it_signs_starts_again_every_time),
	TPM_TEST(two_hundred_keys_share_three_places),
	TPM_TEST(a_place_taken_by_another_costs_one_repeat),
	TPM_TEST(what_another_flushed_is_loaded_again),
};

UNIT_MAIN(tests)
