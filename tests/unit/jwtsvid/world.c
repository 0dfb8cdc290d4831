/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/jwtsvid/world.h"

#include <stdlib.h>

enum { LIST_MAX = 8 * 1024 * 1024, JWKS_MAX = 80 };

static struct world the_world;
static const struct bytes audience_a[] = { { (const uint8_t *)"A", 1 } };

struct keyset *world_keyset(const char *const *pairs)
{
	struct buf list = buf_make(LIST_MAX);
	struct bundle_set *bundles = NULL;
	struct keyset *keys = NULL;

	for (; pairs[0] != NULL; pairs += 2)
		mint_list_put(&list, pairs[0], pairs[1]);
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &bundles));
	assert_ok(keyset_new(bundles, &keys));
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

struct status world_verify(char *token, const struct keyset *keys, const struct jwtsvid_rules *rules)
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
	free(exact);
	free(token);
	return st;
}

void world_expect(const char *name, char *token, const struct keyset *keys, enum status_code want)
{
	struct status st = world_verify(token, keys, &the_world.rules);

	if (st.code != want)
		fail_msg("%s: %s, want %s", name, status_name(st.code), status_name(want));
}
