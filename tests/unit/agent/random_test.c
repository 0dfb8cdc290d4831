/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "agent/random.h"

static void more_than_a_mebibyte_is_refused_and_a_mebibyte_is_not(void **state)
{
	struct random_pool pool;
	struct random_stream stream;
	struct buf to = buf_make(RANDOM_MAX);

	(void)state;
	assert_ok(random_pool_init(&pool));
	assert_ok(random_pool_stream(&pool, &stream));
	assert_fails(random_take(&stream, RANDOM_MAX + 1, &to), RANDOM_LONG);
	assert_int_equal(to.len, 0);
	assert_ok(random_take(&stream, 0, &to));
	assert_int_equal(to.len, 0);
	assert_ok(random_take(&stream, RANDOM_MAX, &to));
	assert_int_equal(to.len, RANDOM_MAX);
	assert_fails(random_take(&stream, 1, &to), LIMIT);
	assert_int_equal(to.len, RANDOM_MAX);
	buf_done(&to);
}

static void device_bytes_that_repeat_are_refused_and_leave_the_pool_alone(void **state)
{
	static const struct {
		struct bytes device;
		bool good;
	} rows[] = {
		{ BYTES_LITERAL(""), false },
		{ BYTES_LITERAL("\0\0\0\0\0\0\0\0"), false },
		{ BYTES_LITERAL("AAAAA"), false },
		{ BYTES_LITERAL("abcdeeeee"), false },
		{ BYTES_LITERAL("aaaabbbbb"), false },
		{ BYTES_LITERAL("AAAA"), true },
		{ BYTES_LITERAL("aaaabbbbaaaa"), true },
		{ BYTES_LITERAL("0123456789abcdef0123456789abcdef"), true },
	};
	uint8_t other[RANDOM_DEVICE_BYTES] = { 0 };
	uint64_t mixed = 0, unhealthy = 0;
	struct random_pool pool, before;

	(void)state;
	assert_ok(random_pool_init(&pool));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		before = pool;
		if (rows[i].good) {
			assert_ok(random_pool_mix(&pool, rows[i].device));
			assert_memory_not_equal(pool.key, before.key, sizeof(pool.key));
			mixed++;
		} else {
			assert_fails(random_pool_mix(&pool, rows[i].device), RANDOM_FAILED);
			assert_memory_equal(pool.key, before.key, sizeof(pool.key));
			unhealthy++;
		}
		assert_int_equal(pool.mixed, mixed);
		assert_int_equal(pool.unhealthy, unhealthy);
	}
	/* the same again and again, beside another device for longer than anything is remembered */
	for (uint8_t i = 0; i < 3 * RANDOM_SEEN; i++) {
		if (i < 2 * RANDOM_SEEN)
			assert_fails(random_pool_mix(&pool, rows[7].device), RANDOM_FAILED);
		for (uint8_t k = 0; k < sizeof(other); k++)
			other[k] = (uint8_t)(3 * k + i);
		assert_ok(random_pool_mix(&pool, bytes_of(other, sizeof(other))));
	}
	/* until it was not heard for as long */
	assert_ok(random_pool_mix(&pool, rows[7].device));
}

static void pools_and_streams_and_draws_differ(void **state)
{
	struct random_pool pool, other;
	struct random_stream a, b, c;
	struct buf first = buf_make(100), second = buf_make(100);

	(void)state;
	assert_ok(random_pool_init(&pool));
	assert_ok(random_pool_init(&other));
	assert_memory_not_equal(pool.key, other.key, sizeof(pool.key));
	assert_ok(random_pool_stream(&pool, &a));
	assert_ok(random_pool_stream(&pool, &b));
	assert_memory_not_equal(a.key, b.key, sizeof(a.key));
	assert_memory_not_equal(a.key, pool.key, sizeof(a.key));
	assert_ok(random_pool_mix(&pool, BYTES_LITERAL("device")));
	pool.counter = 0;
	assert_ok(random_pool_stream(&pool, &c));
	assert_memory_not_equal(a.key, c.key, sizeof(a.key));
	/* The kernel's bytes are fresh: one stream never gives the same twice.  100 is no multiple of a block. */
	assert_ok(random_take(&a, 100, &first));
	assert_ok(random_take(&a, 100, &second));
	assert_memory_not_equal(first.data, second.data, 100);
	assert_memory_not_equal(first.data + 96, second.data + 96, 4);
	buf_done(&first);
	buf_done(&second);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(more_than_a_mebibyte_is_refused_and_a_mebibyte_is_not),
	cmocka_unit_test(device_bytes_that_repeat_are_refused_and_leave_the_pool_alone),
	cmocka_unit_test(pools_and_streams_and_draws_differ),
};

UNIT_MAIN(tests)
