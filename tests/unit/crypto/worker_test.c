/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/role.h"
#include "crypto/worker.h"
#include "crypto/wrap.h"
#include "tests/support/fake_provider.h"

enum { WAIT_MS = 10000 };

static const struct bytes none = { 0 };
/* sized(parent = "PA"), hash = "hash" */
static const struct bytes sign_part = { (const uint8_t *)"\2\0\0\0PAhash", 10 };

static struct worker_request p256(void)
{
	struct worker_request rq = { .key = { .kind = PSA_KEY_ECC_PAIR,
					     .family = PSA_ECC_SECP_R1,
					     .usage = 0x80,
					     .bits = 256,
					     .alg = { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } },
		.alg = { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 },
		.bytes = 5 };

	memset(rq.hardware_id, 0x17, sizeof(rq.hardware_id));
	return rq;
}

static void wait_until(_Atomic unsigned *counter, unsigned want)
{
	uint64_t end = clock_mono_us() + WAIT_MS * US_PER_MS;

	while (atomic_load(counter) != want && clock_mono_us() < end)
		(void)usleep(1000);
	assert_int_equal(atomic_load(counter), want);
}

/* An answer may come before its thread has taken the request off the page. */
static void wait_until_idle(const struct fake_provider *fake)
{
	uint64_t end = clock_mono_us() + WAIT_MS * US_PER_MS;

	for (size_t slot = 0; slot < WORKER_THREADS_MAX; slot++) {
		while (atomic_load(&fake->page.executing[slot]) != 0 && clock_mono_us() < end)
			(void)usleep(1000);
		assert_int_equal(atomic_load(&fake->page.executing[slot]), 0);
	}
}

/* ---- encodings ---------------------------------------------------------------------------------- */

static void a_request_comes_back_as_it_was_and_is_refused_when_cut(void **state)
{
	struct worker_request rq = p256(), got;
	AUTO(buf_done) struct buf encoded = buf_make(2 * WORKER_REQUEST_BYTES);

	(void)state;
	worker_request_put(&encoded, &rq);
	assert_int_equal(encoded.len, WORKER_REQUEST_BYTES);
	assert_ok(worker_request_get(buf_bytes(&encoded), &got));
	assert_int_equal(got.key.bits, 256);
	assert_int_equal(got.key.usage, 0x80);
	assert_int_equal(got.alg.hash, PSA_HASH_SHA_256);
	assert_memory_equal(got.hardware_id, rq.hardware_id, sizeof(rq.hardware_id));
	assert_int_equal(got.bytes, 5);
	for (size_t cut = 0; cut < encoded.len; cut++)
		assert_fails(worker_request_get(bytes_of(encoded.data, cut), &got), IPC_MALFORMED);
	buf_put_u8(&encoded, 0);
	assert_fails(worker_request_get(buf_bytes(&encoded), &got), IPC_MALFORMED);
}

static struct worker_info sample_info(void)
{
	struct worker_info info = { .description = "device",
		.identity = { 9 },
		.needs_parent = true,
		.verify_after_sign = true,
		.threads = 2,
		.cap_count = 3 };

	info.caps[0] = (struct worker_cap){ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA, PSA_HASH_ANY, 256 };
	info.caps[1] = (struct worker_cap){ PSA_KEY_RSA_PAIR, 0, PSA_ALG_RSA_PSS, PSA_HASH_SHA_256, 2048 };
	info.caps[2] = (struct worker_cap){ PSA_KEY_RSA_PAIR, 0, PSA_ALG_RSA_PSS, PSA_HASH_SHA_384, 2048 };
	return info;
}

static void an_info_comes_back_as_it_was_and_is_refused_when_cut(void **state)
{
	struct worker_info info = sample_info(), got;
	AUTO(buf_done) struct buf encoded = buf_make(4096);

	(void)state;
	worker_info_put(&encoded, &info);
	assert_ok(worker_info_get(buf_bytes(&encoded), &got));
	assert_string_equal(got.description, "device");
	assert_int_equal(got.identity[0], 9);
	assert_true(got.needs_parent && got.verify_after_sign && !got.needs_intent);
	assert_int_equal(got.threads, 2);
	assert_int_equal(got.cap_count, 3);
	assert_memory_equal(got.caps, info.caps, 3 * sizeof(info.caps[0]));
	for (size_t cut = 0; cut < encoded.len; cut++)
		assert_fails(worker_info_get(bytes_of(encoded.data, cut), &got), IPC_MALFORMED);
	buf_put_u8(&encoded, 0);
	assert_fails(worker_info_get(buf_bytes(&encoded), &got), IPC_MALFORMED);
}

static void infos_out_of_bounds_are_refused(void **state)
{
	struct worker_info infos[5], got;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		infos[i] = sample_info();
	infos[0].threads = 0;
	infos[1].threads = WORKER_THREADS_MAX + 1;
	infos[2].description[3] = '\n';
	infos[3].caps[1].alg = PSA_ALG_KIND_COUNT;
	infos[4].caps[2].bits = 0;
	for (size_t i = 0; i < 5; i++) {
		AUTO(buf_done) struct buf encoded = buf_make(4096);

		worker_info_put(&encoded, &infos[i]);
		assert_fails(worker_info_get(buf_bytes(&encoded), &got), IPC_MALFORMED);
	}
}

static void support_is_asked_by_type_then_by_algorithm(void **state)
{
	static const struct {
		const char *what;
		struct psa_key_attributes key;
		enum status_code want;
	} rows[] = {
		{ "P-256, SHA-384",
			{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, 0, 256, { PSA_ALG_ECDSA, PSA_HASH_SHA_384, 0, 0, 0 } },
			STATUS_OK },
		{ "P-256, any", { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, 0, 256, { PSA_ALG_ECDSA, PSA_HASH_ANY, 0, 0, 0 } },
			STATUS_OK },
		{ "PSS SHA-384", { PSA_KEY_RSA_PAIR, 0, 0, 2048, { PSA_ALG_RSA_PSS, PSA_HASH_SHA_384, 0, 0, 0 } },
			STATUS_OK },
		{ "PSS any", { PSA_KEY_RSA_PAIR, 0, 0, 2048, { PSA_ALG_RSA_PSS, PSA_HASH_ANY, 0, 0, 0 } }, STATUS_OK },
		{ "public",
			{ PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 0, 256, { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } },
			STATUS_ATTR_PUBLIC },
		{ "P-384", { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, 0, 384, { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } },
			STATUS_ATTR_TYPE },
		{ "K-256", { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_K1, 0, 256, { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } },
			STATUS_ATTR_TYPE },
		{ "RSA-4096", { PSA_KEY_RSA_PAIR, 0, 0, 4096, { PSA_ALG_RSA_PSS, PSA_HASH_SHA_256, 0, 0, 0 } },
			STATUS_ATTR_TYPE },
		{ "AES", { PSA_KEY_AES, 0, 0, 256, { PSA_ALG_CIPHER, 0, 2, 0, 0 } }, STATUS_ATTR_TYPE },
		{ "P-256, SHA-1",
			{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, 0, 256, { PSA_ALG_ECDSA, PSA_HASH_SHA_1, 0, 0, 0 } },
			STATUS_ATTR_ALG },
		{ "ecdsa_any", { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, 0, 256, { PSA_ALG_ECDSA_ANY, 0, 0, 0, 0 } },
			STATUS_ATTR_ALG },
		{ "PSS SHA-512", { PSA_KEY_RSA_PAIR, 0, 0, 2048, { PSA_ALG_RSA_PSS, PSA_HASH_SHA_512, 0, 0, 0 } },
			STATUS_ATTR_ALG },
		{ "none", { PSA_KEY_RSA_PAIR, 0, 0, 2048, { PSA_ALG_NONE, 0, 0, 0, 0 } }, STATUS_ATTR_ALG },
	};
	struct worker_info info = sample_info();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct status st = worker_info_supports(&info, &rows[i].key);

		if (st.code != rows[i].want)
			fail_msg("%s: %s", rows[i].what, status_name(st.code));
	}
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static void it_opens_the_device_on_hello_and_tells_keyreeved(void **state)
{
	struct fake_provider fake;
	struct worker_info info;
	struct ipc_message m;

	(void)state;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	m = fake_provider_hello(&fake, none);
	assert_int_equal(m.status, STATUS_OK);
	assert_bytes(m.part[0], ipc_build_id());
	assert_ok(worker_info_get(m.part[1], &info));
	assert_string_equal(info.description, "fake device");
	assert_int_equal(info.threads, 1);
	assert_bytes(m.part[2], BYTES_LITERAL("new state"));
	assert_ok(ipc_wait(fake.ctl, WAIT_MS, &m));
	assert_int_equal(m.type, ROLE_READY);
	assert_bytes(m.part[0], BYTES_LITERAL("fake device"));
	fake_provider_join(&fake);
	assert_status(fake.result, STATUS_OK);
}

static void kept_state_reaches_the_provider(void **state)
{
	struct fake_provider fake;
	struct ipc_message m;

	(void)state;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	m = fake_provider_hello(&fake, BYTES_LITERAL("old"));
	assert_int_equal(m.status, STATUS_OK);
	assert_int_equal(m.part[2].len, 0);
	fake_provider_join(&fake);
	assert_bytes(bytes_of(fake.state, fake.state_len), BYTES_LITERAL("old"));
}

static void a_device_that_does_not_open_ends_the_worker_with_its_reason(void **state)
{
	struct fake_provider fake;
	struct ipc_message m;

	(void)state;
	fake_provider_init(&fake, 1);
	fake.open_fails = STATUS_PIN_REFUSED;
	fake.native = 0xa0;
	fake_provider_start(&fake);
	m = fake_provider_hello(&fake, none);
	assert_int_equal(m.status, STATUS_PIN_REFUSED);
	assert_int_equal(m.native, 0xa0);
	assert_int_equal(m.part[0].len + m.part[1].len + m.part[2].len, 0);
	fake_provider_join(&fake);
	assert_status(fake.result, STATUS_PIN_REFUSED);
}

static void a_peer_of_another_build_is_refused_before_the_device_is_touched(void **state)
{
	struct ipc_message hello = ipc_message_of(WORKER_HELLO, 1), m;
	uint8_t other[IPC_BUILD_BYTES] = "another build";
	struct fake_provider fake;

	(void)state;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	hello.part[0] = bytes_of(other, sizeof(other));
	hello.part[2] = BYTES_LITERAL("storetag");
	assert_ok(ipc_send(fake.lane, &hello));
	assert_ok(ipc_flush_wait(fake.lane, WAIT_MS));
	m = fake_provider_answer(&fake);
	assert_int_equal(m.status, STATUS_IPC_BUILD);
	fake_provider_join(&fake);
	assert_status(fake.result, STATUS_IPC_BUILD);
	assert_int_equal(fake.opened, 0);
}

static void a_request_before_hello_ends_the_worker(void **state)
{
	struct worker_request rq = p256();
	struct fake_provider fake;

	(void)state;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	fake_provider_send(&fake, WORKER_SIGN, 7, &rq, none, sign_part, 0);
	assert_int_equal(fake_provider_answer(&fake).status, STATUS_IPC_MALFORMED);
	fake_provider_join(&fake);
	assert_status(fake.result, STATUS_IPC_MALFORMED);
	assert_int_equal(fake.opened, 0);
}

static void each_type_reaches_its_call_with_its_parts(void **state)
{
	static const unsigned threads[] = { 1, 3 };
	struct worker_request rq = p256();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fake_provider fake;
		struct ipc_message m;

		fake_provider_init(&fake, threads[i]);
		fake_provider_start(&fake);
		(void)fake_provider_hello(&fake, none);
		fake_provider_send(&fake, WORKER_SIGN, 11, &rq, BYTES_LITERAL("blob"), sign_part, 0);
		m = fake_provider_answer(&fake);
		assert_int_equal(m.id, 11);
		assert_int_equal(m.type, WORKER_SIGN);
		assert_int_equal(m.status, STATUS_OK);
		assert_bytes(m.part[0], BYTES_LITERAL("blobPAhash"));
		if (threads[i] == 1)
			assert_int_equal(fake.seen_executing, 11);
		fake_provider_send(&fake, WORKER_GENERATE, 12, &rq, BYTES_LITERAL("parent"), none, 0);
		m = fake_provider_answer(&fake);
		assert_bytes(m.part[0], BYTES_LITERAL("parent"));
		assert_bytes(m.part[1], BYTES_LITERAL("public"));
		assert_bytes(m.part[2], BYTES_LITERAL("FAKE_GENERATE"));
		fake_provider_send(&fake, WORKER_DESTROY, 13, &rq, BYTES_LITERAL("blob"), none, 0);
		assert_int_equal(fake_provider_answer(&fake).status, STATUS_OK);
		fake_provider_send(&fake, WORKER_RANDOM, 14, &rq, none, none, 0);
		assert_bytes(fake_provider_answer(&fake).part[0], BYTES_LITERAL("\0\1\2\3\4"));
		fake_provider_send(&fake, WORKER_FIND, 15, &rq, none, none, 0);
		assert_bytes(fake_provider_answer(&fake).part[0], BYTES_LITERAL("\x17\0\0\0"));
		fake_provider_send(&fake, WORKER_CLEAN, 16, &rq, none, none, 0);
		assert_int_equal(fake_provider_answer(&fake).status, STATUS_DEVICE_UNSUPPORTED);
		fake_provider_send(&fake, WORKER_PARENT, 17, &rq, none, none, 0);
		assert_int_equal(fake_provider_answer(&fake).status, STATUS_DEVICE_UNSUPPORTED);
		assert_int_equal(fake.destroyed, 1);
		wait_until_idle(&fake);
		fake_provider_join(&fake);
		assert_status(fake.result, STATUS_OK);
	}
}

static void a_failure_carries_its_native_code_and_no_parts(void **state)
{
	struct worker_request rq = p256();
	struct fake_provider fake;
	struct ipc_message m;

	(void)state;
	fake_provider_init(&fake, 1);
	fake.sign_fails = STATUS_DEVICE_FAILED;
	fake.native = 0x30;
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	fake_provider_send(&fake, WORKER_SIGN, 1, &rq, none, sign_part, 0);
	m = fake_provider_answer(&fake);
	assert_int_equal(m.status, STATUS_DEVICE_FAILED);
	assert_int_equal(m.native, 0x30);
	assert_int_equal(m.part[0].len, 0);
	fake_provider_join(&fake);
}

static void a_passed_deadline_never_reaches_the_device(void **state)
{
	static const unsigned threads[] = { 1, 2 };
	struct worker_request rq = p256();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fake_provider fake;

		fake_provider_init(&fake, threads[i]);
		fake_provider_start(&fake);
		(void)fake_provider_hello(&fake, none);
		fake_provider_send(&fake, WORKER_SIGN, 1, &rq, none, sign_part, clock_mono_us() - 1);
		assert_int_equal(fake_provider_answer(&fake).status, STATUS_QUEUE_DEADLINE);
		assert_int_equal(fake.signed_count, 0);
		fake_provider_send(&fake, WORKER_SIGN, 2, &rq, none, sign_part, clock_mono_us() + 60 * US_PER_S);
		assert_int_equal(fake_provider_answer(&fake).status, STATUS_OK);
		fake_provider_join(&fake);
	}
}

static void malformed_requests_are_answered_so_and_unknown_types_end_it(void **state)
{
	struct worker_request rq = p256(), greedy = p256();
	static uint8_t long_hash[4 + PSA_HASH_MAX_BYTES + 1];
	struct fake_provider fake;

	(void)state;
	greedy.bytes = WORKER_RANDOM_MAX + 1;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	fake_provider_send(&fake, WORKER_SIGN, 1, NULL, none, sign_part, 0);
	assert_int_equal(fake_provider_answer(&fake).status, STATUS_IPC_MALFORMED);
	fake_provider_send(&fake, WORKER_SIGN, 2, &rq, none, none, 0);
	assert_int_equal(fake_provider_answer(&fake).status, STATUS_IPC_MALFORMED);
	fake_provider_send(&fake, WORKER_SIGN, 3, &rq, none, BYTES_LITERAL("\0\0\0\0"), 0);
	assert_int_equal(fake_provider_answer(&fake).status, STATUS_IPC_MALFORMED);
	fake_provider_send(&fake, WORKER_SIGN, 4, &rq, none, bytes_of(long_hash, sizeof(long_hash)), 0);
	assert_int_equal(fake_provider_answer(&fake).status, STATUS_IPC_MALFORMED);
	fake_provider_send(&fake, WORKER_RANDOM, 5, &greedy, none, none, 0);
	assert_int_equal(fake_provider_answer(&fake).status, STATUS_IPC_MALFORMED);
	assert_int_equal(fake.signed_count, 0);
	fake_provider_send(&fake, WORKER_TYPE_COUNT, 6, &rq, none, none, 0);
	assert_int_equal(pthread_join(fake.thread, NULL), 0);
	assert_status(fake.result, STATUS_IPC_MALFORMED);
	ipc_free(fake.lane);
	ipc_free(fake.ctl);
	ipc_free(fake.wrap);
}

static void answers_of_a_batch_come_in_order_and_all_of_them(void **state)
{
	struct worker_request rq = p256();
	struct fake_provider fake;

	(void)state;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	for (uint64_t id = 1; id <= 64; id++)
		fake_provider_send(&fake, WORKER_SIGN, id, &rq, none, sign_part, 0);
	for (uint64_t id = 1; id <= 64; id++)
		assert_int_equal(fake_provider_answer(&fake).id, id);
	fake_provider_join(&fake);
}

static void many_requests_on_several_threads_are_each_answered_once(void **state)
{
	enum { COUNT = 1000 };
	static bool seen[COUNT + 1];
	struct worker_request rq = p256();
	struct fake_provider fake;

	(void)state;
	fake_provider_init(&fake, 4);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	for (uint64_t id = 1; id <= COUNT; id++) {
		uint8_t part2[4 + 8] = { 0 };
		AUTO(buf_done) struct buf encoded = buf_make(WORKER_REQUEST_BYTES);
		struct ipc_message m = ipc_message_of(WORKER_SIGN, id);

		worker_request_put(&encoded, &rq);
		memcpy(part2 + 4, &id, sizeof(id));
		m.part[0] = buf_bytes(&encoded);
		m.part[2] = bytes_of(part2, sizeof(part2));
		assert_ok(ipc_send(fake.lane, &m));
	}
	assert_ok(ipc_flush_wait(fake.lane, WAIT_MS));
	for (size_t i = 0; i < COUNT; i++) {
		struct ipc_message m = fake_provider_answer(&fake);

		assert_int_equal(m.status, STATUS_OK);
		assert_true(m.id >= 1 && m.id <= COUNT && !seen[m.id]);
		assert_bytes(m.part[0], bytes_of(&m.id, sizeof(m.id)));
		seen[m.id] = true;
	}
	fake_provider_join(&fake);
	assert_int_equal(fake.signed_count, COUNT);
}

static void key_generation_leaves_a_thread_for_signatures(void **state)
{
	struct worker_request rq = p256();
	struct fake_provider fake;

	(void)state;
	fake_provider_init(&fake, 2);
	atomic_store(&fake.hold_generate, true);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	for (uint64_t id = 1; id <= 3; id++)
		fake_provider_send(&fake, WORKER_GENERATE, id, &rq, none, none, 0);
	wait_until(&fake.concurrent, 1);
	for (uint64_t id = 10; id < 15; id++) {
		fake_provider_send(&fake, WORKER_SIGN, id, &rq, none, sign_part, 0);
		assert_int_equal(fake_provider_answer(&fake).id, id);
	}
	/* The page shows the generation all the while. */
	assert_true(atomic_load(&fake.page.executing[0]) == 1 || atomic_load(&fake.page.executing[1]) == 1);
	atomic_store(&fake.hold_generate, false);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(fake_provider_answer(&fake).type, WORKER_GENERATE);
	fake_provider_join(&fake);
	assert_int_equal(fake.concurrent_max, 2);
}

static void signatures_do_not_starve_key_generation(void **state)
{
	enum { SIGNATURES = 30 };
	struct worker_request rq = p256();
	struct fake_provider fake;
	size_t before = 0;

	(void)state;
	fake_provider_init(&fake, 2);
	atomic_store(&fake.hold_sign, true);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	/* Together: with both threads held nobody reads what comes later. */
	for (uint64_t id = 1; id <= SIGNATURES; id++)
		fake_provider_queue(&fake, WORKER_SIGN, id, &rq, none, sign_part, 0);
	fake_provider_queue(&fake, WORKER_GENERATE, 100, &rq, none, none, 0);
	fake_provider_flush(&fake);
	wait_until(&fake.concurrent, 2);
	atomic_store(&fake.hold_sign, false);
	while (fake_provider_answer(&fake).id != 100)
		before++;
	/* It was last in, and goes as soon as a thread is free. */
	assert_true(before < SIGNATURES / 2);
	for (; before < SIGNATURES; before++)
		assert_int_equal(fake_provider_answer(&fake).type, WORKER_SIGN);
	fake_provider_join(&fake);
}

/* The first answer must not wait for the second request, which the provider does not finish. */
static void an_answer_does_not_wait_for_a_slow_request_behind_it(void **state)
{
	struct worker_request quick = p256(), rsa = p256();
	struct fake_provider fake;

	(void)state;
	rsa.key.bits = 2048;
	fake_provider_init(&fake, 1);
	atomic_store(&fake.hold_generate, true);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	fake_provider_queue(&fake, WORKER_SIGN, 1, &quick, none, sign_part, 0);
	fake_provider_queue(&fake, WORKER_GENERATE, 2, &rsa, none, none, 0);
	fake_provider_flush(&fake);
	assert_int_equal(fake_provider_answer(&fake).id, 1);
	assert_int_equal(fake.generated, 0);
	atomic_store(&fake.hold_generate, false);
	assert_int_equal(fake_provider_answer(&fake).id, 2);
	fake_provider_join(&fake);
}

static void it_ends_when_keyreeved_is_gone(void **state)
{
	static const unsigned threads[] = { 1, 2 };
	struct ipc_message ready;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fake_provider fake;

		fake_provider_init(&fake, threads[i]);
		fake_provider_start(&fake);
		(void)fake_provider_hello(&fake, none);
		assert_ok(ipc_wait(fake.ctl, WAIT_MS, &ready));
		ipc_free(fake.ctl);
		fake.ctl = NULL;
		assert_int_equal(pthread_join(fake.thread, NULL), 0);
		assert_status(fake.result, STATUS_OK);
		ipc_free(fake.lane);
		ipc_free(fake.wrap);
	}
}

static void thread_counts_out_of_bounds_are_refused(void **state)
{
	static const unsigned threads[] = { 0, WORKER_THREADS_MAX + 1 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fake_provider fake;

		fake_provider_init(&fake, threads[i]);
		fake_provider_start(&fake);
		fake_provider_join(&fake);
		assert_status(fake.result, STATUS_LIMIT);
	}
}

/* ---- wrapping ----------------------------------------------------------------------------------- */

static void a_wrapping_key_is_sealed_and_opened_over_the_socket(void **state)
{
	static const uint8_t key[WRAP_KEY_BYTES] = "thirty-two bytes of wrapping key";
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	AUTO(secret_done) struct secret got = { 0 };
	struct fake_provider fake;

	(void)state;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	assert_ok(wrap_seal(fake.wrap, bytes_of(key, sizeof(key)), &sealed));
	assert_false(bytes_equal(buf_bytes(&sealed), bytes_of(key, sizeof(key))));
	assert_ok(wrap_open(fake.wrap, buf_bytes(&sealed), &got));
	assert_bytes(secret_bytes(&got), bytes_of(key, sizeof(key)));
	assert_fails(wrap_seal(fake.wrap, bytes_of(key, 31), &sealed), LIMIT);
	fake_provider_join(&fake);
	assert_int_equal(fake.wrapped, 2);
}

static void a_new_socket_from_keyreeved_replaces_the_old_one(void **state)
{
	static const uint8_t key[WRAP_KEY_BYTES] = "thirty-two bytes of wrapping key";
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	struct ipc_message m = ipc_message_of(ROLE_FD, 0);
	struct fake_provider fake;
	int fds[2];

	(void)state;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	m.part[0] = BYTES_LITERAL("wrap");
	m.fd = fds[1];
	assert_ok(ipc_send(fake.ctl, &m));
	assert_ok(ipc_flush_wait(fake.ctl, WAIT_MS));
	(void)close(fds[1]);
	ipc_free(fake.wrap);
	assert_ok(ipc_new(fds[0], &fake.wrap));
	assert_ok(wrap_seal(fake.wrap, bytes_of(key, sizeof(key)), &sealed));
	fake_provider_join(&fake);
}

static void malformed_wrap_requests_are_refused(void **state)
{
	static const uint8_t bytes[WRAP_SEALED_MAX + 1] = { 0 };
	struct ipc_message build = ipc_message_of(WRAP_SEAL, 0), seal = build, open = build, type = build, part = build;

	(void)state;
	build.part[1] = bytes_of(bytes, WRAP_KEY_BYTES);
	assert_fails(wrap_check(&build), IPC_BUILD);
	seal.part[0] = open.part[0] = type.part[0] = part.part[0] = ipc_build_id();
	seal.part[1] = bytes_of(bytes, WRAP_KEY_BYTES + 1);
	assert_fails(wrap_check(&seal), IPC_MALFORMED);
	open.type = WRAP_OPEN;
	assert_fails(wrap_check(&open), IPC_MALFORMED);
	open.part[1] = bytes_of(bytes, sizeof(bytes));
	assert_fails(wrap_check(&open), IPC_MALFORMED);
	type.type = WRAP_TYPE_COUNT;
	type.part[1] = bytes_of(bytes, WRAP_KEY_BYTES);
	assert_fails(wrap_check(&type), IPC_MALFORMED);
	part.part[1] = part.part[2] = bytes_of(bytes, WRAP_KEY_BYTES);
	assert_fails(wrap_check(&part), IPC_MALFORMED);
}

static void a_refused_wrap_request_is_answered_with_its_reason(void **state)
{
	struct fake_provider fake;
	struct ipc_message m = ipc_message_of(WRAP_SEAL, 3);

	(void)state;
	fake_provider_init(&fake, 1);
	fake_provider_start(&fake);
	(void)fake_provider_hello(&fake, none);
	m.part[0] = ipc_build_id();
	m.part[1] = BYTES_LITERAL("short");
	assert_ok(ipc_send(fake.wrap, &m));
	assert_ok(ipc_flush_wait(fake.wrap, WAIT_MS));
	assert_ok(ipc_wait(fake.wrap, WAIT_MS, &m));
	assert_int_equal(m.status, STATUS_IPC_MALFORMED);
	assert_int_equal(fake.wrapped, 0);
	fake_provider_join(&fake);
}

static void a_wrapping_worker_that_is_gone_is_said_to_be_missing(void **state)
{
	static const uint8_t key[WRAP_KEY_BYTES] = { 0 };
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	struct ipc *ipc;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	(void)close(fds[1]);
	assert_ok(ipc_new(fds[0], &ipc));
	assert_fails(wrap_seal(ipc, bytes_of(key, sizeof(key)), &sealed), WRAP_MISSING);
	ipc_free(ipc);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_request_comes_back_as_it_was_and_is_refused_when_cut),
	cmocka_unit_test(an_info_comes_back_as_it_was_and_is_refused_when_cut),
	cmocka_unit_test(infos_out_of_bounds_are_refused),
	cmocka_unit_test(support_is_asked_by_type_then_by_algorithm),
	cmocka_unit_test(it_opens_the_device_on_hello_and_tells_keyreeved),
	cmocka_unit_test(kept_state_reaches_the_provider),
	cmocka_unit_test(a_device_that_does_not_open_ends_the_worker_with_its_reason),
	cmocka_unit_test(a_peer_of_another_build_is_refused_before_the_device_is_touched),
	cmocka_unit_test(a_request_before_hello_ends_the_worker),
	cmocka_unit_test(each_type_reaches_its_call_with_its_parts),
	cmocka_unit_test(a_failure_carries_its_native_code_and_no_parts),
	cmocka_unit_test(a_passed_deadline_never_reaches_the_device),
	cmocka_unit_test(malformed_requests_are_answered_so_and_unknown_types_end_it),
	cmocka_unit_test(answers_of_a_batch_come_in_order_and_all_of_them),
	cmocka_unit_test(many_requests_on_several_threads_are_each_answered_once),
	cmocka_unit_test(key_generation_leaves_a_thread_for_signatures),
	cmocka_unit_test(signatures_do_not_starve_key_generation),
	cmocka_unit_test(an_answer_does_not_wait_for_a_slow_request_behind_it),
	cmocka_unit_test(it_ends_when_keyreeved_is_gone),
	cmocka_unit_test(thread_counts_out_of_bounds_are_refused),
	cmocka_unit_test(a_wrapping_key_is_sealed_and_opened_over_the_socket),
	cmocka_unit_test(a_new_socket_from_keyreeved_replaces_the_old_one),
	cmocka_unit_test(malformed_wrap_requests_are_refused),
	cmocka_unit_test(a_refused_wrap_request_is_answered_with_its_reason),
	cmocka_unit_test(a_wrapping_worker_that_is_gone_is_said_to_be_missing),
};

UNIT_MAIN(tests)
