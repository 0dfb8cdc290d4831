/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (vectors of RFC 4648), PEM and the DER of ECDSA signatures. */
#include "tests/support/unit.h"

#include "client/cli.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void base64_is_that_of_the_rfc(void **state)
{
	static const struct {
		const char *plain, *text;
	} rows[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xff\xef\xfe", "/+/+" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf text = buf_make(100), plain = buf_make(100);

		encode_base64(&text, bytes_from_text(rows[i].plain));
		assert_bytes(buf_bytes(&text), bytes_from_text(rows[i].text));
		assert_true(decode_base64(&plain, buf_bytes(&text), false));
		assert_bytes(buf_bytes(&plain), bytes_from_text(rows[i].plain));
		buf_done(&text);
		buf_done(&plain);
	}
}

static void base64_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *text;
		bool url, good;
	} rows[] = { { "Zm9v\nYg==\n", false, true }, { "Zg", false, false }, { "Zg=", false, false },
		{ "Zh==", false, false }, { "Z", false, false }, { "Zg==Zg==", false, false },
		{ "Zm9v!", false, false }, { "=", false, false }, { "====", false, false }, { "Zg", true, true },
		{ "Zg==", true, false }, { "Zh", true, false }, { "Z", true, false }, { "_-_-", true, true },
		{ "_-_-", false, false }, { "/+/+", true, false }, { "Zm 9v", true, false } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf plain = buf_make(100);

		print_message("%s\n", rows[i].text);
		assert_int_equal(decode_base64(&plain, bytes_from_text(rows[i].text), rows[i].url), rows[i].good);
		buf_done(&plain);
	}
}

static void pem_has_lines_of_64(void **state)
{
	struct buf pem = buf_make(500);
	uint8_t der[49] = { 0 };

	(void)state;
	encode_pem(&pem, "PUBLIC KEY", bytes_of(der, sizeof(der)));
	assert_bytes(buf_bytes(&pem), BYTES_LITERAL("-----BEGIN PUBLIC KEY-----\n"
						    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
						    "AA==\n-----END PUBLIC KEY-----\n"));
	buf_done(&pem);
}

/* Halves that begin with a high bit, with zeros, and that are zero. */
static void ecdsa_signatures_survive_the_way(void **state)
{
	static const size_t halves[] = { 32, 48, 66 };
	static const uint8_t firsts[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

	(void)state;
	for (size_t h = 0; h < COUNT(halves); h++)
		for (size_t r = 0; r < COUNT(firsts); r++)
			for (size_t s = 0; s < COUNT(firsts); s++) {
				uint8_t raw[132] = { 0 };
				struct buf der = buf_make(200), back = buf_make(200);

				raw[0] = firsts[r];
				raw[halves[h] - 1] = 0x55;
				raw[halves[h]] = firsts[s];
				encode_ecdsa(&der, bytes_of(raw, 2 * halves[h]));
				assert_int_equal(der.bad, false);
				assert_true(decode_ecdsa(&back, buf_bytes(&der), halves[h]));
				assert_bytes(buf_bytes(&back), bytes_of(raw, 2 * halves[h]));
				for (size_t cut = 0; cut < der.len; cut++) {
					struct buf none = buf_make(200);

					assert_false(decode_ecdsa(&none, bytes_of(der.data, cut), halves[h]));
					buf_done(&none);
				}
				buf_done(&der);
				buf_done(&back);
			}
}

static void der_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *what, *der;
		size_t len;
		bool good;
	} rows[] = {
		{ "good", "\x30\x06\x02\x01\x05\x02\x01\x06", 8, true },
		{ "trailing byte", "\x30\x06\x02\x01\x05\x02\x01\x06\x00", 9, false },
		{ "trailing byte inside", "\x30\x07\x02\x01\x05\x02\x01\x06\x00", 9, false },
		{ "negative", "\x30\x06\x02\x01\x85\x02\x01\x06", 8, false },
		{ "not minimal", "\x30\x07\x02\x02\x00\x05\x02\x01\x06", 9, false },
		{ "long form of a short length", "\x30\x81\x06\x02\x01\x05\x02\x01\x06", 9, false },
		{ "empty integer", "\x30\x05\x02\x00\x02\x01\x06", 7, false },
		{ "wider than the key", "\x30\x08\x02\x03\x05\x05\x05\x02\x01\x06", 10, false },
		{ "not a sequence", "\x31\x06\x02\x01\x05\x02\x01\x06", 8, false },
		{ "not integers", "\x30\x06\x04\x01\x05\x02\x01\x06", 8, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf raw = buf_make(100);

		print_message("%s\n", rows[i].what);
		assert_int_equal(decode_ecdsa(&raw, bytes_of(rows[i].der, rows[i].len), 2), rows[i].good);
		buf_done(&raw);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(base64_is_that_of_the_rfc),
	cmocka_unit_test(base64_that_is_none_is_refused),
	cmocka_unit_test(pem_has_lines_of_64),
	cmocka_unit_test(ecdsa_signatures_survive_the_way),
	cmocka_unit_test(der_that_is_none_is_refused),
};

UNIT_MAIN(tests)
