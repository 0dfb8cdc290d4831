/* SPDX-License-Identifier: Apache-2.0
 *
 * Bundle maps: several trust domains in one document, whole or not at all (BM-01 to BM-04). */
#include "tests/support/unit.h"

#include "spiffe/bundle_map.h"
#include "tests/support/mint.h"

#include <stdlib.h>

#define KEY                                                                      \
	"{\"kty\":\"EC\",\"kid\":\"k1\",\"use\":\"jwt-svid\",\"crv\":\"P-256\"," \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                 \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define BUNDLE "{\"keys\":[" KEY "]}"
#define MAP(domains) "{\"trust_domains\":{" domains "}}"

static struct status decode(const char *map, struct bundle_set **ret_set)
{
	struct buf list = buf_make(BUNDLE_MAP_LIST_MAX);
	struct status st = bundle_map_new(bytes_from_text(map), &list, ret_set);

	buf_done(&list);
	return st;
}

static void a_map_holds_bundles_of_several_trust_domains(void **state)
{
	const char *map = "{\"x\":1," /* what is not known is not looked at */
			  "\"trust_domains\":{\"b.example\":" BUNDLE ",\"a.example\":{\"keys\":[]}}}";
	struct buf list = buf_make(BUNDLE_MAP_LIST_MAX);
	struct bundle_set *set = NULL;
	struct reader r;

	(void)state;
	assert_ok(bundle_map_new(bytes_from_text(map), &list, &set));
	assert_int_equal(bundle_set_count(set), 2);
	assert_bytes(bundle_set_at(set, 0)->domain, BYTES_LITERAL("b.example"));
	assert_int_equal(bundle_set_at(set, 0)->key_count, 1);
	assert_int_equal(bundle_set_find(set, BYTES_LITERAL("a.example"))->key_count, 0);
	r = reader_of(buf_bytes(&list));
	assert_bytes(reader_sized(&r, 255), BYTES_LITERAL("b.example"));
	assert_bytes(reader_sized(&r, 1024), BYTES_LITERAL(BUNDLE));
	assert_bytes(reader_sized(&r, 255), BYTES_LITERAL("a.example"));
	assert_bytes(reader_sized(&r, 1024), BYTES_LITERAL("{\"keys\":[]}"));
	assert_true(reader_done(&r));
	bundle_set_unref(set);
	buf_done(&list);
}

/* BM-01, BM-03, BM-04, and what is no map. */
static void TV_SB_08_a_map_counts_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *what, *map;
	} rows[] = {
		{ "TV-SB-08 twice", MAP("\"a.example\":" BUNDLE ",\"b.example\":" BUNDLE ",\"a.example\":" BUNDLE) },
		{ "twice, by an escape", MAP("\"a.example\":" BUNDLE ",\"\\u0061.example\":" BUNDLE) },
		{ "ID beside its name", MAP("\"a.example\":" BUNDLE ",\"spiffe://a.example\":" BUNDLE) },
		{ "ID", MAP("\"spiffe://a.example\":" BUNDLE) },
		{ "no name", MAP("\"a.example\":" BUNDLE ",\"\":" BUNDLE) },
		{ "capital", MAP("\"A.example\":" BUNDLE) },
		{ "path", MAP("\"a.example/x\":" BUNDLE) },
		{ "bundle is null", MAP("\"a.example\":" BUNDLE ",\"b.example\":null") },
		{ "bundle is a list", MAP("\"a.example\":" BUNDLE ",\"b.example\":[]") },
		{ "bundle without keys", MAP("\"a.example\":" BUNDLE ",\"b.example\":{}") },
		{ "keys are no list", MAP("\"a.example\":" BUNDLE ",\"b.example\":{\"keys\":{}}") },
		{ "a member twice", MAP("\"a.example\":{\"keys\":[],\"keys\":[" KEY "]}") },
		{ "trust_domains twice", "{\"trust_domains\":{},\"trust_domains\":{}}" },
		{ "trust_domains is a list", "{\"trust_domains\":[]}" },
		{ "without trust_domains", "{}" },
		{ "a bundle", BUNDLE },
		{ "a list", "[]" },
		{ "nothing", "" },
		{ "more behind it", "{\"trust_domains\":{}} {}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bundle_set *set = NULL;

		if (decode(rows[i].map, &set).code != STATUS_BUNDLE_MALFORMED || set != NULL)
			fail_msg("%s", rows[i].what);
	}
}

static void a_map_may_be_empty(void **state)
{
	struct bundle_set *set = NULL;

	(void)state;
	assert_ok(decode("{\"trust_domains\":{}}", &set));
	assert_null(set);
}

/* BM-02; and nobody says that a map's sequence numbers are anything to anyone. */
static void what_a_bundle_says_of_its_refresh_is_nothing_in_a_map(void **state)
{
	static const char *const heads[] = { "\"spiffe_refresh_hint\":5,\"spiffe_sequence\":7",
		"\"spiffe_refresh_hint\":5", "\"spiffe_refresh_hint\":\"x\",\"spiffe_sequence\":null" };

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char *map = mint_printf(MAP("\"a.example\":{%s,\"keys\":[" KEY "]}"), heads[i]);
		struct bundle_set *set = NULL;

		assert_ok(decode(map, &set));
		assert_false(bundle_set_at(set, 0)->has_refresh_hint || bundle_set_at(set, 0)->has_sequence);
		assert_int_equal(bundle_set_at(set, 0)->key_count, 1);
		bundle_set_unref(set);
		free(map);
	}
}

static void a_map_cut_at_any_byte_is_refused(void **state)
{
	static const char map[] = MAP("\"a.example\":" BUNDLE ",\"b.example\":" BUNDLE);

	(void)state;
	for (size_t len = 0; len + 1 < sizeof(map) - 1; len++) {
		struct buf list = buf_make(BUNDLE_MAP_LIST_MAX);
		struct bundle_set *set = NULL;

		assert_fails(bundle_map_new(bytes_of(map, len), &list, &set), BUNDLE_MALFORMED);
		assert_null(set);
		buf_done(&list);
	}
}

/* Depth and domains as far as they go, and one more. */
static void a_map_has_bounds(void **state)
{
	struct buf map = buf_make(2 * BUNDLE_MAP_MAX_BYTES), list = buf_make(BUNDLE_MAP_LIST_MAX);
	struct bundle_set *set = NULL;

	(void)state;
	for (int count = BUNDLE_DOMAINS_MAX; count <= BUNDLE_DOMAINS_MAX + 1; count++) {
		buf_clear(&map);
		buf_clear(&list);
		buf_put_text(&map, "{\"trust_domains\":{");
		for (int i = 0; i < count; i++) {
			char *domain = mint_printf("%s\"d%d.example\":" BUNDLE, i == 0 ? "" : ",", i);

			buf_put_text(&map, domain);
			free(domain);
		}
		buf_put_text(&map, "}}");
		if (count > BUNDLE_DOMAINS_MAX) {
			assert_fails(bundle_map_new(buf_bytes(&map), &list, &set), BUNDLE_MALFORMED);
			continue;
		}
		assert_ok(bundle_map_new(buf_bytes(&map), &list, &set));
		assert_int_equal(bundle_set_count(set), count);
		bundle_set_unref(set);
		set = NULL;
	}
	while (map.len <= BUNDLE_MAP_MAX_BYTES)
		buf_put_u8(&map, ' ');
	assert_ok(buf_check(&map));
	assert_fails(bundle_map_new(buf_bytes(&map), &list, &set), LIMIT);
	buf_done(&map);
	buf_done(&list);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_map_holds_bundles_of_several_trust_domains),
	cmocka_unit_test(TV_SB_08_a_map_counts_whole_or_not_at_all),
	cmocka_unit_test(a_map_may_be_empty),
	cmocka_unit_test(what_a_bundle_says_of_its_refresh_is_nothing_in_a_map),
	cmocka_unit_test(a_map_cut_at_any_byte_is_refused),
	cmocka_unit_test(a_map_has_bounds),
};
UNIT_MAIN(tests)
