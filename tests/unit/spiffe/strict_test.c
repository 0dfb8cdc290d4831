/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "spiffe/strict.h"
#include "tests/support/mint.h"

#include <jansson.h>
#include <stdlib.h>

static bool decodes(struct bytes text, struct bytes *ret_decoded)
{
	static uint8_t room[64];
	size_t len = 0;
	bool is_good = strict_base64url(text, room, &len);

	*ret_decoded = bytes_of(room, len);
	return is_good;
}

static void base64url_decodes_the_standards_examples(void **state)
{
	static const struct {
		const char *text, *plain;
	} rows[] = { { "", "" }, { "Zg", "f" }, { "Zm8", "fo" }, { "Zm9v", "foo" }, { "Zm9vYg", "foob" },
		{ "Zm9vYmE", "fooba" }, { "Zm9vYmFy", "foobar" }, { "_-8", "\xff\xef" } };
	struct bytes decoded;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(decodes(bytes_from_text(rows[i].text), &decoded));
		assert_bytes(decoded, bytes_from_text(rows[i].plain));
	}
}

static void base64url_has_one_spelling_for_each_value(void **state)
{
	static const char *const refused[] = { "A", "AAAAA", "Zg==", "Zm8=", "Zm9v=", "Zh", "Zm9", "_-9", "Z g", "Zg\n",
		" Zg", "Zg ", "a+b_", "a/b_", "Zm9v.", "Z\x80", "Zm\xc3\xa4" };
	struct bytes decoded;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (decodes(bytes_from_text(refused[i]), &decoded))
			fail_msg("%s", refused[i]);
	assert_false(decodes(bytes_of("Z\0", 2), &decoded));
}

static void every_byte_value_survives_encoding_and_decoding(void **state)
{
	uint8_t plain[256], back[400];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
	for (size_t cut = 0; cut <= sizeof(plain); cut++) {
		char *text = mint_base64url(bytes_of(plain, cut));

		assert_true(strict_base64url(bytes_from_text(text), back, &len));
		assert_bytes(bytes_of(back, len), bytes_of(plain, cut));
		free(text);
	}
}

static void json_means_one_thing_or_is_refused(void **state)
{
	static const char *const refused[] = { "", " ", "{", "{}x", "{}{}", "{} null", "\xef\xbb\xbf{}",
		"{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}", "[{\"b\":1,\"b\":1}]", "{\"a\":1,}", "{'a':1}",
		"{\"a\":01}", "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":1e400}", "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\ud800x\"}", "{\"a\":\"\n\"}", "{\"a\":\"\xc0\xaf\"}", "{\"\\u0061\":1,\"a\":2}", "// {}",
		"{\"a\":\"\xed\xa0\x80\"}" };
	static const char *const accepted[] = { "{}", "[]", " {\n\t\"a\" : 1 }\r\n", "{\"a\":18446744073709551616}",
		"{\"a\":\"\\ud83d\\ude00\"}", "{\"a\":\"\xf0\x9f\x98\x80\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strict_json(bytes_from_text(refused[i]), 8) != NULL)
			fail_msg("accepted %s", refused[i]);
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		json_t *json = strict_json(bytes_from_text(accepted[i]), 8);

		if (json == NULL)
			fail_msg("refused %s", accepted[i]);
		json_decref(json);
	}
	assert_null(strict_json(bytes_of("{}\0", 3), 8));
}

static void json_strings_keep_their_nul_bytes(void **state)
{
	json_t *json = strict_json(BYTES_LITERAL("[\"a\\u0000b\"]"), 8);

	(void)state;
	assert_int_equal(json_string_length(json_array_get(json, 0)), 3);
	assert_memory_equal(json_string_value(json_array_get(json, 0)), "a\0b", 3);
	json_decref(json);
}

static json_t *nested(size_t depth, const char *open, const char *close, size_t limit)
{
	char *text = malloc(2 * depth * 8 + 8), *at = text;
	json_t *json;

	assert_non_null(text);
	for (size_t i = 0; i < depth; i++)
		at = stpcpy(at, open);
	*at++ = '1';
	for (size_t i = 0; i < depth; i++)
		at = stpcpy(at, close);
	json = strict_json(bytes_of(text, (size_t)(at - text)), limit);
	free(text);
	return json;
}

static void json_is_only_as_deep_as_allowed(void **state)
{
	json_t *json;

	(void)state;
	json = nested(16, "[", "]", 16);
	assert_non_null(json);
	json_decref(json);
	assert_null(nested(17, "[", "]", 16));
	json = nested(16, "{\"a\":", "}", 16);
	assert_non_null(json);
	json_decref(json);
	assert_null(nested(17, "{\"a\":", "}", 16));
	assert_null(nested(10000, "[", "]", 16));
	/* Brackets inside strings do not count, and an escaped quote does not end one. */
	json = strict_json(BYTES_LITERAL("[\"[[[[\\\"[[[[\"]"), 1);
	assert_non_null(json);
	json_decref(json);
	json = strict_json(BYTES_LITERAL("[[],[],[\"\\\\\"],[]]"), 2);
	assert_non_null(json);
	json_decref(json);
}

static void foreign_text_is_shown_in_printable_ascii_and_cut(void **state)
{
	char shown[12];

	(void)state;
	strict_show(BYTES_LITERAL("abc"), shown, sizeof(shown));
	assert_string_equal(shown, "abc");
	strict_show(BYTES_LITERAL("a\nb\\"), shown, sizeof(shown));
	assert_string_equal(shown, "a\\x0ab\\x5c");
	strict_show(BYTES_LITERAL("01234567890"), shown, sizeof(shown));
	assert_string_equal(shown, "01234567890");
	strict_show(BYTES_LITERAL("0123456789ab"), shown, sizeof(shown));
	assert_string_equal(shown, "01234567...");
	strict_show(BYTES_LITERAL("\0\xff\x80 \""), shown, sizeof(shown));
	assert_string_equal(shown, "\\x00\\xff...");
	strict_show((struct bytes){ 0 }, shown, sizeof(shown));
	assert_string_equal(shown, "");
}

static bool base64_is(const char *text, struct bytes want)
{
	uint8_t room[64];
	size_t len = 0;

	return strict_base64(bytes_from_text(text), room, &len) && bytes_equal(bytes_of(room, len), want);
}

static void base64_has_its_padding_and_its_own_alphabet(void **state)
{
	static const char *const bad[] = { "Zg", "Zg=", "Zg===", "Zm9v=", "Zm9v====", "Zh==", "Zm9=", "+-==", "-_8=",
		"Z===", "====", "Zg==Zg==", "Zm9v\n", " Zm9v" };

	(void)state;
	assert_true(base64_is("", (struct bytes){ 0 }));
	assert_true(base64_is("Zg==", BYTES_LITERAL("f")));
	assert_true(base64_is("Zm8=", BYTES_LITERAL("fo")));
	assert_true(base64_is("Zm9v", BYTES_LITERAL("foo")));
	assert_true(base64_is("+/8=", BYTES_LITERAL("\xfb\xff")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t room[64];
		size_t len;

		if (strict_base64(bytes_from_text(bad[i]), room, &len))
			fail_msg("%s", bad[i]);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(base64url_decodes_the_standards_examples),
	cmocka_unit_test(base64url_has_one_spelling_for_each_value),
	cmocka_unit_test(base64_has_its_padding_and_its_own_alphabet),
	cmocka_unit_test(every_byte_value_survives_encoding_and_decoding),
	cmocka_unit_test(json_means_one_thing_or_is_refused),
	cmocka_unit_test(json_strings_keep_their_nul_bytes),
	cmocka_unit_test(json_is_only_as_deep_as_allowed),
	cmocka_unit_test(foreign_text_is_shown_in_printable_ascii_and_cut),
};
UNIT_MAIN(tests)
