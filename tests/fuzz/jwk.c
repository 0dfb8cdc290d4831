/* SPDX-License-Identifier: Apache-2.0
 *
 * One JWK, hostile: decoded from its document, compiled, and asked to verify.  What is compiled has the sizes that
 * it should, and no key verifies a signature of zeros. */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "jwtsvid/jwk.h"

enum { SIGNATURE_MAX = JWK_RSA_MAX_BITS / 8, PLANTED_KID = 16 };

static void verify(const struct bundle_key *key, const struct jwk *jwk)
{
	static const uint8_t zeros[SIGNATURE_MAX];
	const size_t lengths[] = { 64, 96, 132, key->n.len };

	FUZZ_CHECK(key->kty != BUNDLE_KTY_RSA || (key->n.len >= JWK_RSA_MIN_BITS / 8 && key->n.len <= SIGNATURE_MAX));
	for (enum jwk_alg alg = JWK_ALG_NONE; alg <= JWK_ALG_COUNT; alg++)
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
			FUZZ_CHECK(jwk_verify(jwk, alg, BYTES_LITERAL("a.b"), bytes_of(zeros, lengths[i])).code !=
				   STATUS_OK);
}

static void compile(const struct bundle_key *key)
{
	uint8_t id[JWK_ID_BYTES];
	struct jwk *jwk = NULL;

	FUZZ_CHECK(key->kid.len > 0);
	if (jwk_new(key, &jwk).code != STATUS_OK)
		return;
	FUZZ_CHECK(jwk_id(key, id).code == STATUS_OK);
	fuzz_plant_count(key->kid.len, PLANTED_KID);
	verify(key, jwk);
	jwk_unref(jwk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf document = buf_make(size + 64), list = buf_make(size + 128);
	struct bundle_set *set = NULL;

	buf_put_text(&document, "{\"keys\":[");
	buf_put(&document, bytes_of(data, size));
	buf_put_text(&document, "]}");
	buf_put_sized(&list, BYTES_LITERAL("example.org"));
	buf_put_sized(&list, buf_bytes(&document));
	FUZZ_CHECK(bundle_set_new(buf_bytes(&list), BUNDLE_ALLOW_USE_SIG, &set).code == STATUS_OK);
	for (size_t i = 0; i < bundle_set_at(set, 0)->key_count; i++)
		compile(&bundle_set_at(set, 0)->keys[i]);
	bundle_set_unref(set);
	buf_done(&list);
	buf_done(&document);
	return 0;
}
