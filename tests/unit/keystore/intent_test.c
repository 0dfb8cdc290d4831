/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "keystore/intent.h"

static void a_body_comes_back_and_every_cut_is_refused(void **state)
{
	struct buf body = buf_make(INTENT_BODY_MAX);
	struct intent in = { .provider = BYTES_LITERAL("hsm"), .record = BYTES_LITERAL("line") }, out = { 0 };

	(void)state;
	assert_ok(intent_body_put(&body, &in));
	assert_ok(intent_body_get(buf_bytes(&body), &out));
	assert_bytes(out.provider, in.provider);
	assert_bytes(out.record, in.record);
	for (size_t len = 0; len < body.len; len++)
		assert_fails(intent_body_get(bytes_of(body.data, len), &out), RECORD_CORRUPT);
	buf_put_u8(&body, 0);
	assert_fails(intent_body_get(buf_bytes(&body), &out), RECORD_CORRUPT);
	buf_done(&body);
}

static void the_longest_body_fits_and_one_byte_more_does_not(void **state)
{
	static const uint8_t big[KEYSTORE_RECORD_MAX + 1];
	struct buf body = buf_make(INTENT_BODY_MAX);
	struct intent in = { .provider = bytes_of(big, KEYSTORE_PROVIDER_MAX),
		.record = bytes_of(big, KEYSTORE_RECORD_MAX) },
		      out = { 0 };

	(void)state;
	assert_ok(intent_body_put(&body, &in));
	assert_ok(intent_body_get(buf_bytes(&body), &out));
	assert_int_equal(out.record.len, KEYSTORE_RECORD_MAX);
	in.record.len++;
	assert_fails(intent_body_put(&body, &in), LIMIT);
	in.record.len = 0;
	in.provider.len++;
	assert_fails(intent_body_put(&body, &in), LIMIT);
	buf_done(&body);
}

static void only_create_and_destroy_are_acts(void **state)
{
	static const int64_t refused[] = { 0, -1, 3, INT64_MAX, INT64_MIN, INTENT_CREATE + (1ll << 32) };
	enum intent_op op;

	(void)state;
	assert_ok(intent_op_of(1, &op));
	assert_int_equal(op, INTENT_CREATE);
	assert_ok(intent_op_of(2, &op));
	assert_int_equal(op, INTENT_DESTROY);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_fails(intent_op_of(refused[i], &op), RECORD_CORRUPT);
}

/* Whatever is bound must change the bytes that are bound. */
static void act_key_node_and_hardware_id_are_bound(void **state)
{
	struct intent base = { .op = INTENT_CREATE }, other[3];
	struct buf want = buf_make(INTENT_COLUMNS_MAX), got = buf_make(INTENT_COLUMNS_MAX);

	(void)state;
	intent_columns_put(&want, &base, BYTES_LITERAL("nodetag1"));
	assert_ok(buf_check(&want));
	for (size_t i = 0; i < 3; i++)
		other[i] = base;
	other[0].op = INTENT_DESTROY;
	other[1].key.bytes[31] = 1;
	other[2].hardware_id[31] = 1;
	for (size_t i = 0; i < 3; i++) {
		buf_clear(&got);
		intent_columns_put(&got, &other[i], BYTES_LITERAL("nodetag1"));
		assert_false(bytes_equal(buf_bytes(&want), buf_bytes(&got)));
	}
	buf_clear(&got);
	intent_columns_put(&got, &base, BYTES_LITERAL("nodetag2"));
	assert_false(bytes_equal(buf_bytes(&want), buf_bytes(&got)));
	buf_done(&want);
	buf_done(&got);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_body_comes_back_and_every_cut_is_refused),
	cmocka_unit_test(the_longest_body_fits_and_one_byte_more_does_not),
	cmocka_unit_test(only_create_and_destroy_are_acts),
	cmocka_unit_test(act_key_node_and_hardware_id_are_bound),
};

UNIT_MAIN(tests)
