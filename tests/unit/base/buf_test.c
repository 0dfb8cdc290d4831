/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/secret.h"

static void appends_beyond_the_cap_stick(void **state)
{
	struct buf b = buf_make(8);

	(void)state;
	buf_put(&b, BYTES_LITERAL("12345678"));
	assert_ok(buf_check(&b));
	buf_put_u8(&b, 9);
	assert_fails(buf_check(&b), LIMIT);
	assert_bytes(buf_bytes(&b), BYTES_LITERAL("12345678"));
	buf_clear(&b);
	buf_put_u8(&b, 9);
	assert_ok(buf_check(&b));
	buf_done(&b);
}

static void a_zero_buffer_takes_nothing(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_put_u8(&b, 1);
	assert_fails(buf_check(&b), LIMIT);
	buf_done(&b);
}

static void a_reader_goes_bad_once_and_yields_zeros(void **state)
{
	struct buf b = buf_make(64);
	struct reader r;

	(void)state;
	buf_put_u16(&b, 0x1234);
	buf_put_u64(&b, 0x1122334455667788u);
	buf_put_sized(&b, BYTES_LITERAL("abc"));
	r = reader_of(buf_bytes(&b));
	assert_int_equal(reader_u16(&r), 0x1234);
	assert_true(reader_u64(&r) == 0x1122334455667788u);
	assert_bytes(reader_sized(&r, 3), BYTES_LITERAL("abc"));
	assert_true(reader_done(&r));
	assert_int_equal(reader_u8(&r), 0);
	assert_true(r.bad);
	r = reader_of(buf_bytes(&b));
	(void)reader_bytes(&r, 10);
	assert_int_equal(reader_sized(&r, 2).len, 0); /* longer than the named limit */
	assert_true(r.bad);
	buf_done(&b);
}

static void times_print_in_utc_with_microseconds(void **state)
{
	char text[CLOCK_TEXT_BYTES];

	(void)state;
	clock_text(1763910305000123, text);
	assert_string_equal(text, "2025-11-23T15:05:05.000123Z");
}

static void what_is_dropped_is_gone(void **state)
{
	struct buf b = buf_make(64);

	(void)state;
	buf_put_text(&b, "first secret, second");
	buf_drop(&b, strlen("first secret, "));
	assert_true(bytes_equal(buf_bytes(&b), BYTES_LITERAL("second")));
	assert_memory_equal(b.data + b.len, (uint8_t[14]){ 0 }, 14);
	buf_drop(&b, 99);
	assert_int_equal(b.len, 0);
	assert_memory_equal(b.data, (uint8_t[20]){ 0 }, 20);
	buf_drop(&b, 1);
	buf_done(&b);
	buf_drop(&b, 1);
}

static void secrets_compare_by_content_and_length(void **state)
{
	struct secret s = { 0 };

	(void)state;
	assert_ok(secret_alloc(&s, 5));
	memcpy(s.data, "12345", 5);
	assert_true(ct_equal(secret_bytes(&s), BYTES_LITERAL("12345")));
	assert_false(ct_equal(secret_bytes(&s), BYTES_LITERAL("12346")));
	assert_false(ct_equal(secret_bytes(&s), BYTES_LITERAL("1234")));
	secret_done(&s);
	assert_null(s.data);
	assert_fails(secret_alloc(&s, 0), LIMIT);
	assert_fails(secret_alloc(&s, SECRET_MAX_BYTES + 1), LIMIT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(appends_beyond_the_cap_stick),
	cmocka_unit_test(a_zero_buffer_takes_nothing),
	cmocka_unit_test(a_reader_goes_bad_once_and_yields_zeros),
	cmocka_unit_test(times_print_in_utc_with_microseconds),
	cmocka_unit_test(what_is_dropped_is_gone),
	cmocka_unit_test(secrets_compare_by_content_and_length),
};
UNIT_MAIN(tests)
