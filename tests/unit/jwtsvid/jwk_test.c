/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers to public keys (JB-04), and the signatures of RFC 7515's examples, which nobody here made. */
#include "tests/support/unit.h"

#include "jwtsvid/jwk.h"
#include "spiffe/strict.h"
#include "tests/support/mint.h"

#include <stdlib.h>

/* RFC 7515, A.3: ES256. */
#define A3_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define A3_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define A3_INPUT                                                                                                       \
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp" \
	"0cnVlfQ"
#define A3_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

#define A3_PRINT "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"

/* RFC 7515, A.2: RS256. */
#define A2_N                                                                                                           \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ" \
	"S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2" \
	"R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD" \
	"TW9gb54h4FRWyuXpoQ"
#define A2_INPUT                                                                                                       \
	"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp" \
	"0cnVlfQ"
#define A2_SIGNATURE                                                                                                   \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9C"  \
	"UAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_" \
	"dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0i" \
	"gcN_IoypGlUPQGe77Rw"

enum { NUMBER_MAX = 1100 };

struct numbers {
	uint8_t a[NUMBER_MAX], b[NUMBER_MAX];
	struct bundle_key key;
};

static struct bytes number(const char *text, uint8_t *room)
{
	size_t len = 0;

	assert_true(strlen(text) / 4 * 3 + 3 <= NUMBER_MAX);
	assert_true(strict_base64url(bytes_from_text(text), room, &len));
	return bytes_of(room, len);
}

static const struct bundle_key *rsa(struct numbers *in, const char *n, const char *e)
{
	in->key = (struct bundle_key){ .kid = BYTES_LITERAL("k"), .kty = BUNDLE_KTY_RSA };
	in->key.n = number(n, in->a);
	in->key.e = number(e, in->b);
	return &in->key;
}

static const struct bundle_key *ec(struct numbers *in, enum bundle_curve curve, const char *x, const char *y)
{
	in->key = (struct bundle_key){ .kid = BYTES_LITERAL("k"), .kty = BUNDLE_KTY_EC, .curve = curve };
	in->key.x = number(x, in->a);
	in->key.y = number(y, in->b);
	return &in->key;
}

static void is_refused(const struct bundle_key *key)
{
	struct jwk *jwk = NULL;

	assert_fails(jwk_new(key, &jwk), BUNDLE_MALFORMED);
	assert_null(jwk);
}

static void algorithms_have_nine_names(void **state)
{
	static const char *const names[] = { "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384",
		"PS512" };
	static const char *const others[] = { "", "?", "none", "HS256", "es256", "ES256K", "EdDSA", "RS1", "ES2566",
		"ES25" };

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		assert_int_equal(jwk_alg_from(bytes_from_text(names[i])), JWK_RS256 + i);
		assert_string_equal(jwk_alg_name((enum jwk_alg)(JWK_RS256 + i)), names[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(jwk_alg_from(bytes_from_text(others[i])), JWK_ALG_NONE);
	assert_int_equal(jwk_alg_from(bytes_of("ES256\0", 6)), JWK_ALG_NONE);
	assert_string_equal(jwk_alg_name(JWK_ALG_NONE), "?");
	assert_string_equal(jwk_alg_name(JWK_ALG_COUNT), "?");
}

static void the_standards_es256_example_verifies(void **state)
{
	struct numbers in;
	struct jwk *jwk = NULL;
	uint8_t room[NUMBER_MAX];
	struct bytes signature = number(A3_SIGNATURE, room);

	(void)state;
	assert_ok(jwk_new(ec(&in, BUNDLE_P256, A3_X, A3_Y), &jwk));
	assert_ok(jwk_verify(jwk, JWK_ES256, BYTES_LITERAL(A3_INPUT), signature));
	assert_fails(jwk_verify(jwk, JWK_ES256, BYTES_LITERAL(A3_INPUT "A"), signature), JWT_SIGNATURE);
	assert_fails(jwk_verify(jwk, JWK_ES384, BYTES_LITERAL(A3_INPUT), signature), JWT_KEY_UNKNOWN);
	assert_fails(jwk_verify(jwk, JWK_RS256, BYTES_LITERAL(A3_INPUT), signature), JWT_KEY_UNKNOWN);
	assert_fails(jwk_verify(jwk, JWK_ALG_NONE, BYTES_LITERAL(A3_INPUT), signature), JWT_KEY_UNKNOWN);
	assert_fails(jwk_verify(jwk, JWK_ES256, BYTES_LITERAL(A3_INPUT), (struct bytes){ 0 }), JWT_SIGNATURE);
	jwk_unref(jwk);
	jwk_unref(NULL);
}

static void the_standards_rs256_example_verifies(void **state)
{
	struct numbers in;
	struct jwk *jwk = NULL;
	uint8_t room[NUMBER_MAX];
	struct bytes signature = number(A2_SIGNATURE, room);

	(void)state;
	assert_ok(jwk_new(rsa(&in, A2_N, "AQAB"), &jwk));
	assert_ok(jwk_verify(jwk, JWK_RS256, BYTES_LITERAL(A2_INPUT), signature));
	assert_fails(jwk_verify(jwk, JWK_RS384, BYTES_LITERAL(A2_INPUT), signature), JWT_SIGNATURE);
	assert_fails(jwk_verify(jwk, JWK_PS256, BYTES_LITERAL(A2_INPUT), signature), JWT_SIGNATURE);
	assert_fails(jwk_verify(jwk, JWK_ES256, BYTES_LITERAL(A2_INPUT), signature), JWT_KEY_UNKNOWN);
	jwk_unref(jwk);
}

static void keys_fit_their_own_algorithms_only(void **state)
{
	struct numbers in;
	struct jwk *curve = NULL, *modulus = NULL;

	(void)state;
	assert_ok(jwk_new(ec(&in, BUNDLE_P256, A3_X, A3_Y), &curve));
	assert_ok(jwk_new(rsa(&in, A2_N, "AQAB"), &modulus));
	for (enum jwk_alg alg = JWK_ALG_NONE; alg <= JWK_ALG_COUNT; alg++) {
		bool is_rsa = (alg >= JWK_RS256 && alg <= JWK_RS512) || (alg >= JWK_PS256 && alg <= JWK_PS512);

		assert_int_equal(jwk_fits(curve, alg), alg == JWK_ES256);
		assert_int_equal(jwk_fits(modulus, alg), is_rsa);
	}
	jwk_unref(curve);
	jwk_unref(modulus);
}

static void ec_points_are_whole_and_on_their_curve(void **state)
{
	struct numbers in;
	const char zero[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	const char huge[] = "__________________________________________8";

	(void)state;
	is_refused(ec(&in, BUNDLE_P256, A3_Y, A3_X));
	is_refused(ec(&in, BUNDLE_P256, zero, zero)); /* infinity has no other spelling */
	is_refused(ec(&in, BUNDLE_P256, huge, A3_Y));
	is_refused(ec(&in, BUNDLE_P384, A3_X, A3_Y));
	is_refused(ec(&in, BUNDLE_P521, A3_X, A3_Y));
	is_refused(ec(&in, BUNDLE_CURVE_NONE, A3_X, A3_Y));
	/* Full size of a coordinate: neither a byte less nor a zero more. */
	(void)ec(&in, BUNDLE_P256, A3_X, A3_Y);
	in.key.y.len--;
	is_refused(&in.key);
	(void)ec(&in, BUNDLE_P256, A3_X, A3_Y);
	memmove(in.a + 1, in.a, 32);
	in.a[0] = 0;
	in.key.x.len++;
	is_refused(&in.key);
	(void)ec(&in, BUNDLE_P256, A3_X, A3_Y);
	in.key.kty = BUNDLE_KTY_NONE;
	is_refused(&in.key);
}

static void rsa_exponents_are_odd_and_large_enough(void **state)
{
	static const char *const refused[] = { "AQ", "Aw", "EQ", "__8", "AQAA", "AQAC", "AQAAAAAAAAAB" };
	static const char *const accepted[] = { "AQAB", "AQAD", "AQAAAAE", "AQAAAAAAAAE" };
	struct numbers in;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		is_refused(rsa(&in, A2_N, refused[i]));
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct jwk *jwk = NULL;

		assert_ok(jwk_new(rsa(&in, A2_N, accepted[i]), &jwk));
		jwk_unref(jwk);
	}
	(void)rsa(&in, A2_N, "AQAB");
	in.key.e.len = 0;
	is_refused(&in.key);
}

static void modulus_is_refused(uint8_t top, size_t len)
{
	struct bundle_key key = {
		.kid = BYTES_LITERAL("k"), .kty = BUNDLE_KTY_RSA, .e = BYTES_LITERAL("\x01\x00\x01")
	};
	uint8_t n[NUMBER_MAX];

	memset(n, 0xa7, sizeof(n));
	n[0] = top;
	key.n = bytes_of(n, len);
	is_refused(&key);
}

static void rsa_moduli_have_2048_to_4096_bits(void **state)
{
	(void)state;
	modulus_is_refused(0x7f, 256); /* 2047 bits */
	modulus_is_refused(0xff, 128);
	modulus_is_refused(0xff, 1);
	modulus_is_refused(0, 0);
	modulus_is_refused(0, 257);    /* a leading zero */
	modulus_is_refused(0x01, 513); /* 4097 bits */
	modulus_is_refused(0xff, 1024);
}

static void rsa_moduli_of_every_legal_size_work(void **state)
{
	static const enum mint_type types[] = { MINT_RSA2048, MINT_RSA4096 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct mint_key *key = mint_key_new(types[i]);
		char *text = mint_jwk(key, "r", NULL), *n = strstr(text, "\"n\":\"") + 5;
		struct numbers in;
		struct jwk *jwk = NULL;

		*strchr(n, '"') = '\0';
		assert_ok(jwk_new(rsa(&in, n, "AQAB"), &jwk));
		/* An even modulus is no key. */
		in.a[in.key.n.len - 1] &= 0xfe;
		is_refused(&in.key);
		jwk_unref(jwk);
		free(text);
		mint_key_free(key);
	}
}

/* Good keys in all but their size, so that nothing else can refuse them. */
static void rsa_keys_one_step_out_of_range_are_refused(void **state)
{
	static const enum mint_type types[] = { MINT_RSA2040, MINT_RSA4104 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct mint_key *key = mint_key_new(types[i]);
		char *text = mint_jwk(key, "r", NULL), *n = strstr(text, "\"n\":\"") + 5;
		struct numbers in;

		*strchr(n, '"') = '\0';
		is_refused(rsa(&in, n, "AQAB"));
		free(text);
		mint_key_free(key);
	}
}

static void identities_differ_in_every_member(void **state)
{
	struct numbers in;
	uint8_t first[JWK_ID_BYTES], again[JWK_ID_BYTES], other[JWK_ID_BYTES];

	(void)state;
	assert_ok(jwk_id(ec(&in, BUNDLE_P256, A3_X, A3_Y), first));
	assert_ok(jwk_id(&in.key, again));
	assert_memory_equal(first, again, sizeof(first));
	in.key.kid = BYTES_LITERAL("K");
	assert_ok(jwk_id(&in.key, other));
	assert_memory_not_equal(first, other, sizeof(first));
	in.key.kid = BYTES_LITERAL("k");
	in.key.alg = BYTES_LITERAL("ES256");
	assert_ok(jwk_id(&in.key, other));
	assert_memory_not_equal(first, other, sizeof(first));
	in.key.alg = (struct bytes){ 0 };
	in.a[0] ^= 1;
	assert_ok(jwk_id(&in.key, other));
	assert_memory_not_equal(first, other, sizeof(first));
	/* The border between two members counts: kid "k" alg "E" is not kid "kE". */
	in.key.kid = BYTES_LITERAL("kE");
	assert_ok(jwk_id(&in.key, first));
	in.key.kid = BYTES_LITERAL("k");
	in.key.alg = BYTES_LITERAL("E");
	assert_ok(jwk_id(&in.key, other));
	assert_memory_not_equal(first, other, sizeof(first));
}

/* RFC 7638, 3.1; and RFC 7515's elliptic key, by another program: openssl and basenc over the members written out. */
static void thumbprints_are_those_of_the_standard(void **state)
{
	static const char rsa_n[] = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6"
				    "tSoc_BJECPebWKRXjBZCiFV4n3"
				    "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
				    "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
				    "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-"
				    "G_xBniIqbw0Ls1jF44-csFCur-"
				    "kEgU8awapJzKnqDKgw";
	static const struct {
		enum bundle_kty kty;
		enum bundle_curve curve;
		const char *a, *b, *print;
	} rows[] = {
		{ BUNDLE_KTY_RSA, BUNDLE_CURVE_NONE, rsa_n, "AQAB", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
		{ BUNDLE_KTY_EC, BUNDLE_P256, A3_X, A3_Y, A3_PRINT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t a[NUMBER_MAX], b[NUMBER_MAX], want[NUMBER_MAX], print[JWK_ID_BYTES];
		struct bundle_key key = { .kty = rows[i].kty, .curve = rows[i].curve, .kid = BYTES_LITERAL("any") };
		size_t a_len, b_len, len;

		assert_true(strict_base64url(bytes_from_text(rows[i].a), a, &a_len));
		assert_true(strict_base64url(bytes_from_text(rows[i].b), b, &b_len));
		assert_true(strict_base64url(bytes_from_text(rows[i].print), want, &len) && len == JWK_ID_BYTES);
		*(key.kty == BUNDLE_KTY_RSA ? &key.n : &key.x) = bytes_of(a, a_len);
		*(key.kty == BUNDLE_KTY_RSA ? &key.e : &key.y) = bytes_of(b, b_len);
		assert_ok(jwk_thumbprint(&key, print));
		assert_memory_equal(print, want, JWK_ID_BYTES);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(thumbprints_are_those_of_the_standard),
	cmocka_unit_test(algorithms_have_nine_names),
	cmocka_unit_test(the_standards_es256_example_verifies),
	cmocka_unit_test(the_standards_rs256_example_verifies),
	cmocka_unit_test(keys_fit_their_own_algorithms_only),
	cmocka_unit_test(ec_points_are_whole_and_on_their_curve),
	cmocka_unit_test(rsa_exponents_are_odd_and_large_enough),
	cmocka_unit_test(rsa_moduli_have_2048_to_4096_bits),
	cmocka_unit_test(rsa_moduli_of_every_legal_size_work),
	cmocka_unit_test(rsa_keys_one_step_out_of_range_are_refused),
	cmocka_unit_test(identities_differ_in_every_member),
};
UNIT_MAIN(tests)
