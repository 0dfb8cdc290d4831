/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "base/own.h"
#include "crypto/worker_config.h"

static struct worker_config sample(void)
{
	return (struct worker_config){ .name = "hsm",
		.type = WORKER_CONFIG_PKCS11,
		.verify_after_sign = WORKER_VERIFY_OFF,
		.strict = true,
		.sessions_password = true,
		.needs_unix_sockets = true,
		.threads = 7,
		.handle = 0x8101a001,
		.tcti = "device:/dev/tpmrm0",
		.module = "/usr/lib/module.so",
		.token = "payments",
		.serial = "0123456789abcdef",
		.wrap = "auto",
		.state = "/var/lib/keyreeve" };
}

static void a_configuration_comes_back_as_it_was(void **state)
{
	struct worker_config config = sample(), got;
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_CONFIG_BYTES_MAX);

	(void)state;
	assert_ok(worker_config_put(&encoded, &config));
	assert_ok(worker_config_get(buf_bytes(&encoded), &got));
	assert_string_equal(got.name, "hsm");
	assert_int_equal(got.type, WORKER_CONFIG_PKCS11);
	assert_int_equal(got.verify_after_sign, WORKER_VERIFY_OFF);
	assert_true(got.strict && got.sessions_password && got.needs_unix_sockets);
	assert_int_equal(got.threads, 7);
	assert_int_equal(got.handle, 0x8101a001);
	assert_string_equal(got.tcti, config.tcti);
	assert_string_equal(got.module, config.module);
	assert_string_equal(got.token, config.token);
	assert_string_equal(got.serial, config.serial);
	assert_string_equal(got.wrap, config.wrap);
	assert_string_equal(got.state, config.state);
}

static void cut_anywhere_it_is_refused_or_lacks_whole_fields(void **state)
{
	struct worker_config config = sample(), got;
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_CONFIG_BYTES_MAX);
	size_t refused = 0;

	(void)state;
	assert_ok(worker_config_put(&encoded, &config));
	for (size_t cut = 0; cut < encoded.len; cut++)
		refused += worker_config_get(bytes_of(encoded.data, cut), &got).code == STATUS_IPC_MALFORMED;
	/* Fourteen fields; after the second there is a name and a type. */
	assert_int_equal(encoded.len - refused, 12);
}

static void fields_out_of_bounds_are_refused(void **state)
{
	static const struct {
		const char *what;
		struct bytes raw;
	} rows[] = {
		{ "unknown tag", { (const uint8_t *)"\x7f\0\0\0\0", 5 } },
		{ "tag zero", { (const uint8_t *)"\0\0\0\0\0", 5 } },
		{ "type without a name", { (const uint8_t *)"\2\1\0\0\0\1", 6 } },
		{ "name with a NUL", { (const uint8_t *)"\1\2\0\0\0a\0\2\1\0\0\0\1", 13 } },
		{ "name too long",
			{ (const uint8_t *)"\1\x21\0\0\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\2\1\0\0\0\1", 44 } },
		{ "name twice", { (const uint8_t *)"\1\1\0\0\0a\1\1\0\0\0a\2\1\0\0\0\1", 18 } },
		{ "unknown type", { (const uint8_t *)"\1\1\0\0\0a\2\1\0\0\0\4", 12 } },
		{ "no type", { (const uint8_t *)"\1\1\0\0\0a\2\1\0\0\0\0", 12 } },
		{ "type of two bytes", { (const uint8_t *)"\1\1\0\0\0a\2\2\0\0\0\1\1", 13 } },
		{ "a truth of two", { (const uint8_t *)"\1\1\0\0\0a\2\1\0\0\0\1\4\1\0\0\0\2", 18 } },
		{ "a number of three bytes", { (const uint8_t *)"\1\1\0\0\0a\2\1\0\0\0\1\7\3\0\0\0\1\1\1", 20 } },
	};
	struct worker_config got;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct status st = worker_config_get(rows[i].raw, &got);

		if (st.code != STATUS_IPC_MALFORMED)
			fail_msg("%s: %s", rows[i].what, status_name(st.code));
	}
	assert_ok(worker_config_get(BYTES_LITERAL("\1\1\0\0\0a\2\1\0\0\0\1"), &got));
}

static void a_text_without_an_end_is_refused(void **state)
{
	struct worker_config config = sample();
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_CONFIG_BYTES_MAX);

	(void)state;
	memset(config.token, 'x', sizeof(config.token));
	assert_fails(worker_config_put(&encoded, &config), LIMIT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_configuration_comes_back_as_it_was),
	cmocka_unit_test(cut_anywhere_it_is_refused_or_lacks_whole_fields),
	cmocka_unit_test(fields_out_of_bounds_are_refused),
	cmocka_unit_test(a_text_without_an_end_is_refused),
};

UNIT_MAIN(tests)
