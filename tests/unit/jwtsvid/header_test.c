/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers of JWT-SVIDs: every row of the vector catalogue, TV-JH. */
#include "tests/unit/jwtsvid/world.h"

#include <stdlib.h>

/* Sign T()'s payload under this header with k1 and ES256. */
static void header_is(const char *name, const char *header, enum status_code want)
{
	world_expect(name, mint_token(header, T_PAYLOAD, world()->key[K1], MINT_ES256), world()->keys, want);
}

struct row {
	const char *name, *header;
};

static void all_are(const struct row *rows, size_t count, enum status_code want)
{
	for (size_t i = 0; i < count; i++)
		header_is(rows[i].name, rows[i].header, want);
}
#define ALL_ARE(rows, want) all_are(rows, sizeof(rows) / sizeof((rows)[0]), STATUS_##want)

static void TV_JH_01_typ_absent_JWT_or_JOSE(void **state)
{
	static const struct row rows[] = {
		{ "TV-JH-01 absent", "{\"alg\":\"ES256\",\"kid\":\"k1\"}" },
		{ "TV-JH-01 JWT", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\"}" },
		{ "TV-JH-01 JOSE", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JOSE\"}" },
	};

	(void)state;
	ALL_ARE(rows, OK);
}

static void TV_JH_02_any_other_typ(void **state)
{
	static const char *const types[] = { "\"jwt\"", "\"wit+jwt\"", "\"at+jwt\"", "\"\"", "1", "null", "[\"JWT\"]",
		"\"JWT \"", "\"Jwt\"", "\"jose\"", "\"application/jwt\"", "true", "{}", "\"JWT\\u0000\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		char *header = mint_printf("{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":%s}", types[i]);

		header_is("TV-JH-02", header, STATUS_JWT_HEADER);
		free(header);
	}
}

static void TV_JH_03_04_05_without_kid_every_key_is_tried(void **state)
{
	struct world *w = world();
	const char *header = "{\"alg\":\"ES256\"}";
	char *jwks[] = { mint_jwk(w->key[OTHER], "x1", NULL), mint_jwk(w->key[OTHER_RSA], "x2", NULL), NULL };
	struct keyset *keys = world_keyset_of(world_document(jwks));

	(void)state;
	header_is("TV-JH-03 one fitting key", header, STATUS_OK);
	world_expect(
		"TV-JH-04 third of several", mint_token(header, T_PAYLOAD, w->key[K1], MINT_ES256), keys, STATUS_OK);
	world_expect("TV-JH-04 other types", mint_token("{\"alg\":\"ES512\"}", T_PAYLOAD, w->key[E5], MINT_ES512), keys,
		STATUS_OK);
	world_expect("TV-JH-04 second RSA", mint_token("{\"alg\":\"PS256\"}", T_PAYLOAD, w->key[R1], MINT_PS256), keys,
		STATUS_OK);
	world_expect("TV-JH-05 no key verifies", mint_token(header, T_PAYLOAD, w->key[OTHER], MINT_ES256), w->keys,
		STATUS_JWT_SIGNATURE);
	keyset_unref(keys);
}

static void TV_JH_05_no_key_of_the_type_without_kid(void **state)
{
	struct world *w = world();
	char *jwk = mint_jwk(w->key[K1], "k1", NULL);
	struct keyset *keys = world_keyset_of(mint_jwks(&jwk, 1));

	(void)state;
	world_expect("TV-JH-05", mint_token("{\"alg\":\"ES384\"}", T_PAYLOAD, w->key[E3], MINT_ES384), keys,
		STATUS_JWT_KEY_UNKNOWN);
	keyset_unref(keys);
	free(jwk);
}

static void TV_JH_06_07_unknown_kid(void **state)
{
	static const struct row rows[] = {
		{ "TV-JH-06", T_HEADER("ES256", "k2") },
		{ "TV-JH-07", T_HEADER("ES256", "K1") },
		{ "TV-JH-07", T_HEADER("ES256", "k1 ") },
		{ "TV-JH-07", T_HEADER("ES256", "k") },
		{ "TV-JH-07", T_HEADER("ES256", "k1\\u0000") },
	};

	(void)state;
	ALL_ARE(rows, JWT_KEY_UNKNOWN);
}

static void TV_JH_08_kid_of_another_type(void **state)
{
	static const char *const kids[] = { "1", "null", "\"\"", "[\"k1\"]", "{}", "true" };

	(void)state;
	for (size_t i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
		char *header = mint_printf("{\"alg\":\"ES256\",\"kid\":%s}", kids[i]);

		header_is("TV-JH-08", header, STATUS_JWT_HEADER);
		free(header);
	}
}

/* A kid as JSON text, with escapes, in the bundle and in the token. */
static void kid_is_good(const char *kid_json)
{
	struct world *w = world();
	char *more = mint_printf("\"kid\":%s", kid_json), *jwks[] = { mint_jwk(w->key[OTHER], NULL, more), NULL };
	struct keyset *keys = world_keyset_of(world_document(jwks));
	char *header = mint_printf("{\"alg\":\"ES256\",%s}", more);

	world_expect("TV-JH-09", mint_token(header, T_PAYLOAD, w->key[OTHER], MINT_ES256), keys, STATUS_OK);
	free(header);
	free(more);
	keyset_unref(keys);
}

static void TV_JH_09_kid_is_opaque(void **state)
{
	char *longest = malloc(4096 + 3);

	(void)state;
	assert_non_null(longest);
	memset(longest, 'k', 4096 + 2);
	longest[0] = longest[4097] = '"';
	longest[4098] = '\0';
	kid_is_good("\"../../etc/passwd\"");
	kid_is_good("\"a\\\"b'c\\\\\"");
	kid_is_good("\"a\\u0000b\"");
	kid_is_good("\"https://attacker.example/jwks?x#y\"");
	kid_is_good("\"\xc3\xa4\"");
	kid_is_good(longest);
	free(longest);
}

static void a_kid_of_any_bytes_is_shown_escaped_and_cut(void **state)
{
	struct world *w = world();
	char *more = mint_printf("\"kid\":\"a\\n\\u0000%0*d\"", 200, 7),
	     *jwks[] = { mint_jwk(w->key[OTHER], NULL, more), NULL };
	struct keyset *keys = world_keyset_of(world_document(jwks));
	char *token = mint_token("{\"alg\":\"ES256\"}", T_PAYLOAD, w->key[OTHER], MINT_ES256);
	struct jwtsvid *svid = NULL;

	(void)state;
	assert_ok(jwtsvid_verify(bytes_from_text(token), keys, &w->rules, NOW, &svid));
	assert_memory_equal(svid->kid, "a\\x0a\\x000", 10);
	assert_int_equal(strlen(svid->kid), JWTSVID_KID_TEXT_BYTES - 1);
	assert_string_equal(svid->kid + strlen(svid->kid) - 4, "0...");
	jwtsvid_unref(svid);
	free(token);
	free(more);
	keyset_unref(keys);
}

static void TV_JH_10_alg_none(void **state)
{
	static const char *const names[] = { "none", "None", "nOnE", "NONE" };
	struct world *w = world();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *header = mint_printf("{\"alg\":\"%s\",\"kid\":\"k1\"}", names[i]);

		world_expect("TV-JH-10", mint_token(header, T_PAYLOAD, NULL, MINT_NONE), w->keys, STATUS_JWT_MALFORMED);
		header_is("TV-JH-10 with a good signature", header, STATUS_JWT_ALG);
		free(header);
	}
}

static void hmac_is_refused(const char *name, const char *kid, struct bytes secret)
{
	for (int bits = 256; bits <= 512; bits += 128) {
		char *header = mint_printf("{\"alg\":\"HS%d\",\"kid\":\"%s\"}", bits, kid);

		world_expect(name, mint_token_hmac(header, T_PAYLOAD, secret, bits), world()->keys, STATUS_JWT_ALG);
		free(header);
	}
}

static void TV_JH_11_12_hmac_with_any_secret(void **state)
{
	struct world *w = world();

	(void)state;
	hmac_is_refused("TV-JH-11", "k1", BYTES_LITERAL("a random secret, as far as anyone knows"));
	for (enum world_key k = K1; k <= R1; k++) {
		const char *kid = k == K1 ? "k1" : "r1";
		char *pem = mint_pem(w->key[k]), *jwk = mint_jwk(w->key[k], kid, NULL);
		size_t len;
		uint8_t *der = mint_der(w->key[k], &len);

		hmac_is_refused("TV-JH-12 PEM", kid, bytes_from_text(pem));
		hmac_is_refused("TV-JH-12 DER", kid, bytes_of(der, len));
		hmac_is_refused("TV-JH-12 JWK", kid, bytes_from_text(jwk));
		free(pem);
		free(jwk);
		free(der);
	}
}

static void TV_JH_12_hmac_under_an_allowed_label(void **state)
{
	struct world *w = world();
	char *pem = mint_pem(w->key[R1]);

	(void)state;
	world_expect("TV-JH-12", mint_token_hmac(T_HEADER("RS256", "r1"), T_PAYLOAD, bytes_from_text(pem), 256),
		w->keys, STATUS_JWT_SIGNATURE);
	free(pem);
}

static void TV_JH_13_EdDSA_key_in_the_bundle(void **state)
{
	struct world *w = world();
	char *jwks[] = { mint_jwk(w->key[ED], "ed", NULL), NULL };
	struct keyset *keys = world_keyset_of(world_document(jwks));

	(void)state;
	world_expect("TV-JH-13", mint_token(T_HEADER("EdDSA", "ed"), T_PAYLOAD, w->key[ED], MINT_EDDSA), keys,
		STATUS_JWT_ALG);
	world_expect("TV-JH-13 ES256 stays", mint_token(T_ES256, T_PAYLOAD, w->key[K1], MINT_ES256), keys, STATUS_OK);
	keyset_unref(keys);
}

static void TV_JH_14_15_alg_is_one_of_nine_names(void **state)
{
	static const struct row rows[] = {
		{ "TV-JH-14 ES256K", T_HEADER("ES256K", "k1") },
		{ "TV-JH-14 RS1", T_HEADER("RS1", "r1") },
		{ "TV-JH-14 case", T_HEADER("es256", "k1") },
		{ "TV-JH-14 space", T_HEADER("ES256 ", "k1") },
		{ "TV-JH-14 NUL", T_HEADER("ES256\\u0000", "k1") },
		{ "TV-JH-14 prefix", T_HEADER("ES25", "k1") },
		{ "TV-JH-14 empty", T_HEADER("", "k1") },
		{ "TV-JH-14 ?", T_HEADER("?", "k1") },
		{ "TV-JH-15 absent", "{\"kid\":\"k1\"}" },
		{ "TV-JH-15 number", "{\"alg\":256,\"kid\":\"k1\"}" },
		{ "TV-JH-15 null", "{\"alg\":null,\"kid\":\"k1\"}" },
		{ "TV-JH-15 array", "{\"alg\":[\"ES256\"],\"kid\":\"k1\"}" },
		{ "TV-JH-15 empty object", "{}" },
		{ "JT-02 before all else", "{\"alg\":\"none\",\"kid\":7,\"typ\":1,\"crit\":[]}" },
	};

	(void)state;
	ALL_ARE(rows, JWT_ALG);
}

static void TV_JH_16_to_20_no_other_member(void **state)
{
	static const struct row rows[] = {
		{ "TV-JH-16", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"x\"],\"x\":1}" },
		{ "TV-JH-16", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[]}" },
		{ "TV-JH-16", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"alg\"]}" },
		{ "TV-JH-16", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":\"x\"}" },
		{ "TV-JH-17", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"b64\":false,\"crit\":[\"b64\"]}" },
		{ "TV-JH-18", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"b64\":true}" },
		{ "TV-JH-20 jku", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"jku\":\"https://attacker.example/\"}" },
		{ "TV-JH-20 x5u", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"x5u\":\"https://attacker.example/\"}" },
		{ "TV-JH-20 x5c", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"x5c\":[\"MIIB\"]}" },
		{ "TV-JH-20 x5t", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"x5t\":\"AAAA\"}" },
		{ "TV-JH-20 cty", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"cty\":\"JWT\"}" },
		{ "TV-JH-20 nonce", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"nonce\":\"1\"}" },
		{ "TV-JH-20 foo", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"foo\":null}" },
		{ "TV-JH-20 empty name", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"\":1}" },
		{ "TV-JH-20 case", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"Kid\":\"k1\"}" },
	};

	(void)state;
	ALL_ARE(rows, JWT_HEADER);
}

/* The signature of an unencoded payload: over BASE64URL(header) "." payload, as RFC 7797 has it. */
static void TV_JH_17_unencoded_payload(void **state)
{
	const char *header = "{\"alg\":\"ES256\",\"kid\":\"k1\",\"b64\":false,\"crit\":[\"b64\"]}";
	char *encoded = mint_base64url(bytes_from_text(header)), *token = mint_printf("%s.%s.AAAA", encoded, T_PAYLOAD);

	(void)state;
	world_expect("TV-JH-17 raw", token, world()->keys, STATUS_JWT_MALFORMED);
	free(encoded);
}

static void TV_JH_19_key_in_the_header(void **state)
{
	struct world *w = world();
	char *jwk = mint_jwk(w->key[OTHER], "k1", NULL);
	char *header = mint_printf("{\"alg\":\"ES256\",\"kid\":\"k1\",\"jwk\":%s}", jwk);

	(void)state;
	world_expect("TV-JH-19", mint_token(header, T_PAYLOAD, w->key[OTHER], MINT_ES256), w->keys, STATUS_JWT_HEADER);
	free(header);
	free(jwk);
}

static void TV_JH_21_22_header_is_one_strict_object(void **state)
{
	static const struct row rows[] = {
		{ "TV-JH-21", "{\"alg\":\"ES256\",\"alg\":\"none\",\"kid\":\"k1\"}" },
		{ "TV-JH-21", "{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"k1\"}" },
		{ "TV-JH-21", "{\"alg\":\"ES256\",\"\\u0061lg\":\"ES256\",\"kid\":\"k1\"}" },
		{ "TV-JH-21", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"kid\":\"k1\"}" },
		{ "TV-JH-22 array", "[]" },
		{ "TV-JH-22 array", "[{\"alg\":\"ES256\"}]" },
		{ "TV-JH-22 string", "\"x\"" },
		{ "TV-JH-22 null", "null" },
		{ "TV-JH-22 junk", "{\"alg\":\"ES256\",\"kid\":\"k1\"}x" },
		{ "TV-JH-22 junk", "{\"alg\":\"ES256\",\"kid\":\"k1\"}{}" },
		{ "TV-JH-22 UTF-8", "{\"alg\":\"ES256\",\"kid\":\"\xff\"}" },
		{ "TV-JH-22 surrogate", "{\"alg\":\"ES256\",\"kid\":\"\\ud800\"}" },
		{ "TV-JH-22 BOM", "\xef\xbb\xbf{\"alg\":\"ES256\",\"kid\":\"k1\"}" },
		{ "TV-JH-22 cut", "{\"alg\":\"ES256\",\"kid\":\"k1\"" },
		{ "TV-JH-22 depth 9", "{\"alg\":\"ES256\",\"kid\":[[[[[[[[1]]]]]]]]}" },
	};
	char deep[10001] = "";

	(void)state;
	ALL_ARE(rows, JWT_HEADER);
	memset(deep, '[', sizeof(deep) - 1);
	header_is("TV-JH-22 depth 10000", deep, STATUS_JWT_HEADER);
}

static void TV_JH_23_order_and_whitespace_do_not_matter(void **state)
{
	static const struct row rows[] = {
		{ "TV-JH-23", "{\"typ\":\"JWT\",\"kid\":\"k1\",\"alg\":\"ES256\"}" },
		{ "TV-JH-23", " {\r\n\t\"kid\" : \"k1\" ,\n \"alg\" : \"ES256\" } \n" },
		{ "TV-JH-23 escapes", "{\"\\u0061lg\":\"\\u0045S256\",\"kid\":\"k\\u0031\"}" },
	};

	(void)state;
	ALL_ARE(rows, OK);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(TV_JH_01_typ_absent_JWT_or_JOSE),
	cmocka_unit_test(TV_JH_02_any_other_typ),
	cmocka_unit_test(TV_JH_03_04_05_without_kid_every_key_is_tried),
	cmocka_unit_test(TV_JH_05_no_key_of_the_type_without_kid),
	cmocka_unit_test(TV_JH_06_07_unknown_kid),
	cmocka_unit_test(TV_JH_08_kid_of_another_type),
	cmocka_unit_test(TV_JH_09_kid_is_opaque),
	cmocka_unit_test(a_kid_of_any_bytes_is_shown_escaped_and_cut),
	cmocka_unit_test(TV_JH_10_alg_none),
	cmocka_unit_test(TV_JH_11_12_hmac_with_any_secret),
	cmocka_unit_test(TV_JH_12_hmac_under_an_allowed_label),
	cmocka_unit_test(TV_JH_13_EdDSA_key_in_the_bundle),
	cmocka_unit_test(TV_JH_14_15_alg_is_one_of_nine_names),
	cmocka_unit_test(TV_JH_16_to_20_no_other_member),
	cmocka_unit_test(TV_JH_17_unencoded_payload),
	cmocka_unit_test(TV_JH_19_key_in_the_header),
	cmocka_unit_test(TV_JH_21_22_header_is_one_strict_object),
	cmocka_unit_test(TV_JH_23_order_and_whitespace_do_not_matter),
};
UNIT_MAIN(tests)
