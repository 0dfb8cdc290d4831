/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache of verified tokens (DESIGN decision 7): what hits, what never does, and when entries end. */
#include "tests/unit/jwtsvid/world.h"

#include "jwtsvid/cache.h"

#include <stdlib.h>

static struct jwtsvid_cache *cache_of(size_t entries_max)
{
	struct jwtsvid_cache *cache = NULL;

	assert_ok(jwtsvid_cache_new(entries_max, &cache));
	jwtsvid_cache_keys(cache, world()->keys);
	return cache;
}

static char *numbered(unsigned i)
{
	char *payload = mint_printf("{" SUB "," AUD "," EXP "," IAT ",\"jti\":\"%u\"}", i);
	char *token = mint_token(T_ES256, payload, world()->key[K1], MINT_ES256);

	free(payload);
	return token;
}

static struct jwtsvid_cache_key key_of(struct jwtsvid_cache *cache, const char *token)
{
	struct jwtsvid_cache_key key;

	assert_ok(jwtsvid_cache_key(cache, bytes_from_text(token), &key));
	return key;
}

static bool hits(struct jwtsvid_cache *cache, const char *token, int64_t now_s)
{
	struct jwtsvid_cache_key key = key_of(cache, token);

	return jwtsvid_cache_find(cache, &key, now_s) != NULL;
}

static void put(struct jwtsvid_cache *cache, const char *token, const struct keyset *keys, int64_t now_s)
{
	struct jwtsvid_cache_key key = key_of(cache, token);
	struct jwtsvid *svid = NULL;

	assert_ok(jwtsvid_authenticate(bytes_from_text(token), keys, &svid));
	jwtsvid_cache_put(cache, &key, svid, now_s);
	jwtsvid_unref(svid);
}

static void a_verified_token_is_found_again(void **state)
{
	struct jwtsvid_cache *cache = cache_of(4);
	char *token = numbered(1), *other = numbered(2);
	struct jwtsvid_cache_key key = key_of(cache, token);
	struct jwtsvid_cache_counts counts;
	struct jwtsvid *svid;

	(void)state;
	assert_false(hits(cache, token, NOW));
	put(cache, token, world()->keys, NOW);
	svid = jwtsvid_cache_find(cache, &key, NOW);
	assert_non_null(svid);
	assert_bytes(spiffe_id_text(&svid->id), BYTES_LITERAL("spiffe://example.org/w"));
	assert_ok(jwtsvid_judge(svid, &world()->daemon, NOW));
	assert_false(hits(cache, other, NOW));
	jwtsvid_cache_count(cache, &counts);
	assert_int_equal(counts.hits, 1);
	assert_int_equal(counts.misses, 2);
	assert_int_equal(counts.stored, 1);
	assert_int_equal(counts.entries, 1);
	assert_int_equal(counts.forged, 0);
	jwtsvid_cache_free(cache);
	jwtsvid_cache_free(NULL);
	free(token);
	free(other);
}

/* The one mistake that would make the cache a hole: trusting the signing input alone. */
static void a_forged_signature_under_a_known_input_never_hits(void **state)
{
	struct jwtsvid_cache *cache = cache_of(4);
	char *token = numbered(1), *forged = mint_printf("%s", token), *end = strrchr(forged, '.');
	struct jwtsvid_cache_counts counts;
	struct jwtsvid *svid = NULL;

	(void)state;
	put(cache, token, world()->keys, NOW);
	for (char *at = end + 1; *at != '\0'; at++) {
		char was = *at;

		*at = was == 'A' ? 'B' : 'A';
		assert_false(hits(cache, forged, NOW));
		*at = was;
	}
	end[5] = '\0';
	assert_false(hits(cache, forged, NOW));
	assert_fails(jwtsvid_authenticate(bytes_from_text(forged), world()->keys, &svid), JWT_SIGNATURE);
	assert_true(hits(cache, token, NOW)); /* a forger does not evict the owner */
	jwtsvid_cache_count(cache, &counts);
	assert_int_equal(counts.forged, 87);
	jwtsvid_cache_free(cache);
	free(token);
	free(forged);
}

static void ecdsas_other_good_signature_is_verified_anew(void **state)
{
	struct jwtsvid_cache *cache = cache_of(4);
	struct mint_key *k1 = world()->key[K1];
	char *high = mint_token(T_ES256, T_PAYLOAD, k1, MINT_ES256_HIGH_S);
	char *low = mint_token(T_ES256, T_PAYLOAD, k1, MINT_ES256_LOW_S);
	struct jwtsvid_cache_counts counts;

	(void)state;
	put(cache, high, world()->keys, NOW);
	assert_false(hits(cache, low, NOW));
	put(cache, low, world()->keys, NOW); /* one entry for one signing input */
	assert_true(hits(cache, low, NOW));
	assert_false(hits(cache, high, NOW));
	jwtsvid_cache_count(cache, &counts);
	assert_int_equal(counts.entries, 1);
	jwtsvid_cache_free(cache);
	free(high);
	free(low);
}

static void what_is_no_token_is_not_hashed(void **state)
{
	struct jwtsvid_cache *cache = cache_of(1);
	struct jwtsvid_cache_key key;
	char *longest = calloc(1, JWS_MAX_BYTES + 1);

	(void)state;
	assert_fails(jwtsvid_cache_key(cache, BYTES_LITERAL("a.b"), &key), JWT_MALFORMED);
	assert_fails(jwtsvid_cache_key(cache, (struct bytes){ 0 }, &key), JWT_MALFORMED);
	assert_fails(jwtsvid_cache_key(cache, bytes_of(longest, JWS_MAX_BYTES + 1), &key), JWT_LONG);
	jwtsvid_cache_free(cache);
	free(longest);
}

static void the_index_is_the_hash_of_the_signing_input(void **state)
{
	/* SHA-256 of "a.b" and of "abc" */
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea };
	struct jwtsvid_cache *cache = cache_of(1);
	struct jwtsvid_cache_key key = key_of(cache, "a.b.abc"), other = key_of(cache, "a.b.abd");

	(void)state;
	assert_memory_equal(key.signature, abc, sizeof(abc));
	assert_memory_equal(key.input, other.input, sizeof(key.input));
	assert_memory_not_equal(key.signature, other.signature, sizeof(key.signature));
	jwtsvid_cache_free(cache);
}

static void an_entry_ends_with_exp(void **state)
{
	struct jwtsvid_cache *cache = cache_of(4);
	struct jwtsvid_cache_counts counts;
	char *token = numbered(1);

	(void)state;
	put(cache, token, world()->keys, NOW);
	assert_true(hits(cache, token, 1899999999));
	assert_false(hits(cache, token, 1900000000));
	assert_false(hits(cache, token, NOW)); /* gone, whatever the clock says then */
	put(cache, token, world()->keys, 1900000000);
	assert_false(hits(cache, token, NOW)); /* and within leeway it is not kept */
	jwtsvid_cache_count(cache, &counts);
	assert_int_equal(counts.entries, 0);
	assert_int_equal(counts.ended, 1);
	jwtsvid_cache_free(cache);
	free(token);
}

static void an_entry_ends_with_its_key_and_only_then(void **state)
{
	struct world *w = world();
	struct jwtsvid_cache *cache = cache_of(8);
	struct keyset *rotated =
		world_keyset_of(world_document((char *[]){ mint_jwk(w->key[OTHER], "k2", NULL), NULL }));
	char *jwk = mint_jwk(w->key[R1], "r1", NULL);
	struct keyset *only_r1 = world_keyset_of(mint_jwks(&jwk, 1)), *empty = NULL;
	char *by_k1 = numbered(1), *by_r1 = mint_token(T_HEADER("RS256", "r1"), T_PAYLOAD, w->key[R1], MINT_RS256);

	(void)state;
	put(cache, by_k1, w->keys, NOW);
	put(cache, by_r1, w->keys, NOW);
	jwtsvid_cache_keys(cache, rotated); /* a key more: both stay */
	assert_true(hits(cache, by_k1, NOW) && hits(cache, by_r1, NOW));
	jwtsvid_cache_keys(cache, only_r1); /* k1 withdrawn (TV-JK-15) */
	assert_false(hits(cache, by_k1, NOW));
	assert_true(hits(cache, by_r1, NOW));
	put(cache, by_k1, w->keys, NOW); /* verified against the old set while the new one came */
	assert_false(hits(cache, by_k1, NOW));
	assert_ok(keyset_new_empty(&empty));
	jwtsvid_cache_keys(cache, empty);
	assert_false(hits(cache, by_r1, NOW));
	jwtsvid_cache_keys(cache, w->keys); /* the key's return does not bring the entry back */
	assert_false(hits(cache, by_r1, NOW));
	jwtsvid_cache_free(cache);
	keyset_unref(rotated);
	keyset_unref(only_r1);
	keyset_unref(empty);
	free(jwk);
	free(by_k1);
	free(by_r1);
}

static void before_the_first_keys_nothing_is_kept(void **state)
{
	struct jwtsvid_cache *cache = NULL;
	char *token = numbered(1);

	(void)state;
	assert_ok(jwtsvid_cache_new(4, &cache));
	put(cache, token, world()->keys, NOW);
	assert_false(hits(cache, token, NOW));
	jwtsvid_cache_free(cache);
	free(token);
}

static void the_least_recently_used_entry_makes_room(void **state)
{
	struct jwtsvid_cache *cache = cache_of(3);
	struct jwtsvid_cache_counts counts;
	char *tokens[5];

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		tokens[i] = numbered(i);
	for (unsigned i = 0; i < 3; i++)
		put(cache, tokens[i], world()->keys, NOW);
	assert_true(hits(cache, tokens[0], NOW)); /* so 1 is the oldest now */
	put(cache, tokens[3], world()->keys, NOW);
	assert_false(hits(cache, tokens[1], NOW));
	assert_true(hits(cache, tokens[2], NOW) && hits(cache, tokens[0], NOW) && hits(cache, tokens[3], NOW));
	put(cache, tokens[4], world()->keys, NOW);
	assert_false(hits(cache, tokens[2], NOW));
	jwtsvid_cache_count(cache, &counts);
	assert_int_equal(counts.entries, 3);
	assert_int_equal(counts.evicted, 2);
	jwtsvid_cache_free(cache);
	for (unsigned i = 0; i < 5; i++)
		free(tokens[i]);
}

static void many_tokens_come_and_go(void **state)
{
	enum { TOKENS = 64, ENTRIES = 16, ROUNDS = 2000 };
	struct jwtsvid_cache *cache = cache_of(ENTRIES);
	struct jwtsvid_cache_counts counts;
	char *tokens[TOKENS];
	uint32_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < TOKENS; i++)
		tokens[i] = numbered(i);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const char *token;

		seed = seed * 1664525 + 1013904223;
		token = tokens[(seed >> 16) % TOKENS];
		if (!hits(cache, token, NOW))
			put(cache, token, world()->keys, NOW);
		assert_true(hits(cache, token, NOW));
	}
	jwtsvid_cache_count(cache, &counts);
	assert_int_equal(counts.entries, ENTRIES);
	assert_int_equal(counts.stored - counts.evicted, ENTRIES);
	assert_int_equal(counts.hits + counts.misses, 2 * ROUNDS);
	jwtsvid_cache_free(cache);
	for (unsigned i = 0; i < TOKENS; i++)
		free(tokens[i]);
}

static void sizes_out_of_range_are_refused(void **state)
{
	struct jwtsvid_cache *cache = NULL;

	(void)state;
	assert_fails(jwtsvid_cache_new(0, &cache), LIMIT);
	assert_fails(jwtsvid_cache_new(JWTSVID_CACHE_MAX + 1, &cache), LIMIT);
	assert_null(cache);
	assert_ok(jwtsvid_cache_new(JWTSVID_CACHE_MAX, &cache));
	jwtsvid_cache_free(cache);
}

static void a_token_found_may_be_kept_beyond_its_entry(void **state)
{
	struct jwtsvid_cache *cache = cache_of(1);
	char *token = numbered(1);
	struct jwtsvid_cache_key key = key_of(cache, token);
	struct jwtsvid *svid;

	(void)state;
	put(cache, token, world()->keys, NOW);
	svid = jwtsvid_ref(jwtsvid_cache_find(cache, &key, NOW));
	jwtsvid_cache_free(cache);
	assert_bytes(spiffe_id_text(&svid->id), BYTES_LITERAL("spiffe://example.org/w"));
	jwtsvid_unref(svid);
	free(token);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_verified_token_is_found_again),
	cmocka_unit_test(a_forged_signature_under_a_known_input_never_hits),
	cmocka_unit_test(ecdsas_other_good_signature_is_verified_anew),
	cmocka_unit_test(what_is_no_token_is_not_hashed),
	cmocka_unit_test(the_index_is_the_hash_of_the_signing_input),
	cmocka_unit_test(an_entry_ends_with_exp),
	cmocka_unit_test(an_entry_ends_with_its_key_and_only_then),
	cmocka_unit_test(before_the_first_keys_nothing_is_kept),
	cmocka_unit_test(the_least_recently_used_entry_makes_room),
	cmocka_unit_test(many_tokens_come_and_go),
	cmocka_unit_test(sizes_out_of_range_are_refused),
	cmocka_unit_test(a_token_found_may_be_kept_beyond_its_entry),
};
UNIT_MAIN(tests)
