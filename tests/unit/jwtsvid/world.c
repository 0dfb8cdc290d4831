/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/jwtsvid/world.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/support/corpus.h"

enum { LIST_MAX = 8 * 1024 * 1024, JWKS_MAX = 80 };

static struct world the_world;
/* Only while a corpus is written: the documents of every key set, until a token names them. */
static struct recorded {
	uint64_t generation;
	struct buf list;
	struct recorded *next;
} * recorded_sets;
static const struct bytes audience_a[] = { { (const uint8_t *)"A", 1 } };

static void keys_record(const struct keyset *keys, struct bytes list)
{
	struct recorded *set;

	if (!corpus_is_open())
		return;
	set = calloc(1, sizeof(*set));
	assert_non_null(set);
	*set = (struct recorded){ keyset_generation(keys), buf_make(LIST_MAX), recorded_sets };
	buf_put(&set->list, list);
	recorded_sets = set;
}

/* Before the first token that names the set; false: it was made in another way and has no documents. */
static bool keys_write(const char *name, uint64_t generation)
{
	for (struct recorded *set = recorded_sets; set != NULL; set = set->next)
		if (set->generation == generation) {
			if (set->list.len > 0)
				corpus_put_keys("jwks", name, generation, buf_bytes(&set->list));
			buf_done(&set->list);
			return true;
		}
	return false;
}

/* The daemon's defaults are ours alone: nobody else has an opinion on them. */
static void token_write(const char *name, struct bytes token, const struct keyset *keys,
	const struct jwtsvid_rules *rules, enum status_code want)
{
	struct buf more = buf_make(4096);

	if (!corpus_is_open() || rules == &the_world.daemon || rules->max_age_s != 0 ||
		!keys_write(name, keyset_generation(keys)))
		return;
	buf_printf(&more,
		",\"keys\":\"%s.%llu\",\"time\":%d,\"leeway\":%d,\"max_lifetime\":%d,\"single\":%s,"
		"\"audiences\":[",
		program_invocation_short_name, (unsigned long long)keyset_generation(keys), NOW, (int)rules->leeway_s,
		(int)rules->max_lifetime_s, rules->single_audience ? "true" : "false");
	for (size_t i = 0; i < rules->audience_count; i++)
		buf_printf(&more, "%s\"%.*s\"", i > 0 ? "," : "", (int)rules->audiences[i].len,
			(const char *)rules->audiences[i].data);
	buf_put_text(&more, "]");
	buf_put_u8(&more, 0);
	assert_ok(buf_check(&more));
	corpus_put("token", name, token, want, (const char *)more.data);
	buf_done(&more);
}

struct keyset *world_keyset(const char *const *pairs)
{
	struct buf list = buf_make(LIST_MAX);
	struct bundle_set *bundles = NULL;
	struct keyset *keys = NULL;

	for (; pairs[0] != NULL; pairs += 2)
		mint_list_put(&list, pairs[0], pairs[1]);
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &bundles));
	assert_ok(keyset_new(bundles, &keys));
	keys_record(keys, buf_bytes(&list));
	bundle_set_unref(bundles);
	buf_done(&list);
	return keys;
}

char *world_document(char *const *before)
{
	static const char *const kids[] = { [K1] = "k1", [R1] = "r1", [E3] = "e3", [E5] = "e5" };
	char *jwks[JWKS_MAX], *document;
	size_t count = 0;

	for (; before != NULL && before[count] != NULL; count++)
		jwks[count] = before[count];
	for (enum world_key k = K1; k <= E5; k++)
		jwks[count++] = mint_jwk(the_world.key[k], kids[k], NULL);
	document = mint_jwks(jwks, count);
	for (size_t i = 0; i < count; i++)
		free(jwks[i]);
	return document;
}

struct keyset *world_keyset_of(char *document)
{
	struct keyset *keys = world_keyset((const char *[]){ "spiffe://example.org", document, NULL });

	free(document);
	return keys;
}

struct world *world(void)
{
	/* clang-format off */
	static const enum mint_type types[KEY_COUNT] = { MINT_P256, MINT_RSA2048, MINT_P384, MINT_P521, MINT_P256,
		MINT_RSA2048, MINT_RSA1024, MINT_ED25519 };
	/* clang-format on */

	if (the_world.keys != NULL)
		return &the_world;
	if (corpus_is_open())
		mint_seed(1);
	for (size_t i = 0; i < KEY_COUNT; i++)
		the_world.key[i] = mint_key_new(types[i]);
	the_world.rules = (struct jwtsvid_rules){ .audiences = audience_a, .audience_count = 1, .leeway_s = 60 };
	the_world.daemon = (struct jwtsvid_rules){ .audiences = audience_a,
		.audience_count = 1,
		.leeway_s = 10,
		.max_lifetime_s = 600,
		.max_age_s = 600,
		.need_start = true,
		.refuse_future_start = true };
	the_world.keys = world_keyset_of(world_document(NULL));
	return &the_world;
}

struct status world_verify(const char *name, char *token, const struct keyset *keys, const struct jwtsvid_rules *rules)
{
	size_t len = strlen(token);
	uint8_t *exact = malloc(len > 0 ? len : 1); /* without the NUL: a read past the end is seen */
	struct jwtsvid *svid = NULL;
	struct status st;

	assert_non_null(exact);
	memcpy(exact, token, len);
	st = jwtsvid_verify(bytes_of(exact, len), keys, rules, NOW, &svid);
	if (st.code == STATUS_OK)
		jwtsvid_unref(svid);
	else
		assert_null(svid);
	token_write(name, bytes_of(exact, len), keys, rules, st.code);
	free(exact);
	free(token);
	return st;
}

void world_expect(const char *name, char *token, const struct keyset *keys, enum status_code want)
{
	struct status st = world_verify(name, token, keys, &the_world.rules);

	if (st.code != want)
		fail_msg("%s: %s, want %s", name, status_name(st.code), status_name(want));
}
