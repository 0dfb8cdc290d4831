/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens, hostile.  The first byte says what the rest is: 'T' a whole token, 'H' a header and 'P' a payload that are
 * signed here with a trusted key, so that what lies behind the signature is reached as well.  Each is asked twice: as a
 * JWT-SVID, and as the token of an identity provider. */
#include "tests/fuzz/fuzz.h"

#include "jwtsvid/verify.h"
#include "tests/support/mint.h"

#define HEADER "{\"alg\":\"ES256\"}"
#define PAYLOAD "{\"sub\":\"spiffe://example.org/w\",\"aud\":\"A\",\"exp\":1900000000,\"iat\":1899999700}"

enum { PLANTED_AUDIENCE = 16 };

static const int64_t now_s = 1899999700;
static struct mint_key *key;
static struct keyset *keys, *issued_keys;
static const struct jwtsvid_issuer issuer = { .name = BYTES_LITERAL("https://idp.example"),
	.types = (const struct bytes[]){ BYTES_LITERAL("JWT") },
	.type_count = 1,
	.may_lack_type = true,
	.claim = BYTES_LITERAL("sub") };

static struct keyset *keyset_of(const char *map_key, const char *document, unsigned flags)
{
	struct buf list = buf_make(64 * 1024);
	struct bundle_set *bundles = NULL;
	struct keyset *made = NULL;

	mint_list_put(&list, map_key, document);
	FUZZ_CHECK(bundle_set_new(buf_bytes(&list), flags, &bundles).code == STATUS_OK);
	FUZZ_CHECK(keyset_new(bundles, &made).code == STATUS_OK);
	bundle_set_unref(bundles);
	buf_done(&list);
	return made;
}

static void make_keys(void)
{
	char *jwk, *document;

	key = mint_key_new(MINT_P256);
	jwk = mint_jwk(key, "k1", NULL);
	document = mint_jwks(&jwk, 1);
	keys = keyset_of("example.org", document, BUNDLE_STRICT);
	issued_keys = keyset_of("https://idp.example", document, BUNDLE_ISSUER_DOCUMENT);
	free(document);
	free(jwk);
}

/* What was accepted keeps its promises. */
static void check(const struct jwtsvid *svid)
{
	const struct bytes audience = BYTES_LITERAL("A");
	struct jwtsvid_rules rules = { .audiences = &audience,
		.audience_count = 1,
		.leeway_s = 10,
		.max_lifetime_s = 600,
		.max_age_s = 600,
		.need_start = true,
		.refuse_future_start = true };

	FUZZ_CHECK(svid->audience_count > 0 && svid->audience_count <= JWTSVID_AUDIENCES_MAX);
	for (size_t i = 0; i < svid->audience_count; i++)
		FUZZ_CHECK(svid->audiences[i].len > 0);
	fuzz_plant_count(svid->audiences[svid->audience_count - 1].len, PLANTED_AUDIENCE);
	if (jwtsvid_judge(svid, &rules, now_s).code == STATUS_OK)
		FUZZ_CHECK(svid->exp_s > now_s - 10 && jwtsvid_lifetime_s(svid) <= 600 &&
			   jwtsvid_age_s(svid, now_s) <= 600);
}

static void authenticate_issued(struct bytes token)
{
	struct jwtsvid *svid = NULL;

	if (jwtsvid_authenticate_issued(token, issued_keys, &issuer, 1, &svid).code != STATUS_OK) {
		FUZZ_CHECK(svid == NULL);
		return;
	}
	FUZZ_CHECK(svid->id.data == NULL && bytes_equal(svid->issuer, issuer.name));
	FUZZ_CHECK(svid->subject.len > 0 && svid->subject.len <= JWTSVID_SUBJECT_MAX_BYTES);
	for (size_t i = 0; i < svid->subject.len; i++)
		FUZZ_CHECK(svid->subject.data[i] >= 0x20 && svid->subject.data[i] != 0x7f);
	FUZZ_CHECK(keyset_has_key(issued_keys, issuer.name, svid->key_id));
	check(svid);
	jwtsvid_unref(svid);
}

static void authenticate(struct bytes token)
{
	struct bytes input, signature;
	struct jwtsvid *svid = NULL;

	if (jwtsvid_authenticate(token, keys, &svid).code != STATUS_OK) {
		FUZZ_CHECK(svid == NULL);
		return;
	}
	FUZZ_CHECK(jwtsvid_split(token, &input, &signature).code == STATUS_OK);
	FUZZ_CHECK(input.len + 1 + signature.len == token.len);
	FUZZ_CHECK(svid->issuer.len == 0 && spiffe_id_check(spiffe_id_text(&svid->id)).code == STATUS_OK);
	FUZZ_CHECK(keyset_has_key(keys, spiffe_id_domain(&svid->id), svid->key_id));
	check(svid);
	jwtsvid_unref(svid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *token = NULL;
	struct bytes exact;

	if (key == NULL)
		make_keys();
	if (size == 0)
		return 0;
	if (data[0] == 'H')
		token = mint_token_bytes(bytes_of(data + 1, size - 1), BYTES_LITERAL(PAYLOAD), key, MINT_ES256);
	else if (data[0] == 'P')
		token = mint_token_bytes(BYTES_LITERAL(HEADER), bytes_of(data + 1, size - 1), key, MINT_ES256);
	exact = fuzz_copy(token != NULL ? bytes_from_text(token) : bytes_of(data + 1, size - 1));
	authenticate(exact);
	authenticate_issued(exact);
	fuzz_free(exact);
	free(token);
	return 0;
}
