/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation fails in turn: what is asked succeeds all the same or is refused for want of memory, no key of a
 * document is lost unsaid, no claim is read wrongly, and nothing leaks. */
#include "tests/unit/jwtsvid/world.h"

#include "jwtsvid/cache.h"
#include "tests/support/failalloc.h"

#include <stdlib.h>

enum { ALLOCATIONS_MAX = 20000 };

static char *token_text;
static struct buf list;

static struct status decode_and_compile(void)
{
	struct bundle_set *bundles = NULL;
	struct keyset *keys = NULL;
	struct status st = bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &bundles);

	if (st.code == STATUS_OK)
		st = keyset_new(bundles, &keys);
	/* None lost on the way, or, where OpenSSL hides that it was short of memory, none without a report. */
	if (st.code == STATUS_OK && keyset_key_count(keys) + keyset_report_count(keys) != 4)
		fail_msg("%zu keys, %zu reports", keyset_key_count(keys), keyset_report_count(keys));
	keyset_unref(keys);
	bundle_set_unref(bundles);
	return st;
}

static struct status verify(void)
{
	struct jwtsvid *svid = NULL;
	struct status st = jwtsvid_verify(bytes_from_text(token_text), world()->keys, &world()->rules, NOW, &svid);

	if (st.code == STATUS_OK) {
		assert_bytes(spiffe_id_text(&svid->id), BYTES_LITERAL("spiffe://example.org/w"));
		assert_bytes(svid->audiences[0], BYTES_LITERAL("A"));
		assert_true(svid->exp_s == 1900000000);
	}
	jwtsvid_unref(svid);
	return st;
}

static struct status cache(void)
{
	struct jwtsvid_cache *made = NULL;
	struct jwtsvid_cache_key key;
	struct status st = jwtsvid_cache_new(8, &made);

	if (st.code != STATUS_OK)
		return st;
	st = jwtsvid_cache_key(made, bytes_from_text(token_text), &key);
	if (st.code == STATUS_OK)
		assert_null(jwtsvid_cache_find(made, &key, NOW));
	jwtsvid_cache_free(made);
	return st;
}

static struct status parse_id(void)
{
	struct spiffe_id id = { 0 };
	struct status st = spiffe_id_parse(BYTES_LITERAL("spiffe://example.org/w"), &id);

	spiffe_id_done(&id);
	return st;
}

/* Until the nth allocation is one that never comes. */
static void each_allocation_fails(const char *name, struct status (*run)(void))
{
	unsigned refused = 0;

	assert_ok(run()); /* what libraries allocate once and keep */
	for (unsigned nth = 1; nth < ALLOCATIONS_MAX; nth++) {
		struct status st;
		bool failed;

		failalloc_arm(nth);
		st = run();
		failed = failalloc_disarm();
		/* OpenSSL's ECDSA may keep quiet about its shortage: a refusal then, never an acceptance. */
		if (st.code == STATUS_NO_MEMORY || st.code == STATUS_CRYPTO || st.code == STATUS_JWT_SIGNATURE)
			refused++;
		else if (st.code != STATUS_OK)
			fail_msg("%s, allocation %u: %s", name, nth, status_name(st.code));
		if (!failed) {
			assert_int_equal(st.code, STATUS_OK);
			assert_true(refused > 0);
			return;
		}
	}
	fail_msg("%s never ends", name);
}

static void every_allocation_may_fail_and_nothing_is_misread(void **state)
{
	(void)state;
	each_allocation_fails("id", parse_id);
	each_allocation_fails("documents", decode_and_compile);
	each_allocation_fails("cache", cache);
	each_allocation_fails("ES256", verify);
	free(token_text);
	token_text = mint_token(T_HEADER("PS256", "r1"), T_PAYLOAD, world()->key[R1], MINT_PS256);
	each_allocation_fails("PS256", verify);
}

static int setup(void **state)
{
	char *document;

	(void)state;
	token_text = mint_token(T_ES256, T_PAYLOAD, world()->key[K1], MINT_ES256);
	document = world_document(NULL);
	list = buf_make(65536);
	mint_list_put(&list, "spiffe://example.org", document);
	free(document);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(token_text);
	buf_done(&list);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(every_allocation_may_fail_and_nothing_is_misread, setup, teardown),
};
UNIT_MAIN(tests)
