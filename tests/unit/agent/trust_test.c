/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of identity providers that are no trust domains: which document counts, in which order they come, and what ends
 * with them. */
#include "tests/support/unit.h"

#include <poll.h>
#include <stdlib.h>

#include "agent/trust.h"
#include "tests/support/mint.h"

static const char *const names[] = { "https://a.example", "https://b.example", "https://c.example" };

struct world {
	struct loop loop;
	struct compute *compute;
	struct jwtsvid_cache *tokens;
	struct downloads downloads;
	struct wall wall;
	struct trust issuers;
	struct config_issuer configured[3];
	struct config config;
	struct mint_key *key[2];
};

static void turn(void *context)
{
	struct world *w = context;

	if (!w->issuers.is_busy)
		loop_stop(&w->loop);
}

/* Until nothing is being compiled. */
static void settle(struct world *w)
{
	w->loop.stopping = false;
	assert_ok(loop_run(&w->loop));
}

/* These of the names are configured. */
static void configure(struct world *w, unsigned first, unsigned count)
{
	w->config = (struct config){ .issuers = w->configured, .issuer_count = count };
	for (unsigned i = 0; i < count; i++)
		w->configured[i] = (struct config_issuer){ .issuer = (char *)(uintptr_t)names[first + i] };
	trust_configure(&w->issuers, &w->config);
}

static int world_new(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_ok(loop_init(&w->loop));
	w->loop.context = w;
	w->loop.turn = turn;
	for (int i = 0; i < DEADLINE_KIND_COUNT; i++)
		w->loop.length_us[i] = 1000000;
	assert_ok(compute_start(&w->loop, &w->compute));
	assert_ok(jwtsvid_cache_new(8, &w->tokens));
	assert_ok(wall_begin(&w->wall, "boot"));
	downloads_init(&w->downloads, &w->loop);
	assert_ok(trust_init(&w->issuers, TRUST_OF_ISSUERS, &w->loop, w->compute, w->tokens, &w->downloads, &w->wall,
		&w->config));
	w->key[0] = mint_key_new(MINT_P256);
	w->key[1] = mint_key_new(MINT_P256);
	configure(w, 0, 2);
	settle(w);
	*state = w;
	return 0;
}

static int world_free(void **state)
{
	struct world *w = *state;

	compute_stop(w->compute);
	trust_done(&w->issuers);
	downloads_done(&w->downloads);
	wall_done(&w->wall);
	jwtsvid_cache_free(w->tokens);
	mint_key_free(w->key[0]);
	mint_key_free(w->key[1]);
	loop_done(&w->loop);
	free(w);
	return 0;
}

static char *document_of(const struct world *w, int key)
{
	char *jwk = mint_jwk(w->key[key], "k1", "\"use\":\"sig\""), *document = mint_jwks(&jwk, 1);

	free(jwk);
	return document;
}

static void give(struct world *w, int issuer, int key)
{
	char *document = document_of(w, key);

	assert_ok(trust_issuer_file(&w->issuers, bytes_from_text(names[issuer]), bytes_from_text(document)));
	free(document);
}

static void give_text(struct world *w, int issuer, const char *text)
{
	assert_ok(trust_issuer_file(&w->issuers, bytes_from_text(names[issuer]), bytes_from_text(text)));
}

/* Is the key trusted as that issuer's?  Asked as a token would. */
static bool trusts(const struct world *w, int issuer, int key)
{
	struct jwtsvid_issuer asked = {
		.name = bytes_from_text(names[issuer]), .may_lack_type = true, .claim = BYTES_LITERAL("sub")
	};
	char *payload = mint_printf("{\"iss\":\"%s\",\"sub\":\"x\",\"aud\":\"A\",\"exp\":1}", names[issuer]);
	char *token = mint_token("{\"alg\":\"ES256\",\"kid\":\"k1\"}", payload, w->key[key], MINT_ES256);
	struct jwtsvid *svid = NULL;
	struct status st = jwtsvid_authenticate_issued(bytes_from_text(token), w->issuers.keys, &asked, 1, &svid);

	jwtsvid_unref(svid);
	free(token);
	free(payload);
	return st.code == STATUS_OK;
}

static void nobody_is_trusted_before_a_document(void **state)
{
	struct world *w = *state;

	assert_int_equal(keyset_key_count(w->issuers.keys), 0);
	assert_fails(
		trust_issuer_file(&w->issuers, BYTES_LITERAL("https://x.example"), BYTES_LITERAL("{}")), JWT_ISSUER);
	assert_fails(trust_issuer_file(&w->issuers, (struct bytes){ 0 }, BYTES_LITERAL("{}")), JWT_ISSUER);
}

static void each_issuer_has_its_own_keys(void **state)
{
	struct world *w = *state;

	give(w, 0, 0);
	give(w, 1, 1); /* while the first is compiled */
	settle(w);
	assert_true(trusts(w, 0, 0) && trusts(w, 1, 1));
	assert_false(trusts(w, 0, 1) || trusts(w, 1, 0));
	give(w, 0, 1);
	settle(w);
	assert_true(trusts(w, 0, 1) && trusts(w, 1, 1));
	assert_false(trusts(w, 0, 0));
}

static void the_newest_document_counts_however_fast_they_come(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 20; round++) {
		int last = round % 2;

		give(w, 0, !last);
		give(w, 1, last);
		give(w, 0, last);
		give(w, 0, !last);
		give(w, 0, last);
		settle(w);
		assert_true(trusts(w, 0, last) && trusts(w, 1, last));
		assert_false(trusts(w, 0, !last) || trusts(w, 1, !last));
	}
}

static void a_broken_document_leaves_the_one_before(void **state)
{
	static const char *const broken[] = { "", "{", "{}", "[]", "{\"keys\":{}}", "\xff" };
	struct world *w = *state;

	give(w, 0, 0);
	give(w, 1, 1);
	settle(w);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		give_text(w, 0, broken[i]);
		settle(w);
		if (!trusts(w, 0, 0) || !trusts(w, 1, 1))
			fail_msg("%s", broken[i]);
	}
	give_text(w, 0, "{\"keys\":[]}"); /* which says that there are none */
	settle(w);
	assert_false(trusts(w, 0, 0));
	assert_true(trusts(w, 1, 1));
	give(w, 0, 0);
	settle(w);
	assert_true(trusts(w, 0, 0));
}

static void a_document_too_large_leaves_the_one_before(void **state)
{
	struct world *w = *state;
	size_t len = (size_t)BUNDLE_DOCUMENT_MAX_BYTES + 1;
	char *spaces = malloc(8 * len);

	assert_non_null(spaces);
	memset(spaces, ' ', 8 * len);
	give(w, 0, 0);
	settle(w);
	assert_ok(trust_issuer_file(&w->issuers, bytes_from_text(names[0]), bytes_of(spaces, len)));
	settle(w);
	assert_true(trusts(w, 0, 0));
	assert_ok(trust_issuer_file(&w->issuers, bytes_from_text(names[0]), bytes_of(spaces, 8 * len)));
	settle(w);
	assert_true(trusts(w, 0, 0));
	give(w, 0, 1); /* and takes documents again */
	settle(w);
	assert_true(trusts(w, 0, 1));
	free(spaces);
}

static void an_issuer_that_goes_takes_its_keys_along(void **state)
{
	struct world *w = *state;

	give(w, 0, 0);
	give(w, 1, 1);
	settle(w);
	configure(w, 1, 2); /* b stays, c is new */
	settle(w);
	assert_false(trusts(w, 0, 0));
	assert_true(trusts(w, 1, 1));
	configure(w, 0, 3); /* a is back, without what it had */
	settle(w);
	assert_false(trusts(w, 0, 0));
	assert_true(trusts(w, 1, 1));
	configure(w, 0, 0);
	settle(w);
	assert_int_equal(keyset_key_count(w->issuers.keys), 0);
}

static void a_document_under_way_ends_with_its_issuer(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 20; round++) {
		configure(w, 0, 2);
		give(w, 0, 0);
		give(w, 1, 1);
		configure(w, 1, 1); /* a goes while its document is compiled */
		settle(w);
		assert_false(trusts(w, 0, 0));
		assert_true(trusts(w, 1, 1));
	}
}

/* What is asked of a token may have changed, so that it is verified anew. */
static void a_new_configuration_ends_verified_tokens(void **state)
{
	struct world *w = *state;
	struct jwtsvid_issuer asked = {
		.name = bytes_from_text(names[0]), .may_lack_type = true, .claim = BYTES_LITERAL("sub")
	};
	char *token = mint_token("{\"alg\":\"ES256\",\"kid\":\"k1\"}",
		"{\"iss\":\"https://a.example\",\"sub\":\"x\",\"aud\":\"A\",\"exp\":1900000000}", w->key[0],
		MINT_ES256);
	struct jwtsvid_cache_key key;
	struct jwtsvid *svid = NULL;

	give(w, 0, 0);
	settle(w);
	assert_ok(jwtsvid_cache_key(w->tokens, bytes_from_text(token), &key));
	assert_ok(jwtsvid_authenticate_issued(bytes_from_text(token), w->issuers.keys, &asked, 1, &svid));
	jwtsvid_cache_put(w->tokens, &key, svid, 0);
	assert_non_null(jwtsvid_cache_find(w->tokens, &key, 0));
	configure(w, 0, 2);
	settle(w);
	assert_null(jwtsvid_cache_find(w->tokens, &key, 0));
	jwtsvid_cache_put(w->tokens, &key, svid, 0);
	assert_non_null(jwtsvid_cache_find(w->tokens, &key, 0)); /* the keys stayed */
	jwtsvid_unref(svid);
	free(token);
}

#define in_a_world(test) cmocka_unit_test_setup_teardown(test, world_new, world_free)
static const struct CMUnitTest tests[] = {
	in_a_world(nobody_is_trusted_before_a_document),
	in_a_world(each_issuer_has_its_own_keys),
	in_a_world(the_newest_document_counts_however_fast_they_come),
	in_a_world(a_broken_document_leaves_the_one_before),
	in_a_world(a_document_too_large_leaves_the_one_before),
	in_a_world(an_issuer_that_goes_takes_its_keys_along),
	in_a_world(a_document_under_way_ends_with_its_issuer),
	in_a_world(a_new_configuration_ends_verified_tokens),
};
UNIT_MAIN(tests)
