/* SPDX-License-Identifier: Apache-2.0
 *
 * SPIFFE IDs: every row of the vector catalogue, TV-ID. */
#include "tests/support/unit.h"

#include "spiffe/id.h"

#include <stdlib.h>

#include "tests/support/corpus.h"

struct row {
	const char *name;
	const char *text;
	size_t len; /* 0: strlen */
};
#define ROW(name, text)                      \
	{                                    \
		name, text, sizeof(text) - 1 \
	}

/* clang-format off */
static const struct row good[] = {
	ROW("TV-ID-01 td-only", "spiffe://example.org"),
	ROW("TV-ID-02 simple", "spiffe://example.org/w"),
	ROW("TV-ID-03 deep", "spiffe://k8s-west.example.com/ns/stg/sa/default"),
	ROW("TV-ID-04 charset", "spiffe://td_1.x-2/Path.With-Mixed_Case/A0"),
	ROW("TV-ID-05 ipv4-name", "spiffe://10.0.0.1/w"),
	ROW("TV-ID-06 odd-names", "spiffe://-/w"),
	ROW("TV-ID-06 odd-names", "spiffe://_/w"),
	ROW("TV-ID-06 odd-names", "spiffe://a..b/w"),
	ROW("TV-ID-06 odd-names", "spiffe://1/w"),
	ROW("TV-ID-06 odd-names", "spiffe://.../w"),
	ROW("TV-ID-07 dotty-segments", "spiffe://a/..."),
	ROW("TV-ID-07 dotty-segments", "spiffe://a/.x/y.."),
};

static const struct row bad[] = {
	ROW("TV-ID-12 empty", ""),
	ROW("TV-ID-13 no-td", "spiffe://"),
	ROW("TV-ID-13 no-td", "spiffe:///w"),
	ROW("TV-ID-14 scheme", "http://example.org/w"),
	ROW("TV-ID-14 scheme", "spiffes://example.org/w"),
	ROW("TV-ID-14 scheme", "spiffe:/example.org/w"),
	ROW("TV-ID-14 scheme", "spiffe:example.org"),
	ROW("TV-ID-14 scheme", "//example.org/w"),
	ROW("TV-ID-14 scheme", "example.org/w"),
	ROW("TV-ID-15 scheme-case", "SPIFFE://example.org/w"),
	ROW("TV-ID-16 td-case", "spiffe://Example.org/w"),
	ROW("TV-ID-17 root-path", "spiffe://example.org/"),
	ROW("TV-ID-18 trailing", "spiffe://example.org/w/"),
	ROW("TV-ID-19 empty-seg", "spiffe://example.org//w"),
	ROW("TV-ID-19 empty-seg", "spiffe://example.org/a//b"),
	ROW("TV-ID-20 dot", "spiffe://example.org/."),
	ROW("TV-ID-20 dot", "spiffe://example.org/a/./b"),
	ROW("TV-ID-21 dotdot", "spiffe://example.org/.."),
	ROW("TV-ID-21 dotdot", "spiffe://example.org/a/../b"),
	ROW("TV-ID-21 dotdot", "spiffe://example.org/a/.."),
	ROW("TV-ID-22 pct-path", "spiffe://example.org/%41"),
	ROW("TV-ID-22 pct-path", "spiffe://example.org/a%2Fb"),
	ROW("TV-ID-22 pct-path", "spiffe://example.org/%00"),
	ROW("TV-ID-23 pct-td", "spiffe://ex%61mple.org/w"),
	ROW("TV-ID-24 port", "spiffe://example.org:443/w"),
	ROW("TV-ID-24 port", "spiffe://example.org:/w"),
	ROW("TV-ID-25 userinfo", "spiffe://u@example.org/w"),
	ROW("TV-ID-25 userinfo", "spiffe://@example.org/w"),
	ROW("TV-ID-26 query", "spiffe://example.org/w?x=1"),
	ROW("TV-ID-26 query", "spiffe://example.org/w?"),
	ROW("TV-ID-26 query", "spiffe://example.org?"),
	ROW("TV-ID-27 fragment", "spiffe://example.org/w#f"),
	ROW("TV-ID-27 fragment", "spiffe://example.org/w#"),
	ROW("TV-ID-28 ipv6", "spiffe://[::1]/w"),
	ROW("TV-ID-31 non-ascii", "spiffe://ex\xc3\xa4mple.org/w"),
	ROW("TV-ID-31 non-ascii", "spiffe://example.org/\xc3\xa9"),
	ROW("TV-ID-31 non-ascii", "spiffe://ex\xd0\xb0mple.org/w"),
	ROW("TV-ID-31 non-ascii", "spiffe://example.org/\xd1\x81\xd0\xbe"),
	ROW("TV-ID-31 non-ascii", "spiffe://example.org/\xff"),
	ROW("TV-ID-31 non-ascii", "spiffe://example.org/\x7f"),
	ROW("TV-ID-32 nul", "spiffe://example.org/w\0x"),
	ROW("TV-ID-32 nul", "spiffe://example.org\0/w"),
	ROW("TV-ID-32 nul", "spiffe://example.org/w\0"),
	ROW("TV-ID-33 padding", " spiffe://example.org/w"),
	ROW("TV-ID-33 padding", "spiffe://example.org/w "),
	ROW("TV-ID-33 padding", "spiffe://example.org/w\n"),
	ROW("TV-ID-33 padding", "\xef\xbb\xbfspiffe://example.org/w"),
};
/* clang-format on */

static struct bytes row_bytes(const struct row *row)
{
	return bytes_of(row->text, row->len);
}

static void check(const char *name, struct bytes text, enum status_code want)
{
	struct spiffe_id id = { 0 };
	struct status st = spiffe_id_parse(text, &id);

	if (st.code != want || spiffe_id_check(text).code != want)
		fail_msg("%s %.*s: %s", name, (int)text.len, (const char *)text.data, status_name(st.code));
	if (want == STATUS_OK)
		assert_bytes(spiffe_id_text(&id), text);
	else
		assert_null(id.data);
	spiffe_id_done(&id);
	corpus_put("id", name, text, want, "");
}

static void ids_of_the_catalogue_are_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check(good[i].name, row_bytes(&good[i]), STATUS_OK);
}

static void malformed_ids_of_the_catalogue_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(bad[i].name, row_bytes(&bad[i]), STATUS_ID_MALFORMED);
}

/* "spiffe://", len bytes of 'd', and with path_len > 0 a path of so many bytes in all. */
static struct bytes long_id(char *room, size_t domain_len, size_t path_len)
{
	memcpy(room, "spiffe://", 9);
	memset(room + 9, 'd', domain_len);
	memset(room + 9 + domain_len, 'p', path_len);
	if (path_len > 0)
		room[9 + domain_len] = '/';
	return bytes_of(room, 9 + domain_len + path_len);
}

static void lengths_end_exactly_where_the_standard_says(void **state)
{
	char room[4096];

	(void)state;
	check("TV-ID-08 max-len", long_id(room, 20, 2048 - 29), STATUS_OK);
	check("TV-ID-09 td-255", long_id(room, 255, 0), STATUS_OK);
	check("TV-ID-09 td-255", long_id(room, 255, 2048 - 264), STATUS_OK);
	check("TV-ID-10 too-long", long_id(room, 20, 2049 - 29), STATUS_ID_MALFORMED);
	check("TV-ID-11 td-256", long_id(room, 256, 0), STATUS_ID_MALFORMED);
	check("TV-ID-11 td-256", long_id(room, 256, 2), STATUS_ID_MALFORMED);
}

/* Which of the 256 bytes may stand at one place; the text around it is good. */
static void byte_by_byte(const char *name, const char *before, const char *after, const char *legal)
{
	for (unsigned c = 0; c < 256; c++) {
		char text[64];
		size_t len = strlen(before);
		bool is_legal = c != 0 && strchr(legal, (int)c) != NULL;

		memcpy(text, before, len);
		text[len++] = (char)c;
		memcpy(text + len, after, strlen(after));
		len += strlen(after);
		check(name, bytes_of(text, len), is_legal ? STATUS_OK : STATUS_ID_MALFORMED);
	}
}

static void only_the_listed_bytes_are_legal(void **state)
{
	const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
	const char path[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_ABCDEFGHIJKLMNOPQRSTUVWXYZ/";
	const char domain_or_end[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_/";

	(void)state;
	byte_by_byte("TV-ID-29 path-chars", "spiffe://example.org/a", "b", path);
	byte_by_byte("TV-ID-30 td-chars", "spiffe://exa", "mple.org", domain_or_end);
	byte_by_byte("TV-ID-30 td-chars", "spiffe://", "mple.org", lower);
}

static void parts_are_views_of_the_whole(void **state)
{
	struct spiffe_id id = { 0 }, other = { 0 }, none = { 0 };

	(void)state;
	assert_ok(spiffe_id_parse(BYTES_LITERAL("spiffe://example.org/ns/a"), &id));
	assert_bytes(spiffe_id_domain(&id), BYTES_LITERAL("example.org"));
	assert_bytes(spiffe_id_path(&id), BYTES_LITERAL("/ns/a"));
	assert_ok(spiffe_id_parse(BYTES_LITERAL("spiffe://example.org"), &other));
	assert_bytes(spiffe_id_domain(&other), BYTES_LITERAL("example.org"));
	assert_int_equal(spiffe_id_path(&other).len, 0);
	assert_false(spiffe_id_equal(&id, &other));
	spiffe_id_done(&other);
	/* SID-16: the path is case-sensitive. */
	assert_ok(spiffe_id_parse(BYTES_LITERAL("spiffe://example.org/ns/A"), &other));
	assert_false(spiffe_id_equal(&id, &other));
	spiffe_id_done(&other);
	assert_ok(spiffe_id_parse(BYTES_LITERAL("spiffe://example.org/ns/a"), &other));
	assert_true(spiffe_id_equal(&id, &other));
	/* No ID is equal to nothing, not even to another absence. */
	assert_false(spiffe_id_equal(&none, &none));
	assert_int_equal(spiffe_id_domain(&none).len + spiffe_id_path(&none).len, 0);
	spiffe_id_done(&id);
	spiffe_id_done(&other);
}

static void every_prefix_of_an_id_is_judged_by_the_grammar(void **state)
{
	static const char whole[] = "spiffe://a.b/c/d";
	const size_t ends[] = { 10, 12, 14, 16 }; /* after a name byte and after each segment; 11 is "a." */

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		bool is_good = len == 11;
		char *exact = malloc(len + 1); /* so that the sanitizer sees a read too far */

		assert_non_null(exact);
		memcpy(exact, whole, len);
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			is_good = is_good || len == ends[i];
		check("cut", bytes_of(exact, len), is_good ? STATUS_OK : STATUS_ID_MALFORMED);
		free(exact);
	}
}

static void map_keys_name_a_trust_domain_and_nothing_more(void **state)
{
	static const char *const refused[] = { "", "spiffe://", "spiffe://example.org/x", "spiffe://example.org/",
		"Example.org", "example.org/x", "http://example.org", "spiffe://Example.org", "example.org:8", "a b" };
	struct bytes domain = { 0 };

	(void)state;
	assert_ok(spiffe_map_key_domain(BYTES_LITERAL("spiffe://example.org"), &domain));
	assert_bytes(domain, BYTES_LITERAL("example.org"));
	assert_ok(spiffe_map_key_domain(BYTES_LITERAL("td_1"), &domain)); /* TV-WA-15 */
	assert_bytes(domain, BYTES_LITERAL("td_1"));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_fails(spiffe_map_key_domain(bytes_from_text(refused[i]), &domain), ID_MALFORMED);
	assert_bytes(domain, BYTES_LITERAL("td_1"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ids_of_the_catalogue_are_accepted),
	cmocka_unit_test(malformed_ids_of_the_catalogue_are_refused),
	cmocka_unit_test(lengths_end_exactly_where_the_standard_says),
	cmocka_unit_test(only_the_listed_bytes_are_legal),
	cmocka_unit_test(parts_are_views_of_the_whole),
	cmocka_unit_test(every_prefix_of_an_id_is_judged_by_the_grammar),
	cmocka_unit_test(map_keys_name_a_trust_domain_and_nothing_more),
};
UNIT_MAIN(tests)
