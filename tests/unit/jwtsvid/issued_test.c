/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of identity providers that are no SPIFFE ones (spiffe-requirements JT-26): what is asked otherwise than of a
 * JWT-SVID.  What is asked alike (form, algorithms, kid, times, audiences) is one code, whose rows are in the other
 * programs of this folder; a row of each stands here, too. */
#include "tests/unit/jwtsvid/world.h"

#include "jwtsvid/cache.h"

#include <stdlib.h>

#define IDP "https://idp.example"
#define OTHER_IDP "https://other.example/realm"
#define ISS "\"iss\":\"" IDP "\""
#define WHO "\"sub\":\"user-4711\""
#define REST AUD "," EXP "," IAT
#define PAYLOAD "{" ISS "," WHO "," REST "}"
#define AT_JWT "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}"

static const struct bytes types[] = { BYTES_LITERAL("JWT"), BYTES_LITERAL("at+jwt") };
static const struct jwtsvid_issuer issuers[] = {
	{ .name = BYTES_LITERAL(IDP), .types = types, .type_count = 2, .claim = BYTES_LITERAL("sub") },
	{ .name = BYTES_LITERAL(OTHER_IDP),
		.may_lack_type = true,
		.claim = BYTES_LITERAL("email"),
		.algorithms = 1u << JWK_ES256 | 1u << JWK_PS256 },
};
enum { ISSUERS = sizeof(issuers) / sizeof(issuers[0]) };

/* Pairs of issuer and document. */
static struct bundle_set *documents_of(const char *const *pairs)
{
	struct buf list = buf_make(64 * 1024);
	struct bundle_set *bundles = NULL;

	for (; pairs[0] != NULL; pairs += 2)
		mint_list_put(&list, pairs[0], pairs[1]);
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_ISSUER_DOCUMENT, &bundles));
	buf_done(&list);
	return bundles;
}

static struct keyset *keyset_of(const char *const *pairs)
{
	struct bundle_set *bundles = documents_of(pairs);
	struct keyset *keys = NULL;

	assert_ok(keyset_new(bundles, &keys));
	bundle_set_unref(bundles);
	return keys;
}

static char *document_of(enum world_key key, const char *kid, const char *more)
{
	char *jwk = mint_jwk(world()->key[key], kid, more), *document = mint_jwks(&jwk, 1);

	free(jwk);
	return document;
}

/* IDP has k1 and r1, the other one a k1 of its own. */
static struct keyset *the_keys(void)
{
	static struct keyset *keys;
	char *jwks[2], *own, *other;

	if (keys != NULL)
		return keys;
	jwks[0] = mint_jwk(world()->key[K1], "k1", "\"use\":\"sig\"");
	jwks[1] = mint_jwk(world()->key[R1], "r1", NULL);
	own = mint_jwks(jwks, 2);
	other = document_of(OTHER, "k1", "\"use\":\"sig\",\"alg\":\"ES256\"");
	keys = keyset_of((const char *[]){ IDP, own, OTHER_IDP, other, NULL });
	free(jwks[0]);
	free(jwks[1]);
	free(own);
	free(other);
	return keys;
}

static struct status authenticate(char *token, struct jwtsvid **ret_svid)
{
	size_t len = strlen(token);
	uint8_t *exact = malloc(len > 0 ? len : 1); /* without the NUL: a read past the end is seen */
	struct status st;

	assert_non_null(exact);
	memcpy(exact, token, len);
	st = jwtsvid_authenticate_issued(bytes_of(exact, len), the_keys(), issuers, ISSUERS, ret_svid);
	free(exact);
	free(token);
	return st;
}

static void expect(const char *name, char *token, enum status_code want)
{
	struct jwtsvid *svid = NULL;
	struct status st = authenticate(token, &svid);

	if (st.code != want)
		fail_msg("%s: %s, want %s", name, status_name(st.code), status_name(want));
	if (st.code != STATUS_OK)
		assert_null(svid);
	jwtsvid_unref(svid);
}

struct row {
	const char *name, *header, *payload;
	enum world_key key;
	enum mint_alg alg;
	enum status_code want;
};

static void all_are(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect(rows[i].name,
			mint_token(rows[i].header, rows[i].payload, world()->key[rows[i].key], rows[i].alg),
			rows[i].want);
}
#define ALL_ARE(rows) all_are(rows, sizeof(rows) / sizeof((rows)[0]))

static void JT_26_a_good_token_names_issuer_and_subject(void **state)
{
	struct jwtsvid *svid = NULL;

	(void)state;
	assert_ok(authenticate(mint_token(T_ES256, PAYLOAD, world()->key[K1], MINT_ES256), &svid));
	assert_bytes(svid->issuer, BYTES_LITERAL(IDP));
	assert_bytes(svid->subject, BYTES_LITERAL("user-4711"));
	assert_bytes(jwtsvid_domain(svid), BYTES_LITERAL(IDP));
	assert_int_equal(svid->id.len, 0); /* no SPIFFE ID, whatever the subject reads like */
	assert_string_equal(svid->kid, "k1");
	assert_ok(jwtsvid_judge(svid, &world()->daemon, NOW));
	assert_fails(jwtsvid_judge(svid, &world()->daemon, NOW + 400), JWT_EXPIRED);
	jwtsvid_unref(svid);

	svid = NULL;
	assert_ok(authenticate(mint_token(T_ES256, "{" ISS ",\"sub\":\"spiffe://example.org/w\"," REST "}",
				       world()->key[K1], MINT_ES256),
		&svid));
	assert_int_equal(svid->id.len, 0);
	assert_bytes(svid->subject, BYTES_LITERAL("spiffe://example.org/w"));
	jwtsvid_unref(svid);
}

static void JT_26_the_issuer_is_one_of_ours_byte_for_byte(void **state)
{
	static const struct row rows[] = {
		{ "good", T_ES256, PAYLOAD, K1, MINT_ES256, STATUS_OK },
		{ "absent", T_ES256, "{" WHO "," REST "}", K1, MINT_ES256, STATUS_JWT_ISSUER },
		{ "empty", T_ES256, "{\"iss\":\"\"," WHO "," REST "}", K1, MINT_ES256, STATUS_JWT_ISSUER },
		{ "number", T_ES256, "{\"iss\":1," WHO "," REST "}", K1, MINT_ES256, STATUS_JWT_ISSUER },
		{ "list", T_ES256, "{\"iss\":[\"" IDP "\"]," WHO "," REST "}", K1, MINT_ES256, STATUS_JWT_ISSUER },
		{ "slash", T_ES256, "{\"iss\":\"" IDP "/\"," WHO "," REST "}", K1, MINT_ES256, STATUS_JWT_ISSUER },
		{ "case", T_ES256, "{\"iss\":\"https://IDP.example\"," WHO "," REST "}", K1, MINT_ES256,
			STATUS_JWT_ISSUER },
		{ "prefix", T_ES256, "{\"iss\":\"https://idp.exampl\"," WHO "," REST "}", K1, MINT_ES256,
			STATUS_JWT_ISSUER },
		{ "NUL", T_ES256, "{\"iss\":\"" IDP "\\u0000\"," WHO "," REST "}", K1, MINT_ES256, STATUS_JWT_ISSUER },
		{ "unknown", T_ES256, "{\"iss\":\"https://evil.example\"," WHO "," REST "}", K1, MINT_ES256,
			STATUS_JWT_ISSUER },
		{ "twice", T_ES256, "{" ISS "," ISS "," WHO "," REST "}", K1, MINT_ES256, STATUS_JWT_PAYLOAD },
		{ "a JWT-SVID", T_ES256, T_PAYLOAD, K1, MINT_ES256, STATUS_JWT_ISSUER },
		{ "payload is a list", T_ES256, "[" ISS "]", K1, MINT_ES256, STATUS_JWT_PAYLOAD },
	};

	(void)state;
	ALL_ARE(rows);
}

static void JT_26_only_the_issuers_own_keys_count(void **state)
{
	static const struct row rows[] = {
		{ "the other's key, same kid", T_ES256, PAYLOAD, OTHER, MINT_ES256, STATUS_JWT_SIGNATURE },
		{ "ours for the other", "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
			"{\"iss\":\"" OTHER_IDP "\",\"email\":\"a@b\"," REST "}", K1, MINT_ES256,
			STATUS_JWT_SIGNATURE },
		{ "its own", "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
			"{\"iss\":\"" OTHER_IDP "\",\"email\":\"a@b\"," REST "}", OTHER, MINT_ES256, STATUS_OK },
		{ "without kid", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", PAYLOAD, K1, MINT_ES256, STATUS_OK },
		{ "without kid, the other's", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", PAYLOAD, OTHER, MINT_ES256,
			STATUS_JWT_SIGNATURE },
		{ "kid unknown", T_HEADER("ES256", "k2"), PAYLOAD, K1, MINT_ES256, STATUS_JWT_KEY_UNKNOWN },
		{ "RSA", T_HEADER("PS256", "r1"), PAYLOAD, R1, MINT_PS256, STATUS_OK },
		{ "RSA, wrong label", T_HEADER("RS256", "r1"), PAYLOAD, R1, MINT_PS256, STATUS_JWT_SIGNATURE },
	};

	(void)state;
	ALL_ARE(rows);
}

static void JT_26_typ_and_algorithm_are_those_of_the_issuer(void **state)
{
#define OTHERS "{\"iss\":\"" OTHER_IDP "\",\"email\":\"a@b\"," REST "}"
	static const struct row rows[] = {
		{ "JWT", T_ES256, PAYLOAD, K1, MINT_ES256, STATUS_OK },
		{ "at+jwt", AT_JWT, PAYLOAD, K1, MINT_ES256, STATUS_OK },
		{ "absent", "{\"alg\":\"ES256\",\"kid\":\"k1\"}", PAYLOAD, K1, MINT_ES256, STATUS_JWT_HEADER },
		{ "JOSE", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JOSE\"}", PAYLOAD, K1, MINT_ES256,
			STATUS_JWT_HEADER },
		{ "case", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"jwt\"}", PAYLOAD, K1, MINT_ES256,
			STATUS_JWT_HEADER },
		{ "long form", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"application/at+jwt\"}", PAYLOAD, K1,
			MINT_ES256, STATUS_JWT_HEADER },
		{ "number", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":1}", PAYLOAD, K1, MINT_ES256,
			STATUS_JWT_HEADER },
		{ "there where it must lack", T_ES256, OTHERS, OTHER, MINT_ES256, STATUS_JWT_HEADER },
		{ "none, as a word", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"none\"}", OTHERS, OTHER, MINT_ES256,
			STATUS_JWT_HEADER },
		{ "algorithm not listed", "{\"alg\":\"ES384\",\"kid\":\"k1\"}", OTHERS, OTHER, MINT_ES384,
			STATUS_JWT_ALG },
		{ "more members", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\",\"jku\":\"https://x\"}", PAYLOAD,
			K1, MINT_ES256, STATUS_JWT_HEADER },
		{ "none of nine", "{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"typ\":\"JWT\"}", PAYLOAD, K1, MINT_ES256,
			STATUS_JWT_ALG },
	};

	(void)state;
	ALL_ARE(rows);
}

static void JT_26_the_subject_is_opaque_and_bounded(void **state)
{
#define AS(text) "{" ISS ",\"sub\":" text "," REST "}"
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
	static const struct row rows[] = {
		{ "absent", T_ES256, "{" ISS "," REST "}", K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "empty", T_ES256, AS("\"\""), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "number", T_ES256, AS("4711"), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "null", T_ES256, AS("null"), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "list", T_ES256, AS("[\"a\"]"), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "NUL", T_ES256, AS("\"a\\u0000b\""), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "line feed", T_ES256, AS("\"a\\nb\""), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "escape", T_ES256, AS("\"a\\u001b[2J\""), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "DEL", T_ES256, AS("\"a\\u007f\""), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "C1", T_ES256, AS("\"a\\u0085\""), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "C1, last", T_ES256, AS("\"a\\u009f\""), K1, MINT_ES256, STATUS_JWT_SUBJECT },
		{ "after C1", T_ES256, AS("\"a\\u00a0\""), K1, MINT_ES256, STATUS_OK },
		{ "255 bytes", T_ES256, AS("\"" FIFTY FIFTY FIFTY FIFTY FIFTY "01234\""), K1, MINT_ES256, STATUS_OK },
		{ "256 bytes", T_ES256, AS("\"" FIFTY FIFTY FIFTY FIFTY FIFTY "012345\""), K1, MINT_ES256,
			STATUS_JWT_SUBJECT },
		{ "any text", T_ES256, AS("\"system:serviceaccount:a:b|\\\"x\\\" \\u00e9\""), K1, MINT_ES256,
			STATUS_OK },
		{ "another claim names", "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
			"{\"iss\":\"" OTHER_IDP "\",\"sub\":\"a\"," REST "}", OTHER, MINT_ES256, STATUS_JWT_SUBJECT },
	};

	(void)state;
	ALL_ARE(rows);
}

static void JT_26_claims_have_the_types_of_every_token(void **state)
{
	static const struct row rows[] = {
		{ "aud absent", T_ES256, "{" ISS "," WHO "," EXP "," IAT "}", K1, MINT_ES256, STATUS_JWT_CLAIM },
		{ "exp absent", T_ES256, "{" ISS "," WHO "," AUD "," IAT "}", K1, MINT_ES256, STATUS_JWT_CLAIM },
		{ "exp a text", T_ES256, "{" ISS "," WHO "," AUD ",\"exp\":\"1\"}", K1, MINT_ES256, STATUS_JWT_CLAIM },
		{ "iat a text", T_ES256, "{" ISS "," WHO "," AUD "," EXP ",\"iat\":\"x\"}", K1, MINT_ES256,
			STATUS_JWT_CLAIM },
	};

	(void)state;
	ALL_ARE(rows);
}

static void JT_26_kinds_of_tokens_do_not_meet(void **state)
{
	/* An issuer that is called as a trust domain is, with a token whose subject is one of its SPIFFE IDs. */
	const struct jwtsvid_issuer named = {
		.name = BYTES_LITERAL("example.org"), .types = types, .type_count = 2, .claim = BYTES_LITERAL("sub")
	};
	char *document = document_of(K1, "k1", NULL);
	struct keyset *keys = keyset_of((const char *[]){ "example.org", document, NULL });
	char *token = mint_token(T_ES256, "{\"iss\":\"example.org\"," SUB "," REST "}", world()->key[K1], MINT_ES256);
	struct jwtsvid *svid = NULL;

	(void)state;
	assert_ok(jwtsvid_authenticate_issued(bytes_from_text(token), keys, &named, 1, &svid));
	assert_int_equal(svid->id.len, 0);
	assert_bytes(svid->issuer, BYTES_LITERAL("example.org"));
	jwtsvid_unref(svid);
	free(document);
	free(token);
	keyset_unref(keys);

	/* An issued token is no JWT-SVID under the issuers' keys. */
	token = mint_token(T_ES256, PAYLOAD, world()->key[K1], MINT_ES256);
	svid = NULL;
	assert_fails(jwtsvid_authenticate(bytes_from_text(token), the_keys(), &svid), JWT_SUBJECT);
	free(token);
	token = mint_token(T_ES256, T_PAYLOAD, world()->key[K1], MINT_ES256);
	assert_fails(jwtsvid_authenticate(bytes_from_text(token), the_keys(), &svid), JWT_DOMAIN_UNKNOWN);
	free(token);
}

static void an_issuer_without_document_verifies_nothing(void **state)
{
	char *document = document_of(OTHER, "k1", NULL);
	struct keyset *keys = keyset_of((const char *[]){ OTHER_IDP, document, NULL });
	char *token = mint_token(T_ES256, PAYLOAD, world()->key[K1], MINT_ES256);
	struct jwtsvid *svid = NULL;

	(void)state;
	assert_fails(
		jwtsvid_authenticate_issued(bytes_from_text(token), keys, issuers, ISSUERS, &svid), JWT_DOMAIN_UNKNOWN);
	assert_fails(jwtsvid_authenticate_issued(bytes_from_text(token), the_keys(), issuers, 0, &svid), JWT_ISSUER);
	free(document);
	free(token);
	keyset_unref(keys);
}

/* RFC 7517, 4.2: a provider's signing keys say nothing of their use, or "sig". */
static void documents_of_issuers_use_sig(void **state)
{
	static const struct {
		const char *more;
		size_t keys;
	} rows[] = { { NULL, 1 }, { "\"use\":\"sig\"", 1 }, { "\"use\":\"jwt-svid\"", 0 }, { "\"use\":\"enc\"", 0 },
		{ "\"use\":\"SIG\"", 0 }, { "\"use\":5", 0 }, { "\"use\":\"sig\",\"key_ops\":[\"verify\"]", 1 },
		{ "\"use\":\"sig\",\"key_ops\":[\"encrypt\"]", 0 }, { "\"use\":\"sig\",\"d\":\"AAAA\"", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *document = document_of(K1, "k1", rows[i].more);
		struct keyset *keys = keyset_of((const char *[]){ IDP, document, NULL });

		if (keyset_key_count(keys) != rows[i].keys)
			fail_msg(
				"%s: %zu keys", rows[i].more != NULL ? rows[i].more : "absent", keyset_key_count(keys));
		keyset_unref(keys);
		free(document);
	}
}

/* Who keeps the document before a broken one has to be able to tell it from an empty one. */
static void a_broken_document_is_told_from_an_empty_one(void **state)
{
	static const struct {
		const char *document;
		bool is_malformed;
	} rows[] = { { "{\"keys\":[]}", false }, { "{\"keys\":[{\"kty\":\"FOO\"}]}", false }, { "{\"keys\":[", true },
		{ "{}", true }, { "[]", true }, { "{\"keys\":{}}", true }, { " ", true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bundle_set *set = documents_of((const char *[]){ IDP, rows[i].document, NULL });

		assert_int_equal(bundle_set_at(set, 0)->key_count, 0);
		if (bundle_set_at(set, 0)->is_malformed != rows[i].is_malformed)
			fail_msg("%s", rows[i].document);
		bundle_set_unref(set);
	}
}

static void every_cut_of_a_good_token_is_refused(void **state)
{
	char *token = mint_token(AT_JWT, PAYLOAD, world()->key[K1], MINT_ES256);

	(void)state;
	for (size_t len = 0; len < strlen(token); len++) {
		struct jwtsvid *svid = NULL;
		char *cut = mint_printf("%.*s", (int)len, token);

		if (authenticate(cut, &svid).code == STATUS_OK)
			fail_msg("cut at %zu", len);
		assert_null(svid);
	}
	free(token);
}

/* The cache ends entries of an issuer with that issuer's keys. */
static void a_cached_token_ends_with_its_issuers_key(void **state)
{
	char *token = mint_token(T_ES256, PAYLOAD, world()->key[K1], MINT_ES256);
	char *document = document_of(K1, "k1", NULL);
	struct keyset *moved = keyset_of((const char *[]){ OTHER_IDP, document, NULL });
	struct jwtsvid_cache *cache = NULL;
	struct jwtsvid_cache_key key;
	struct jwtsvid *svid = NULL;

	(void)state;
	assert_ok(jwtsvid_cache_new(4, &cache));
	jwtsvid_cache_keys(cache, the_keys());
	assert_ok(jwtsvid_cache_key(cache, bytes_from_text(token), &key));
	assert_ok(jwtsvid_authenticate_issued(bytes_from_text(token), the_keys(), issuers, ISSUERS, &svid));
	jwtsvid_cache_put(cache, &key, svid, NOW);
	assert_ptr_equal(jwtsvid_cache_find(cache, &key, NOW), svid);
	jwtsvid_cache_keys(cache, moved); /* the same key, now another's */
	assert_null(jwtsvid_cache_find(cache, &key, NOW));
	jwtsvid_unref(svid);
	jwtsvid_cache_free(cache);
	keyset_unref(moved);
	free(document);
	free(token);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(JT_26_a_good_token_names_issuer_and_subject),
		cmocka_unit_test(JT_26_the_issuer_is_one_of_ours_byte_for_byte),
		cmocka_unit_test(JT_26_only_the_issuers_own_keys_count),
		cmocka_unit_test(JT_26_typ_and_algorithm_are_those_of_the_issuer),
		cmocka_unit_test(JT_26_the_subject_is_opaque_and_bounded),
		cmocka_unit_test(JT_26_claims_have_the_types_of_every_token),
		cmocka_unit_test(JT_26_kinds_of_tokens_do_not_meet),
		cmocka_unit_test(an_issuer_without_document_verifies_nothing),
		cmocka_unit_test(documents_of_issuers_use_sig),
		cmocka_unit_test(a_broken_document_is_told_from_an_empty_one),
		cmocka_unit_test(every_cut_of_a_good_token_is_refused),
		cmocka_unit_test(a_cached_token_ends_with_its_issuers_key),
	};

	return unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
