/* SPDX-License-Identifier: Apache-2.0
 *
 * Serialization and signature of JWT-SVIDs: every row of the vector catalogue, TV-JS. */
#include "tests/unit/jwtsvid/world.h"

#include <stdlib.h>

static char *good(void)
{
	return mint_token(T_ES256, T_PAYLOAD, world()->key[K1], MINT_ES256);
}

/* ---- what is accepted --------------------------------------------------------------------------------- */

static void TV_JS_01_good(void **state)
{
	struct world *w = world();
	struct jwtsvid *svid = NULL;
	char *token = good();

	(void)state;
	assert_ok(jwtsvid_verify(bytes_from_text(token), w->keys, &w->rules, NOW, &svid));
	assert_bytes(spiffe_id_text(&svid->id), BYTES_LITERAL("spiffe://example.org/w"));
	assert_bytes(spiffe_id_domain(&svid->id), BYTES_LITERAL("example.org"));
	assert_int_equal(svid->audience_count, 1);
	assert_bytes(svid->audiences[0], BYTES_LITERAL("A"));
	assert_true(svid->exp_s == 1900000000);
	assert_true(svid->has_start && svid->start_s == NOW && svid->start_up_s == NOW);
	assert_false(svid->has_nbf);
	assert_int_equal(svid->alg, JWK_ES256);
	assert_string_equal(svid->kid, "k1");
	assert_true(svid->generation == keyset_generation(w->keys));
	assert_true(keyset_has_key(w->keys, spiffe_id_domain(&svid->id), svid->key_id));
	jwtsvid_unref(svid);
	world_expect("TV-JS-01", token, w->keys, STATUS_OK);
}

static void TV_JS_02_to_10_algs(void **state)
{
	struct world *w = world();
	static const struct {
		const char *name, *kid;
		enum world_key key;
		enum mint_alg alg;
	} rows[] = {
		{ "TV-JS-02 RS256", "r1", R1, MINT_RS256 },
		{ "TV-JS-03 RS384", "r1", R1, MINT_RS384 },
		{ "TV-JS-04 RS512", "r1", R1, MINT_RS512 },
		{ "TV-JS-05 ES256", "k1", K1, MINT_ES256 },
		{ "TV-JS-06 ES384", "e3", E3, MINT_ES384 },
		{ "TV-JS-07 ES512", "e5", E5, MINT_ES512 },
		{ "TV-JS-08 PS256", "r1", R1, MINT_PS256 },
		{ "TV-JS-09 PS384", "r1", R1, MINT_PS384 },
		{ "TV-JS-10 PS512", "r1", R1, MINT_PS512 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
			/* Signed as row i, labelled as row j: good only where both agree. */
			char *header =
				mint_printf("{\"alg\":\"%s\",\"kid\":\"%s\"}", mint_alg_name(rows[j].alg), rows[i].kid);
			bool fits = (rows[i].key == R1) == (rows[j].key == R1) &&
				    (rows[i].key == R1 || rows[i].key == rows[j].key);

			world_expect(rows[i].name, mint_token(header, T_PAYLOAD, w->key[rows[i].key], rows[i].alg),
				w->keys,
				i == j ? STATUS_OK
				: fits ? STATUS_JWT_SIGNATURE
				       : STATUS_JWT_KEY_UNKNOWN);
			free(header);
		}
}

static void TV_JS_30_high_S(void **state)
{
	struct world *w = world();

	(void)state;
	world_expect("TV-JS-30", mint_token(T_ES256, T_PAYLOAD, w->key[K1], MINT_ES256_HIGH_S), w->keys, STATUS_OK);
	world_expect("TV-JS-30", mint_token(T_ES256, T_PAYLOAD, w->key[K1], MINT_ES256_LOW_S), w->keys, STATUS_OK);
}

/* ---- the three parts ---------------------------------------------------------------------------------- */

static void is_malformed(const char *name, char *token)
{
	world_expect(name, token, world()->keys, STATUS_JWT_MALFORMED);
}

/* T() with one part's text changed: before and after are put around part number `part`, or it is replaced. */
static char *with_part(unsigned part, const char *before, const char *after)
{
	char *token = good(), *dot[2], *parts[3], *made;

	dot[0] = strchr(token, '.');
	dot[1] = strrchr(token, '.');
	*dot[0] = *dot[1] = '\0';
	parts[0] = token;
	parts[1] = dot[0] + 1;
	parts[2] = dot[1] + 1;
	made = mint_printf("%s%s%s.%s%s%s.%s%s%s", part == 0 ? before : "", parts[0], part == 0 ? after : "",
		part == 1 ? before : "", parts[1], part == 1 ? after : "", part == 2 ? before : "", parts[2],
		part == 2 ? after : "");
	free(token);
	return made;
}

static void TV_JS_11_two_parts(void **state)
{
	char *token = good();

	(void)state;
	*strrchr(token, '.') = '\0';
	is_malformed("TV-JS-11", token);
	token = good();
	strrchr(token, '.')[1] = '\0';
	is_malformed("TV-JS-11", token);
}

static void TV_JS_12_to_15_wrong_number_of_parts(void **state)
{
	static const char *const texts[] = { "abc", "abc.def", "", ".", "..", "...", ".a.b", "a..b", "a.b." };

	(void)state;
	is_malformed("TV-JS-12 four parts", with_part(2, "", ".x"));
	is_malformed("TV-JS-12 four parts", with_part(2, "", "."));
	is_malformed("TV-JS-13 five parts", with_part(2, "", ".x.y"));
	is_malformed("TV-JS-14 double dot", with_part(0, "", "."));
	is_malformed("TV-JS-14 double dot", with_part(1, "", "."));
	is_malformed("TV-JS-14 leading dot", with_part(0, ".", ""));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		is_malformed("TV-JS-15 no dots", mint_printf("%s", texts[i]));
}

static void TV_JS_16_17_json_serialization(void **state)
{
	char *token = good(), *payload = strchr(token, '.'), *signature = strrchr(token, '.');

	(void)state;
	*payload++ = *signature++ = '\0';
	is_malformed("TV-JS-16", mint_printf("{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", token,
					 payload, signature));
	is_malformed("TV-JS-17", mint_printf("{\"payload\":\"%s\",\"signatures\":[{\"protected\":\"%s\",\"signature\":"
					     "\"%s\"}]}",
					 payload, token, signature));
	free(token);
}

static void TV_JS_18_to_22_one_spelling(void **state)
{
	static const struct {
		const char *name, *before, *after;
	} rows[] = {
		{ "TV-JS-18 padding", "", "=" },
		{ "TV-JS-18 padding", "", "==" },
		{ "TV-JS-19 alphabet", "ab+d", "" },
		{ "TV-JS-19 alphabet", "ab/d", "" },
		{ "TV-JS-19 alphabet", "", "ab~d" },
		{ "TV-JS-20 whitespace", "", "\n" },
		{ "TV-JS-20 whitespace", "", " " },
		{ "TV-JS-20 whitespace", " ", "" },
		{ "TV-JS-20 whitespace", "ab\ncd", "" },
		{ "TV-JS-20 whitespace", "", "\r\n" },
		{ "TV-JS-20 whitespace", "", "\t" },
		{ "TV-JS-20 not ASCII", "", "\xc3\xa4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned part = 0; part < 3; part++)
			is_malformed(rows[i].name, with_part(part, rows[i].before, rows[i].after));
	/* Any length of 1 mod 4: 86 characters of signature and three more. */
	is_malformed("TV-JS-22 len-1-mod-4", with_part(2, "", "AAA"));
	is_malformed("TV-JS-22 len-1-mod-4", mint_printf("A.AAAA.AAAA"));
	is_malformed("TV-JS-22 len-1-mod-4", mint_printf("AAAA.AAAAA.AAAA"));
	is_malformed("TV-JS-23 bearer prefix", with_part(0, "Bearer ", ""));
}

static void TV_JS_21_spare_bits(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	(void)state;
	/* 64 bytes are 86 characters: the last one has four spare bits. */
	for (unsigned spare = 1; spare < 16; spare++) {
		char *token = good(), *last = token + strlen(token) - 1;

		*last = alphabet[(size_t)(strchr(alphabet, *last) - alphabet) | spare];
		is_malformed("TV-JS-21", token);
	}
}

static void TV_JS_41_longer_than_16_KiB(void **state)
{
	struct world *w = world();
	char *token = good(), *longest;
	size_t len = strlen(token), pad;

	(void)state;
	free(token);
	/* Find the payload's padding that makes a good token of exactly the limit, then of more. */
	for (pad = (JWS_MAX_BYTES - len) * 3 / 4 - 16;; pad++) {
		char *payload = mint_printf("{" SUB "," AUD "," EXP "," IAT "%*s}", (int)pad, "");

		longest = mint_token(T_ES256, payload, w->key[K1], MINT_ES256);
		free(payload);
		if (strlen(longest) >= JWS_MAX_BYTES)
			break;
		world_expect("TV-JS-41 below", longest, w->keys, STATUS_OK);
	}
	world_expect("TV-JS-41", longest, w->keys, strlen(longest) == JWS_MAX_BYTES ? STATUS_OK : STATUS_JWT_LONG);
	longest = malloc(JWS_MAX_BYTES + 2);
	assert_non_null(longest);
	memset(longest, 'A', JWS_MAX_BYTES + 1);
	longest[4] = longest[9] = '.';
	longest[JWS_MAX_BYTES + 1] = '\0';
	world_expect("TV-JS-41", longest, w->keys, STATUS_JWT_LONG);
}

static void a_token_cut_at_any_byte_is_refused(void **state)
{
	char *token = good();
	size_t len = strlen(token);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		struct status st =
			world_verify("cut", mint_printf("%.*s", (int)cut, token), world()->keys, &world()->rules);

		if (st.code != STATUS_JWT_MALFORMED && st.code != STATUS_JWT_SIGNATURE)
			fail_msg("cut at %zu of %zu: %s", cut, len, status_name(st.code));
	}
	free(token);
}

/* ---- the signature ------------------------------------------------------------------------------------- */

static void is_wrong(const char *name, char *token)
{
	world_expect(name, token, world()->keys, STATUS_JWT_SIGNATURE);
}

static void with_signature(const char *name, struct bytes signature)
{
	is_wrong(name, mint_token_signed(T_ES256, T_PAYLOAD, signature));
}

static void TV_JS_24_sig_flip(void **state)
{
	char *token = good();
	size_t len;
	uint8_t *signature = mint_signature(token, &len);

	(void)state;
	assert_int_equal(len, 64);
	for (size_t bit = 0; bit < len * 8; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		with_signature("TV-JS-24", bytes_of(signature, len));
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(signature);
	free(token);
}

static void TV_JS_25_payload_swap(void **state)
{
	char *token = good();
	size_t len;
	uint8_t *signature = mint_signature(token, &len);

	(void)state;
	is_wrong("TV-JS-25",
		mint_token_signed(T_ES256, "{\"sub\":\"spiffe://example.org/admin\"," AUD "," EXP "," IAT "}",
			bytes_of(signature, len)));
	is_wrong("header swap", mint_token_signed("{\"kid\":\"k1\",\"alg\":\"ES256\",\"typ\":\"JWT\"}", T_PAYLOAD,
					bytes_of(signature, len)));
	free(signature);
	free(token);
}

static void TV_JS_26_foreign_key(void **state)
{
	struct world *w = world();

	(void)state;
	is_wrong("TV-JS-26", mint_token(T_ES256, T_PAYLOAD, w->key[OTHER], MINT_ES256));
	is_wrong("TV-JS-26", mint_token(T_HEADER("RS256", "r1"), T_PAYLOAD, w->key[OTHER_RSA], MINT_RS256));
}

static void TV_JS_27_28_ecdsa_is_two_numbers_side_by_side(void **state)
{
	static const size_t lengths[] = { 1, 2, 32, 63, 65, 66, 96, 128, 132, 256 };
	char *token = good();
	size_t len;
	uint8_t *signature = mint_signature(token, &len), longer[256] = { 0 };

	(void)state;
	memcpy(longer, signature, len);
	is_wrong("TV-JS-27 der sig", mint_token(T_ES256, T_PAYLOAD, world()->key[K1], MINT_ES256_DER));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		with_signature("TV-JS-28 short/long ES sig", bytes_of(longer, lengths[i]));
	is_malformed("TV-JS-28 0 bytes", mint_token_signed(T_ES256, T_PAYLOAD, (struct bytes){ 0 }));
	/* The same numbers, wider: a leading zero before r. */
	memset(longer, 0, sizeof(longer));
	memcpy(longer + 1, signature, len);
	with_signature("TV-JS-28 zero in front", bytes_of(longer, 65));
	free(signature);
	free(token);
}

static void TV_JS_29_r_or_s_out_of_range(void **state)
{
	static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	char *token = good();
	size_t len;
	uint8_t *signature = mint_signature(token, &len), made[64];

	(void)state;
	memset(made, 0, sizeof(made));
	with_signature("TV-JS-29 both zero", bytes_of(made, 64));
	memcpy(made + 32, signature + 32, 32);
	with_signature("TV-JS-29 r zero", bytes_of(made, 64));
	memcpy(made, order, 32);
	with_signature("TV-JS-29 r = n", bytes_of(made, 64));
	memcpy(made, signature, 32);
	memset(made + 32, 0, 32);
	with_signature("TV-JS-29 s zero", bytes_of(made, 64));
	memcpy(made + 32, order, 32);
	with_signature("TV-JS-29 s = n", bytes_of(made, 64));
	memset(made, 0xff, sizeof(made));
	with_signature("TV-JS-29 both huge", bytes_of(made, 64));
	free(signature);
	free(token);
}

static void TV_JS_31_to_34_rsa_padding_is_the_labels(void **state)
{
	struct mint_key *r1 = world()->key[R1];

	(void)state;
	is_wrong("TV-JS-31 PS label on RS sig", mint_token(T_HEADER("PS256", "r1"), T_PAYLOAD, r1, MINT_RS256));
	is_wrong("TV-JS-32 RS label on PS sig", mint_token(T_HEADER("RS256", "r1"), T_PAYLOAD, r1, MINT_PS256));
	is_wrong("TV-JS-33 PSS salt 0", mint_token(T_HEADER("PS256", "r1"), T_PAYLOAD, r1, MINT_PS256_SALT0));
	is_wrong("TV-JS-33 PSS salt max", mint_token(T_HEADER("PS256", "r1"), T_PAYLOAD, r1, MINT_PS256_SALT_MAX));
	is_wrong("TV-JS-34 PSS mgf1", mint_token(T_HEADER("PS256", "r1"), T_PAYLOAD, r1, MINT_PS256_MGF1_SHA1));
	is_wrong("RS256 label on SHA-1", mint_token(T_HEADER("RS256", "r1"), T_PAYLOAD, r1, MINT_RS1));
}

static void TV_JS_31_rsa_signature_is_as_long_as_the_modulus(void **state)
{
	char *token = mint_token(T_HEADER("RS256", "r1"), T_PAYLOAD, world()->key[R1], MINT_RS256);
	size_t len;
	uint8_t *signature = mint_signature(token, &len), longer[300] = { 0 };

	(void)state;
	assert_int_equal(len, 256);
	memcpy(longer + 1, signature, len);
	is_wrong("zero in front", mint_token_signed(T_HEADER("RS256", "r1"), T_PAYLOAD, bytes_of(longer, len + 1)));
	is_wrong("short", mint_token_signed(T_HEADER("RS256", "r1"), T_PAYLOAD, bytes_of(signature, len - 1)));
	memset(longer, 0xff, sizeof(longer));
	is_wrong("over n", mint_token_signed(T_HEADER("RS256", "r1"), T_PAYLOAD, bytes_of(longer, len)));
	memset(longer, 0, sizeof(longer));
	is_wrong("zero", mint_token_signed(T_HEADER("RS256", "r1"), T_PAYLOAD, bytes_of(longer, len)));
	free(signature);
	free(token);
}

static void TV_JS_35_to_38_the_key_decides_the_algorithm(void **state)
{
	struct world *w = world();
	struct mint_key *k1 = w->key[K1], *r1 = w->key[R1], *e3 = w->key[E3];
	const enum status_code none = STATUS_JWT_KEY_UNKNOWN;

	(void)state;
	world_expect("TV-JS-35 RS256 + EC kid", mint_token(T_HEADER("RS256", "k1"), T_PAYLOAD, k1, MINT_ES256), w->keys,
		none);
	world_expect("TV-JS-36 ES256 + RSA kid", mint_token(T_HEADER("ES256", "r1"), T_PAYLOAD, r1, MINT_RS256),
		w->keys, none);
	world_expect("TV-JS-37 ES384 + P-256", mint_token(T_HEADER("ES384", "k1"), T_PAYLOAD, k1, MINT_ES384), w->keys,
		none);
	world_expect("TV-JS-38 ES256 + P-384", mint_token(T_HEADER("ES256", "e3"), T_PAYLOAD, e3, MINT_ES256), w->keys,
		none);
}

static void TV_JS_39_RSA_1024(void **state)
{
	struct world *w = world();
	char *jwks[] = { mint_jwk(w->key[RSA1024], "weak", NULL), NULL };
	struct keyset *keys = world_keyset_of(world_document(jwks));

	(void)state;
	world_expect("TV-JS-39", mint_token(T_HEADER("RS256", "weak"), T_PAYLOAD, w->key[RSA1024], MINT_RS256), keys,
		STATUS_JWT_KEY_UNKNOWN);
	world_expect("others stay", good(), keys, STATUS_OK);
	assert_int_equal(keyset_report_count(keys), 1);
	assert_non_null(strstr(keyset_report(keys, 0), "weak"));
	keyset_unref(keys);
}

static void TV_JS_40_jwk_alg_mismatch(void **state)
{
	struct world *w = world();
	char *jwks[] = { mint_jwk(w->key[OTHER_RSA], "r2", "\"alg\":\"RS512\""),
		mint_jwk(w->key[OTHER], "k2", "\"alg\":\"ES256\""), mint_jwk(w->key[OTHER], "k3", "\"alg\":\"ES384\""),
		mint_jwk(w->key[OTHER], "k4", "\"alg\":\"es256\""), NULL };
	struct keyset *keys = world_keyset_of(world_document(jwks));
	struct mint_key *rsa = w->key[OTHER_RSA], *ec = w->key[OTHER];

	(void)state;
	world_expect("TV-JS-40", mint_token(T_HEADER("RS256", "r2"), T_PAYLOAD, rsa, MINT_RS256), keys,
		STATUS_JWT_KEY_UNKNOWN);
	world_expect("TV-JS-40 PS512", mint_token(T_HEADER("PS512", "r2"), T_PAYLOAD, rsa, MINT_PS512), keys,
		STATUS_JWT_KEY_UNKNOWN);
	world_expect("agrees", mint_token(T_HEADER("RS512", "r2"), T_PAYLOAD, rsa, MINT_RS512), keys, STATUS_OK);
	world_expect("agrees", mint_token(T_HEADER("ES256", "k2"), T_PAYLOAD, ec, MINT_ES256), keys, STATUS_OK);
	/* An "alg" that cannot be meant for the key leaves it without any use. */
	world_expect(
		"unfit", mint_token(T_HEADER("ES256", "k3"), T_PAYLOAD, ec, MINT_ES256), keys, STATUS_JWT_KEY_UNKNOWN);
	world_expect("unknown", mint_token(T_HEADER("ES256", "k4"), T_PAYLOAD, ec, MINT_ES256), keys,
		STATUS_JWT_KEY_UNKNOWN);
	assert_int_equal(keyset_report_count(keys), 2);
	keyset_unref(keys);
}

/* Step 8: the bytes that arrived are what is verified; JSON that means the same is another token. */
static void the_signature_covers_the_received_bytes(void **state)
{
	char *plain = good();
	size_t len;
	uint8_t *signature = mint_signature(plain, &len);

	(void)state;
	is_wrong("re-encoded",
		mint_token_signed(T_ES256, "{ " SUB "," AUD "," EXP "," IAT "}", bytes_of(signature, len)));
	free(signature);
	free(plain);
}

static void authenticating_judges_neither_time_nor_audience(void **state)
{
	struct world *w = world();
	struct jwtsvid *svid = NULL;
	char *token = mint_svid(w->key[K1], MINT_ES256, "k1", "spiffe://example.org/w", "other", 1, 2);

	(void)state;
	assert_ok(jwtsvid_authenticate(bytes_from_text(token), w->keys, &svid));
	assert_fails(jwtsvid_judge(svid, &w->rules, NOW), JWT_AUDIENCE);
	assert_ptr_equal(jwtsvid_ref(svid), svid);
	jwtsvid_unref(svid);
	assert_bytes(svid->audiences[0], BYTES_LITERAL("other"));
	jwtsvid_unref(svid);
	jwtsvid_unref(NULL);
	free(token);
}

static void splitting_finds_the_parts_without_reading_them(void **state)
{
	static const char *const refused[] = { "", ".", "..", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "a.b.c." };
	struct bytes input = { 0 }, signature = { 0 };
	char *longest = calloc(1, JWS_MAX_BYTES + 1);

	(void)state;
	assert_ok(jwtsvid_split(BYTES_LITERAL("a.bc.def"), &input, &signature));
	assert_bytes(input, BYTES_LITERAL("a.bc"));
	assert_bytes(signature, BYTES_LITERAL("def"));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_fails(jwtsvid_split(bytes_from_text(refused[i]), &input, &signature), JWT_MALFORMED);
	assert_fails(jwtsvid_split(bytes_of(longest, JWS_MAX_BYTES + 1), &input, &signature), JWT_LONG);
	assert_bytes(signature, BYTES_LITERAL("def"));
	free(longest);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(TV_JS_01_good),
	cmocka_unit_test(TV_JS_02_to_10_algs),
	cmocka_unit_test(TV_JS_11_two_parts),
	cmocka_unit_test(TV_JS_12_to_15_wrong_number_of_parts),
	cmocka_unit_test(TV_JS_16_17_json_serialization),
	cmocka_unit_test(TV_JS_18_to_22_one_spelling),
	cmocka_unit_test(TV_JS_21_spare_bits),
	cmocka_unit_test(TV_JS_24_sig_flip),
	cmocka_unit_test(TV_JS_25_payload_swap),
	cmocka_unit_test(TV_JS_26_foreign_key),
	cmocka_unit_test(TV_JS_27_28_ecdsa_is_two_numbers_side_by_side),
	cmocka_unit_test(TV_JS_29_r_or_s_out_of_range),
	cmocka_unit_test(TV_JS_30_high_S),
	cmocka_unit_test(TV_JS_31_to_34_rsa_padding_is_the_labels),
	cmocka_unit_test(TV_JS_31_rsa_signature_is_as_long_as_the_modulus),
	cmocka_unit_test(TV_JS_35_to_38_the_key_decides_the_algorithm),
	cmocka_unit_test(TV_JS_39_RSA_1024),
	cmocka_unit_test(TV_JS_40_jwk_alg_mismatch),
	cmocka_unit_test(TV_JS_41_longer_than_16_KiB),
	cmocka_unit_test(a_token_cut_at_any_byte_is_refused),
	cmocka_unit_test(the_signature_covers_the_received_bytes),
	cmocka_unit_test(authenticating_judges_neither_time_nor_audience),
	cmocka_unit_test(splitting_finds_the_parts_without_reading_them),
};
UNIT_MAIN(tests)
