/* SPDX-License-Identifier: Apache-2.0
 *
 * Which key may vouch for whom: rows of the vector catalogue, TV-JK, and what a withdrawal does. */
#include "tests/unit/jwtsvid/world.h"

#include <stdlib.h>

#define OTHER_ORG "{\"sub\":\"spiffe://other.org/w\"," AUD "," EXP "," IAT "}"

static char *token_of(enum world_key key, const char *kid, const char *payload)
{
	char *header = mint_printf("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
	char *token = mint_token(header, payload, world()->key[key], MINT_ES256);

	free(header);
	return token;
}

static char *document_of(enum world_key key, const char *kid, const char *more)
{
	char *jwk = mint_jwk(world()->key[key], kid, more), *document = mint_jwks(&jwk, 1);

	free(jwk);
	return document;
}

static void TV_JK_01_02_03_a_domain_vouches_for_its_own(void **state)
{
	struct world *w = world();
	char *ours = world_document(NULL), *theirs = document_of(OTHER, "o1", NULL);
	struct keyset *both = world_keyset((const char *[]){ "spiffe://example.org", ours, "other.org", theirs, NULL });

	(void)state;
	world_expect("TV-JK-01", token_of(K1, "k1", OTHER_ORG), both, STATUS_JWT_KEY_UNKNOWN);
	world_expect("TV-JK-01 no kid", mint_token("{\"alg\":\"ES256\"}", OTHER_ORG, w->key[K1], MINT_ES256), both,
		STATUS_JWT_SIGNATURE);
	world_expect("TV-JK-02", token_of(K1, "k1", "{\"sub\":\"spiffe://unknown.org/w\"," AUD "," EXP "," IAT "}"),
		both, STATUS_JWT_DOMAIN_UNKNOWN);
	world_expect("TV-JK-02 longer name",
		token_of(K1, "k1", "{\"sub\":\"spiffe://example.orgx/w\"," AUD "," EXP "}"), both,
		STATUS_JWT_DOMAIN_UNKNOWN);
	world_expect("TV-JK-02 shorter name", token_of(K1, "k1", "{\"sub\":\"spiffe://example.or/w\"," AUD "," EXP "}"),
		both, STATUS_JWT_DOMAIN_UNKNOWN);
	world_expect("TV-JK-03", token_of(OTHER, "o1", OTHER_ORG), both, STATUS_OK);
	world_expect("control", token_of(K1, "k1", T_PAYLOAD), both, STATUS_OK);
	assert_int_equal(keyset_domain_count(both), 2);
	assert_int_equal(keyset_key_count(both), 5);
	keyset_unref(both);
	free(ours);
	free(theirs);
}

static void TV_JK_04_same_kid_in_two_domains(void **state)
{
	char *ours = document_of(K1, "k1", NULL), *theirs = document_of(OTHER, "k1", NULL);
	struct keyset *both = world_keyset((const char *[]){ "other.org", theirs, "example.org", ours, NULL });

	(void)state;
	world_expect("TV-JK-04 own", token_of(K1, "k1", T_PAYLOAD), both, STATUS_OK);
	world_expect("TV-JK-04 own", token_of(OTHER, "k1", OTHER_ORG), both, STATUS_OK);
	world_expect("TV-JK-04 cross", token_of(OTHER, "k1", T_PAYLOAD), both, STATUS_JWT_SIGNATURE);
	world_expect("TV-JK-04 cross", token_of(K1, "k1", OTHER_ORG), both, STATUS_JWT_SIGNATURE);
	keyset_unref(both);
	free(ours);
	free(theirs);
}

/* B with this JWK (taken) in front: k1's token still passes. */
static struct keyset *with_jwk(const char *name, char *jwk)
{
	struct keyset *keys = world_keyset_of(world_document((char *[]){ jwk, NULL }));

	world_expect(name, token_of(K1, "k1", T_PAYLOAD), keys, STATUS_OK);
	return keys;
}

static void TV_JK_05_to_08_a_bad_key_costs_only_itself(void **state)
{
	struct world *w = world();
	struct keyset *keys;
	char *good, *bad;

	(void)state;
	keyset_unref(with_jwk("TV-JK-05", mint_printf("{\"kty\":\"FOO\",\"kid\":\"f\"}")));
	keyset_unref(with_jwk("TV-JK-06 OKP", mint_jwk(w->key[ED], "ed", NULL)));
	keyset_unref(with_jwk("TV-JK-06 oct", mint_printf("{\"kty\":\"oct\",\"kid\":\"o\",\"k\":\"AAAA\"}")));
	keys = with_jwk("TV-JK-07", mint_jwk(w->key[OTHER], NULL, NULL));
	world_expect("TV-JK-07 not a candidate",
		mint_token("{\"alg\":\"ES256\"}", T_PAYLOAD, w->key[OTHER], MINT_ES256), keys, STATUS_JWT_SIGNATURE);
	keyset_unref(keys);
	/* Off the curve: the y of another point. */
	good = mint_jwk(w->key[OTHER], "bad", NULL);
	bad = mint_jwk(w->key[K1], "bad", NULL);
	memcpy(strstr(good, "\"y\":\""), strstr(bad, "\"y\":\""), 5 + 43);
	free(bad);
	keys = with_jwk("TV-JK-08", good);
	world_expect("TV-JK-08 bad", token_of(OTHER, "bad", T_PAYLOAD), keys, STATUS_JWT_KEY_UNKNOWN);
	assert_int_equal(keyset_report_count(keys), 1);
	assert_string_equal(
		keyset_report(keys, 0), "example.org: kid bad: numbers are not a sound public key (ignored)");
	keyset_unref(keys);
}

static void use_gives(const char *name, const char *more, enum status_code want)
{
	struct keyset *keys = world_keyset_of(document_of(K1, "k1", more));

	world_expect(name, token_of(K1, "k1", T_PAYLOAD), keys, want);
	keyset_unref(keys);
}

static void TV_JK_09_10_11_use(void **state)
{
	(void)state;
	use_gives("TV-JK-09", NULL, STATUS_OK);
	use_gives("TV-JK-09", "\"use\":\"jwt-svid\"", STATUS_OK);
	use_gives("TV-JK-10", "\"use\":\"x509-svid\"", STATUS_JWT_KEY_UNKNOWN);
	use_gives("TV-JK-10 TV-JK-20", "\"use\":\"wit-svid\"", STATUS_JWT_KEY_UNKNOWN);
	use_gives("TV-JK-10", "\"use\":\"enc\"", STATUS_JWT_KEY_UNKNOWN);
	use_gives("TV-JK-10", "\"use\":\"JWT-SVID\"", STATUS_JWT_KEY_UNKNOWN);
	use_gives("TV-JK-10", "\"use\":5", STATUS_JWT_KEY_UNKNOWN);
	use_gives("TV-JK-11", "\"use\":\"sig\"", STATUS_JWT_KEY_UNKNOWN);
	use_gives("step 7 key_ops", "\"key_ops\":[\"verify\"]", STATUS_OK);
	use_gives("step 7 key_ops", "\"key_ops\":[\"sign\"]", STATUS_JWT_KEY_UNKNOWN);
}

static void TV_JK_12_13_a_domain_without_keys_is_untrusted(void **state)
{
	static const char *const documents[] = { "{\"keys\":[]}", "{}", "{\"keys\":{}}", "[]", "",
		"{\"keys\":[{\"kty\":" };
	char *theirs = document_of(OTHER, "o1", NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct keyset *keys =
			world_keyset((const char *[]){ "example.org", documents[i], "other.org", theirs, NULL });

		world_expect("TV-JK-12 TV-JK-13", token_of(K1, "k1", T_PAYLOAD), keys, STATUS_JWT_KEY_UNKNOWN);
		world_expect("TV-JK-13 others", token_of(OTHER, "o1", OTHER_ORG), keys, STATUS_OK);
		keyset_unref(keys);
	}
	free(theirs);
}

static void TV_JK_14_15_16_a_snapshot_replaces_the_one_before(void **state)
{
	struct world *w = world();
	struct keyset *two = world_keyset_of(world_document((char *[]){ mint_jwk(w->key[OTHER], "k2", NULL), NULL }));
	struct keyset *without = world_keyset_of(document_of(OTHER, "k2", NULL));
	char *theirs = document_of(OTHER, "o1", NULL);
	struct keyset *dropped = world_keyset((const char *[]){ "other.org", theirs, NULL }), *empty = NULL;

	(void)state;
	world_expect("TV-JK-14 before", token_of(OTHER, "k2", T_PAYLOAD), w->keys, STATUS_JWT_KEY_UNKNOWN);
	world_expect("TV-JK-14", token_of(OTHER, "k2", T_PAYLOAD), two, STATUS_OK);
	world_expect("TV-JK-15", token_of(K1, "k1", T_PAYLOAD), without, STATUS_JWT_KEY_UNKNOWN);
	world_expect("TV-JK-16", token_of(K1, "k1", T_PAYLOAD), dropped, STATUS_JWT_DOMAIN_UNKNOWN);
	assert_ok(keyset_new_empty(&empty));
	world_expect("WA-06", token_of(K1, "k1", T_PAYLOAD), empty, STATUS_JWT_DOMAIN_UNKNOWN);
	assert_true(keyset_generation(empty) > keyset_generation(dropped));
	assert_true(keyset_generation(dropped) > keyset_generation(without));
	keyset_unref(two);
	keyset_unref(without);
	keyset_unref(dropped);
	keyset_unref(empty);
	free(theirs);
}

static void TV_JK_17_two_keys_with_one_kid(void **state)
{
	struct keyset *keys = with_jwk("TV-JK-17", mint_jwk(world()->key[OTHER], "k1", NULL));

	(void)state;
	world_expect("TV-JK-17 the other", token_of(OTHER, "k1", T_PAYLOAD), keys, STATUS_OK);
	keyset_unref(keys);
}

static void TV_JK_18_19_private_and_mistyped_members(void **state)
{
	struct world *w = world();
	struct keyset *keys = with_jwk("TV-JK-18", mint_jwk(w->key[OTHER], "p", "\"d\":\"AAAA\""));

	(void)state;
	world_expect("TV-JK-18", token_of(OTHER, "p", T_PAYLOAD), keys, STATUS_JWT_KEY_UNKNOWN);
	keyset_unref(keys);
	keyset_unref(with_jwk("TV-JK-19", mint_jwk(w->key[OTHER], "x", "\"x5c\":{\"a\":1}")));
	keyset_unref(with_jwk("TV-JK-19", mint_jwk(w->key[OTHER], "x", "\"x5c\":7")));
}

/* What keeps a cached token alive: any change of its key is a change of the key's identity. */
static void a_keys_identity_is_all_that_makes_it(void **state)
{
	struct world *w = world();
	const char *const mores[] = { NULL, "\"use\":\"jwt-svid\"", "\"alg\":\"ES256\"" };
	const bool stays[] = { true, true, false };
	char *token = token_of(K1, "k1", T_PAYLOAD);
	struct jwtsvid *svid = NULL;
	struct keyset *keys;

	(void)state;
	assert_ok(jwtsvid_authenticate(bytes_from_text(token), w->keys, &svid));
	for (size_t i = 0; i < sizeof(mores) / sizeof(mores[0]); i++) {
		keys = world_keyset_of(document_of(K1, "k1", mores[i]));
		assert_int_equal(keyset_has_key(keys, BYTES_LITERAL("example.org"), svid->key_id), stays[i]);
		assert_false(keyset_has_key(keys, BYTES_LITERAL("other.org"), svid->key_id));
		keyset_unref(keys);
	}
	keys = world_keyset_of(document_of(K1, "k2", NULL));
	assert_false(keyset_has_key(keys, BYTES_LITERAL("example.org"), svid->key_id));
	keyset_unref(keys);
	keys = world_keyset_of(document_of(OTHER, "k1", NULL));
	assert_false(keyset_has_key(keys, BYTES_LITERAL("example.org"), svid->key_id));
	keyset_unref(keys);
	jwtsvid_unref(svid);
	free(token);
}

static struct bundle_set *bundles_of(char *document)
{
	struct buf list = buf_make(65536);
	struct bundle_set *bundles = NULL;

	mint_list_put(&list, "example.org", document);
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &bundles));
	buf_done(&list);
	free(document);
	return bundles;
}

static const struct jwk *only_jwk(const struct keyset *keys)
{
	const struct keyset_domain *domain = keyset_find(keys, BYTES_LITERAL("example.org"));

	assert_int_equal(domain->key_count, 1);
	return domain->keys[0].jwk;
}

static void a_next_set_shares_what_did_not_change(void **state)
{
	struct bundle_set *first = bundles_of(document_of(K1, "k1", NULL)),
			  *second = bundles_of(document_of(OTHER, "k1", NULL));
	struct keyset *a = NULL, *same = NULL, *changed = NULL;

	(void)state;
	assert_ok(keyset_new(first, &a));
	assert_ok(keyset_next(a, first, &same));
	assert_ok(keyset_next(same, second, &changed));
	assert_ptr_equal(only_jwk(a), only_jwk(same));
	assert_ptr_not_equal(only_jwk(a), only_jwk(changed));
	assert_true(keyset_generation(same) > keyset_generation(a));
	keyset_unref(a); /* the shared key outlives the set that made it */
	world_expect("shared", token_of(K1, "k1", T_PAYLOAD), same, STATUS_OK);
	world_expect("withdrawn", token_of(K1, "k1", T_PAYLOAD), changed, STATUS_JWT_SIGNATURE);
	world_expect("new", token_of(OTHER, "k1", T_PAYLOAD), changed, STATUS_OK);
	keyset_unref(same);
	keyset_unref(changed);
	bundle_set_unref(first);
	bundle_set_unref(second);
}

static void all_256_domains_are_found(void **state)
{
	char *document = document_of(K1, "k1", NULL), *names[BUNDLE_DOMAINS_MAX];
	const char *pairs[2 * BUNDLE_DOMAINS_MAX + 1] = { 0 };
	struct keyset *keys;

	(void)state;
	for (size_t i = 0; i < BUNDLE_DOMAINS_MAX; i++) {
		pairs[2 * i] = names[i] = mint_printf("d%zu.example", i * 7919 % 1000);
		pairs[2 * i + 1] = document;
	}
	keys = world_keyset(pairs);
	for (size_t i = 0; i < BUNDLE_DOMAINS_MAX; i++) {
		assert_bytes(keyset_find(keys, bytes_from_text(names[i]))->name, bytes_from_text(names[i]));
		free(names[i]);
	}
	assert_null(keyset_find(keys, BYTES_LITERAL("d")));
	assert_null(keyset_find(keys, (struct bytes){ 0 }));
	keyset_unref(keys);
	free(document);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(TV_JK_01_02_03_a_domain_vouches_for_its_own),
	cmocka_unit_test(TV_JK_04_same_kid_in_two_domains),
	cmocka_unit_test(TV_JK_05_to_08_a_bad_key_costs_only_itself),
	cmocka_unit_test(TV_JK_09_10_11_use),
	cmocka_unit_test(TV_JK_12_13_a_domain_without_keys_is_untrusted),
	cmocka_unit_test(TV_JK_14_15_16_a_snapshot_replaces_the_one_before),
	cmocka_unit_test(TV_JK_17_two_keys_with_one_kid),
	cmocka_unit_test(TV_JK_18_19_private_and_mistyped_members),
	cmocka_unit_test(a_keys_identity_is_all_that_makes_it),
	cmocka_unit_test(a_next_set_shares_what_did_not_change),
	cmocka_unit_test(all_256_domains_are_found),
};
UNIT_MAIN(tests)
