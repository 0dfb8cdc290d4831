/* SPDX-License-Identifier: Apache-2.0
 *
 * Key documents as the Workload API delivers them: what is taken, what is ignored, what breaks what.  Rows named after
 * the requirement (JB) or the vector (TV) they show; their effect on tokens is tests/unit/jwtsvid/keys_test.c. */
#include "tests/support/unit.h"

#include "spiffe/bundle.h"
#include "tests/support/corpus.h"
#include "tests/support/mint.h"

#include <stdlib.h>

#define EC_XY                                                                      \
	"\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define K1 "{\"kty\":\"EC\",\"kid\":\"k1\"," EC_XY "}"
#define EC_WITH(more) "{\"kty\":\"EC\"," EC_XY "," more "}"

/* For second opinions; documents of a mebibyte say nothing that shorter ones do not. */
static void record(const char *name, unsigned flags, struct bytes list)
{
	static uint64_t number;

	if (list.len < 64 * 1024 && strcmp(name, "SID-20") != 0 && (flags & BUNDLE_ALLOW_USE_SIG) == 0)
		corpus_put_keys((flags & BUNDLE_SPIFFE_DOCUMENT) != 0 ? "bundle" : "jwks", name, ++number, list);
}

static struct status decode_at(
	const char *name, const char *map_key, const char *document, unsigned flags, struct bundle_set **ret_set)
{
	struct buf list = buf_make(8 * 1024 * 1024);
	struct status st;

	mint_list_put(&list, map_key, document);
	record(name, flags, buf_bytes(&list));
	st = bundle_set_new(buf_bytes(&list), flags, ret_set);
	buf_done(&list);
	return st;
}

static struct status decode(const char *name, const char *document, unsigned flags, struct bundle_set **ret_set)
{
	return decode_at(name, "spiffe://example.org", document, flags, ret_set);
}

static bool has_report(const struct bundle_set *set, const char *part)
{
	for (size_t i = 0; i < bundle_set_report_count(set); i++)
		if (strstr(bundle_set_report(set, i), part) != NULL)
			return true;
	return false;
}

/* How many keys a document with this JWK and the good k1 yields: 1 or 2, and the report it leaves. */
static void jwk_is(const char *name, const char *jwk, bool is_taken, const char *report)
{
	char *document = mint_printf("{\"keys\":[%s,%s]}", jwk, K1);
	struct bundle_set *set = NULL;
	const struct bundle *bundle;

	assert_ok(decode(name, document, BUNDLE_STRICT, &set));
	bundle = bundle_set_find(set, BYTES_LITERAL("example.org"));
	assert_non_null(bundle);
	if (bundle->key_count != (is_taken ? 2 : 1))
		fail_msg("%s: %s", name, jwk);
	assert_bytes(bundle->keys[bundle->key_count - 1].kid, BYTES_LITERAL("k1"));
	if (report != NULL && !has_report(set, report))
		fail_msg("%s: no report of %s", name, report);
	if (report == NULL && bundle_set_report_count(set) != 0)
		fail_msg("%s: %s", name, bundle_set_report(set, 0));
	bundle_set_unref(set);
	free(document);
}

static void the_members_of_a_key_are_decoded(void **state)
{
	static const uint8_t x_starts[] = { 0x7f, 0xcd, 0xce, 0x27 };
	struct bundle_set *set = NULL;
	const struct bundle_key *key;

	(void)state;
	assert_ok(decode("members",
		"{\"keys\":[" EC_WITH(
			"\"kid\":\"a\",\"alg\":\"ES256\",\"use\":\"jwt-svid\"") ","
										"{\"kty\":\"RSA\",\"kid\":\"r\",\"n\":"
										"\"gAE\",\"e\":\"AQAB\"}],\"spiffe_"
										"sequence\":1}",
		BUNDLE_STRICT, &set));
	assert_int_equal(bundle_set_count(set), 1);
	assert_bytes(bundle_set_at(set, 0)->domain, BYTES_LITERAL("example.org"));
	assert_int_equal(bundle_set_at(set, 0)->key_count, 2);
	key = &bundle_set_at(set, 0)->keys[0];
	assert_int_equal(key->kty, BUNDLE_KTY_EC);
	assert_int_equal(key->curve, BUNDLE_P256);
	assert_bytes(key->kid, BYTES_LITERAL("a"));
	assert_bytes(key->alg, BYTES_LITERAL("ES256"));
	assert_int_equal(key->x.len, 32);
	assert_int_equal(key->y.len, 32);
	assert_memory_equal(key->x.data, x_starts, sizeof(x_starts));
	key = &bundle_set_at(set, 0)->keys[1];
	assert_int_equal(key->kty, BUNDLE_KTY_RSA);
	assert_bytes(key->n, BYTES_LITERAL("\x80\x01"));
	assert_bytes(key->e, BYTES_LITERAL("\x01\x00\x01"));
	assert_int_equal(key->alg.len, 0);
	bundle_set_unref(set);
}

static void a_key_of_no_use_costs_only_itself(void **state)
{
	(void)state;
	jwk_is("JB-02 TV-JK-09", EC_WITH("\"kid\":\"a\""), true, NULL);
	jwk_is("JB-02 TV-JK-09", EC_WITH("\"kid\":\"a\",\"use\":\"jwt-svid\""), true, NULL);
	jwk_is("JB-02 TV-JK-10", EC_WITH("\"kid\":\"a\",\"use\":\"x509-svid\""), false, "\"use\"");
	jwk_is("JB-02 TV-JK-10", EC_WITH("\"kid\":\"a\",\"use\":\"wit-svid\""), false, "\"use\"");
	jwk_is("JB-02 TV-JK-10", EC_WITH("\"kid\":\"a\",\"use\":\"enc\""), false, "\"use\"");
	jwk_is("JB-02 TV-JK-10", EC_WITH("\"kid\":\"a\",\"use\":\"JWT-SVID\""), false, "\"use\"");
	jwk_is("JB-02 TV-JK-10", EC_WITH("\"kid\":\"a\",\"use\":5"), false, "\"use\"");
	jwk_is("JB-02", EC_WITH("\"kid\":\"a\",\"use\":null"), false, "\"use\"");
	jwk_is("JB-02", EC_WITH("\"kid\":\"a\",\"use\":\"\""), false, "\"use\"");
	jwk_is("JB-02 TV-JK-11", EC_WITH("\"kid\":\"a\",\"use\":\"sig\""), false, "\"use\"");
	jwk_is("JB-03 TV-JK-05", "{\"kty\":\"FOO\",\"kid\":\"a\"}", false, "key type");
	jwk_is("JB-03", "{\"kid\":\"a\"," EC_XY "}", false, "key type");
	jwk_is("JB-03", "{\"kty\":\"ec\",\"kid\":\"a\"," EC_XY "}", false, "key type");
	jwk_is("JB-03", "{\"kty\":7,\"kid\":\"a\"," EC_XY "}", false, "key type");
	jwk_is("JB-03 TV-JK-06", "{\"kty\":\"OKP\",\"kid\":\"a\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", false,
		"key type");
	jwk_is("JB-03 TV-JK-06", "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}", false, "ALARM");
	jwk_is("JB-05 TV-JK-07", "{\"kty\":\"EC\"," EC_XY "}", false, "no kid");
	jwk_is("JB-05", EC_WITH("\"kid\":\"\""), false, "no kid");
	jwk_is("JB-05", EC_WITH("\"kid\":1"), false, "no kid");
	jwk_is("JB-05", EC_WITH("\"kid\":null"), false, "no kid");
	jwk_is("JB-06", EC_WITH("\"kid\":\"k1\""), true, "twice");
	jwk_is("JB-09 TV-JK-18", EC_WITH("\"kid\":\"a\",\"d\":\"AAAA\""), false, "ALARM");
	jwk_is("JB-09", EC_WITH("\"kid\":\"a\",\"d\":null"), false, "ALARM");
	jwk_is("JB-09", EC_WITH("\"kid\":\"a\",\"k\":\"AAAA\""), false, "ALARM");
	jwk_is("JB-09", "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"gAE\",\"e\":\"AQAB\",\"p\":\"AQ\"}", false, "ALARM");
}

static void a_malformed_key_costs_only_itself(void **state)
{
	(void)state;
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"AAAA\"}", false, "number");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"y\":\"AAAA\"}", false, "number");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":1,\"y\":\"AAAA\"}", false, "number");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"AAA=\",\"y\":\"AAAA\"}", false,
		"number");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"A+/A\",\"y\":\"AAAA\"}", false,
		"number");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AB\"}", false,
		"number");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", false, "curve");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-192\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", false,
		"curve");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"secp256k1\",\"x\":\"AAAA\",\"y\":\"AA\"}", false,
		"curve");
	jwk_is("JB-04", "{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":3,\"x\":\"AAAA\",\"y\":\"AAAA\"}", false, "curve");
	jwk_is("JB-04", "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"gAE\"}", false, "number");
	jwk_is("JB-04", "{\"kty\":\"RSA\",\"kid\":\"a\",\"e\":\"AQAB\"}", false, "number");
	jwk_is("JB-04", "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AIAB\",\"e\":\"AQAB\"}", false, "number");
	jwk_is("JB-04", "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"gAE\",\"e\":\"AAEAAQ\"}", false, "number");
	jwk_is("JB-04 TV-JK-19", EC_WITH("\"kid\":\"a\",\"x5c\":\"MIIB\""), false, "wrong type");
	jwk_is("JB-04", EC_WITH("\"kid\":\"a\",\"x5c\":[\"MIIB\"]"), true, NULL);
	jwk_is("JB-04", EC_WITH("\"kid\":\"a\",\"alg\":1"), false, "wrong type");
	jwk_is("JB-04", EC_WITH("\"kid\":\"a\",\"alg\":\"\""), false, "wrong type");
	jwk_is("step 7 key_ops", EC_WITH("\"kid\":\"a\",\"key_ops\":[\"verify\"]"), true, NULL);
	jwk_is("step 7 key_ops", EC_WITH("\"kid\":\"a\",\"key_ops\":[\"sign\",\"verify\"]"), true, NULL);
	jwk_is("step 7 key_ops", EC_WITH("\"kid\":\"a\",\"key_ops\":[\"sign\"]"), false, "key_ops");
	jwk_is("step 7 key_ops", EC_WITH("\"kid\":\"a\",\"key_ops\":[]"), false, "key_ops");
	jwk_is("step 7 key_ops", EC_WITH("\"kid\":\"a\",\"key_ops\":\"verify\""), false, "key_ops");
	jwk_is("not an object", "5", false, "not an object");
	jwk_is("not an object", "null", false, "not an object");
	jwk_is("not an object", "[]", false, "not an object");
}

static void a_key_for_sig_is_taken_where_asked_for(void **state)
{
	struct bundle_set *set = NULL;

	(void)state;
	assert_ok(decode(
		"JB-02 sig", "{\"keys\":[" EC_WITH("\"kid\":\"a\",\"use\":\"sig\"") "]}", BUNDLE_ALLOW_USE_SIG, &set));
	assert_int_equal(bundle_set_at(set, 0)->key_count, 1);
	bundle_set_unref(set);
}

/* JB-07, JB-08: the broken domain is there, without keys, and says why; the other one works. */
static void document_breaks_alone(const char *name, struct bytes document, const char *report)
{
	struct buf list = buf_make(8 * 1024 * 1024);
	struct bundle_set *set = NULL;

	buf_put_sized(&list, BYTES_LITERAL("spiffe://broken.org"));
	buf_put_sized(&list, document);
	mint_list_put(&list, "spiffe://example.org", "{\"keys\":[" K1 "]}");
	record(name, BUNDLE_STRICT, buf_bytes(&list));
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set));
	assert_int_equal(bundle_set_count(set), 2);
	if (bundle_set_find(set, BYTES_LITERAL("broken.org"))->key_count != 0)
		fail_msg("%s", name);
	assert_int_equal(bundle_set_find(set, BYTES_LITERAL("example.org"))->key_count, 1);
	if (report != NULL && !has_report(set, report))
		fail_msg("%s: no report of %s", name, report);
	bundle_set_unref(set);
	buf_done(&list);
}

static struct bytes document_of_length(char **ret_text, size_t len)
{
	size_t used = strlen("{\"keys\":[" K1 "]");
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, ' ', len);
	memcpy(text, "{\"keys\":[" K1 "]", used);
	text[len - 1] = '}';
	*ret_text = text;
	return bytes_of(text, len);
}

static void a_broken_document_costs_its_own_domain_only(void **state)
{
	static const char deep[] = "{\"keys\":[" K1 "],\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}";
	static const char wrong_json[] = "document is not a strict JSON object";
	char *text;

	(void)state;
	document_breaks_alone("TV-JK-12", BYTES_LITERAL("{\"keys\":[]}"), NULL);
	document_breaks_alone("TV-JK-13 {}", BYTES_LITERAL("{}"), "no array");
	document_breaks_alone("TV-JK-13 keys object", BYTES_LITERAL("{\"keys\":{}}"), "no array");
	document_breaks_alone("TV-JK-13 keys null", BYTES_LITERAL("{\"keys\":null}"), "no array");
	document_breaks_alone("TV-JK-13 []", BYTES_LITERAL("[]"), wrong_json);
	document_breaks_alone("TV-JK-13 [keys]", BYTES_LITERAL("[" K1 "]"), wrong_json);
	document_breaks_alone("TV-JK-13 empty", BYTES_LITERAL(""), wrong_json);
	document_breaks_alone("TV-JK-13 null", BYTES_LITERAL("null"), wrong_json);
	document_breaks_alone("trailing", BYTES_LITERAL("{\"keys\":[" K1 "]} x"), wrong_json);
	document_breaks_alone("BOM", BYTES_LITERAL("\xef\xbb\xbf{\"keys\":[" K1 "]}"), wrong_json);
	document_breaks_alone("UTF-8", BYTES_LITERAL("{\"keys\":[" K1 "],\"a\":\"\xff\"}"), wrong_json);
	document_breaks_alone("D-14 keys twice", BYTES_LITERAL("{\"keys\":[],\"keys\":[" K1 "]}"), wrong_json);
	document_breaks_alone("D-14 kid twice",
		BYTES_LITERAL("{\"keys\":[" EC_WITH("\"kid\":\"a\",\"kid\":\"b\"") "," K1 "]}"), wrong_json);
	document_breaks_alone("JB-11 depth", BYTES_LITERAL(deep), wrong_json);
	document_breaks_alone("JB-11 1 MiB + 1", document_of_length(&text, BUNDLE_DOCUMENT_MAX_BYTES + 1), "1 MiB");
	free(text);
}

static void a_document_cut_anywhere_yields_no_key(void **state)
{
	static const char whole[] = "{\"keys\":[" K1 "]}";

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		document_breaks_alone("TV-JK-13 truncated", bytes_of(whole, len), "not a strict JSON object");
}

static void limits_of_a_document_end_exactly_where_stated(void **state)
{
	char *jwks[BUNDLE_KEYS_MAX + 1], *document, *text;
	struct bundle_set *set = NULL;
	struct buf list = buf_make(2 * 1024 * 1024);

	(void)state;
	for (size_t i = 0; i <= BUNDLE_KEYS_MAX; i++)
		jwks[i] = mint_printf(EC_WITH("\"kid\":\"%zu\""), i);
	document = mint_jwks(jwks, BUNDLE_KEYS_MAX);
	assert_ok(decode("JB-11 64 keys", document, BUNDLE_STRICT, &set));
	assert_int_equal(bundle_set_at(set, 0)->key_count, BUNDLE_KEYS_MAX);
	bundle_set_unref(set);
	free(document);
	document = mint_jwks(jwks, BUNDLE_KEYS_MAX + 1);
	document_breaks_alone("JB-11 65 keys", bytes_from_text(document), "64 keys");
	free(document);
	for (size_t i = 0; i <= BUNDLE_KEYS_MAX; i++)
		free(jwks[i]);
	buf_put_sized(&list, BYTES_LITERAL("example.org"));
	buf_put_sized(&list, document_of_length(&text, BUNDLE_DOCUMENT_MAX_BYTES));
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set));
	assert_int_equal(bundle_set_at(set, 0)->key_count, 1);
	bundle_set_unref(set);
	buf_done(&list);
	free(text);
}

static void four_documents_of_three_mebibytes_are_read(void **state)
{
	struct buf list = buf_make(8 * 1024 * 1024);
	struct bundle_set *set = NULL;
	char *text;

	(void)state;
	(void)document_of_length(&text, 3 * 1024 * 1024 / 4);
	for (unsigned i = 0; i < 4; i++) { /* TV-WA-16 */
		buf_put_sized(&list, bytes_of(&"abcd"[i], 1));
		buf_put_sized(&list, bytes_of(text, 3 * 1024 * 1024 / 4));
	}
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(bundle_set_at(set, i)->key_count, 1);
	bundle_set_unref(set);
	buf_done(&list);
	free(text);
}

static void a_malformed_message_is_refused_as_a_whole(void **state)
{
	static const char *const keys[] = { "", "spiffe://example.org/x", "spiffe://", "Example.org", "spiffe://a/",
		"a b" };
	struct bundle_set *set = NULL;

	(void)state;
	assert_fails(bundle_set_new((struct bytes){ 0 }, BUNDLE_STRICT, &set), BUNDLE_MALFORMED); /* WA-05 */
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)				  /* SID-20, TV-WA-15 */
		assert_fails(
			decode_at("SID-20", keys[i], "{\"keys\":[" K1 "]}", BUNDLE_STRICT, &set), BUNDLE_MALFORMED);
	assert_null(set);
}

static void two_spellings_of_one_domain_refuse_the_message(void **state)
{
	struct buf list = buf_make(4096);
	struct bundle_set *set = NULL;

	(void)state;
	mint_list_put(&list, "spiffe://example.org", "{\"keys\":[" K1 "]}");
	mint_list_put(&list, "example.org", "{\"keys\":[" K1 "]}");
	assert_fails(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set), BUNDLE_MALFORMED); /* WA-09, TV-WA-15 */
	buf_clear(&list);
	mint_list_put(&list, "example.org", "{\"keys\":[" K1 "]}");
	mint_list_put(&list, "example.org", "{}");
	assert_fails(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set), BUNDLE_MALFORMED);
	buf_done(&list);
}

static void a_list_cut_at_any_byte_is_refused(void **state)
{
	struct buf list = buf_make(4096);
	struct bundle_set *set = NULL;
	size_t first;

	(void)state;
	mint_list_put(&list, "spiffe://a", "{\"keys\":[]}");
	first = list.len;
	mint_list_put(&list, "spiffe://b", "{\"keys\":[]}");
	for (size_t len = 0; len < list.len; len++) {
		uint8_t *exact = malloc(len + 1);

		assert_non_null(exact);
		memcpy(exact, list.data, len);
		if (len == first)
			assert_ok(bundle_set_new(bytes_of(exact, len), BUNDLE_STRICT, &set));
		else
			assert_fails(bundle_set_new(bytes_of(exact, len), BUNDLE_STRICT, &set), BUNDLE_MALFORMED);
		free(exact);
	}
	bundle_set_unref(set);
	buf_put_u32(&list, UINT32_MAX);
	assert_fails(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set), BUNDLE_MALFORMED);
	buf_done(&list);
}

static void more_domains_than_the_limit_refuse_the_message(void **state)
{
	struct buf list = buf_make(1024 * 1024);
	struct bundle_set *set = NULL;

	(void)state;
	for (unsigned i = 0; i < BUNDLE_DOMAINS_MAX; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "spiffe://d%u", i);
		mint_list_put(&list, name, "{\"keys\":[" K1 "]}");
	}
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set));
	assert_int_equal(bundle_set_count(set), BUNDLE_DOMAINS_MAX);
	assert_non_null(bundle_set_find(set, BYTES_LITERAL("d255")));
	assert_null(bundle_set_find(set, BYTES_LITERAL("d256")));
	bundle_set_unref(set);
	mint_list_put(&list, "one.more", "{}");
	assert_fails(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set), BUNDLE_MALFORMED); /* JB-11 */
	buf_done(&list);
}

static void reports_are_bounded_and_printable(void **state)
{
	struct buf list = buf_make(4 * 1024 * 1024);
	struct bundle_set *set = NULL;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "d%u", i);
		mint_list_put(&list, name, "{\"keys\":[{\"kty\":\"FOO\",\"kid\":\"a\\n\\u0000\\u001b[2J\"}]}");
	}
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set));
	assert_int_equal(bundle_set_report_count(set), BUNDLE_REPORTS_MAX);
	assert_string_equal(bundle_set_report(set, BUNDLE_REPORTS_MAX - 1), "and 37 more");
	assert_string_equal(bundle_set_report(set, 0),
		"d0: key 0 (kid a\\x0a\\x00\\x1b[2J): key type is missing or not one of ours (ignored)");
	bundle_set_unref(set);
	buf_done(&list);
}

static void a_set_lives_as_long_as_its_last_reader(void **state)
{
	struct bundle_set *set = NULL;

	(void)state;
	assert_ok(decode("control", "{\"keys\":[" K1 "]}", BUNDLE_STRICT, &set));
	assert_ptr_equal(bundle_set_ref(set), set);
	bundle_set_unref(set);
	assert_bytes(bundle_set_at(set, 0)->keys[0].kid, BYTES_LITERAL("k1"));
	bundle_set_unref(set);
	bundle_set_unref(NULL);
}

#define ROOT_WITH(more) "{\"kty\":\"EC\",\"use\":\"x509-svid\"," more "}"

static void TV_SB_01_to_03_a_bundle_document_holds_authorities_too(void **state)
{
	static const char document[] =
		"{\"keys\":[" EC_WITH("\"kid\":\"k1\",\"use\":\"jwt-svid\"") "," ROOT_WITH("\"x5c\":[\"Zm9v\"]") "," EC_WITH(
			"\"kid\":\"k2\",\"use\":\"new\"") "," EC_WITH("\"kid\":\"k3\"") "," ROOT_WITH("\"kid\":\"r2\","
												      "\"x5c\":["
												      "\"YmFy\","
												      "\"Zm9v\"]") "],"
														   "\"s"
														   "pif"
														   "fe_"
														   "seq"
														   "uen"
														   "ce"
														   "\":"
														   "1}";
	struct bundle_set *set = NULL;
	const struct bundle *bundle;

	(void)state;
	assert_ok(decode("TV-SB-01 TV-SB-02 TV-SB-03", document, BUNDLE_SPIFFE_DOCUMENT, &set));
	bundle = bundle_set_at(set, 0);
	assert_int_equal(bundle->key_count, 1); /* TV-SB-02: k3 has no use */
	assert_bytes(bundle->keys[0].kid, BYTES_LITERAL("k1"));
	assert_int_equal(bundle->authority_count, 2);
	assert_bytes(bundle->authorities[0], BYTES_LITERAL("foo"));
	assert_bytes(bundle->authorities[1], BYTES_LITERAL("bar")); /* TV-SB-03: the first counts */
	assert_int_equal(bundle_set_report_count(set), 2);
	bundle_set_unref(set);
	/* The Workload API's JWK Sets have none (JB-02). */
	assert_ok(decode("JB-02", document, BUNDLE_STRICT, &set));
	assert_int_equal(bundle_set_at(set, 0)->authority_count, 0);
	assert_int_equal(bundle_set_at(set, 0)->key_count, 2);
	bundle_set_unref(set);
}

static void TV_SB_04_a_bundle_document_without_keys_is_none(void **state)
{
	struct bundle_set *set = NULL;

	(void)state;
	assert_ok(decode("TV-SB-04", "{\"spiffe_sequence\":1}", BUNDLE_SPIFFE_DOCUMENT, &set));
	assert_int_equal(bundle_set_at(set, 0)->key_count + bundle_set_at(set, 0)->authority_count, 0);
	assert_true(has_report(set, "no array"));
	bundle_set_unref(set);
}

static void TV_SB_09_keys_for_wit_svids_verify_nothing_here(void **state)
{
	static const char document[] = "{\"keys\":[" EC_WITH("\"kid\":\"w\",\"use\":\"wit-svid\"") "," EC_WITH(
		"\"kid\":\"k1\",\"use\":\"jwt-svid\"") "]}";
	struct bundle_set *set = NULL;

	(void)state;
	assert_ok(decode("TV-SB-09", document, BUNDLE_SPIFFE_DOCUMENT, &set));
	assert_int_equal(bundle_set_at(set, 0)->key_count, 1);
	assert_bytes(bundle_set_at(set, 0)->keys[0].kid, BYTES_LITERAL("k1"));
	assert_int_equal(bundle_set_at(set, 0)->authority_count, 0);
	bundle_set_unref(set);
}

/* TV-SB-05, and the hint by the same rule. */
static void a_sequence_number_is_whole_and_has_64_bits(void **state)
{
	static const struct {
		const char *head;
		bool is_read;
		uint64_t sequence;
	} rows[] = {
		{ "\"spiffe_sequence\":18446744073709551615", true, UINT64_MAX },
		{ "\"spiffe_sequence\" :\t0 ", true, 0 },
		{ "\"a\":{\"spiffe_sequence\":\"x\"},\"b\":\"\\\"spiffe_sequence\\\":7\",\"spiffe_sequence\":3", true,
			3 },
		{ "\"a\":[\"spiffe_sequence\"],\"spiffe_sequence\":3", true, 3 },
		{ "\"spiffe_sequence\":18446744073709551616", false, 0 },
		{ "\"spiffe_sequence\":100000000000000000000", false, 0 },
		{ "\"spiffe_sequence\":1.5", false, 0 },
		{ "\"spiffe_sequence\":1e3", false, 0 },
		{ "\"spiffe_sequence\":\"3\"", false, 0 },
		{ "\"spiffe_sequence\":-1", false, 0 },
		{ "\"spiffe_sequence\":null", false, 0 },
		{ "\"spiffe_sequence\":[3]", false, 0 },
		{ "\"spiffe_\\u0073equence\":3", false, 0 },
		{ "\"spiffe_sequence\":3,\"spiffe_refresh_hint\":0.5", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *document =
			mint_printf("{%s,\"keys\":[" EC_WITH("\"kid\":\"k1\",\"use\":\"jwt-svid\"") "]}", rows[i].head);
		struct bundle_set *set = NULL;
		const struct bundle *bundle;

		assert_ok(decode("TV-SB-05", document, BUNDLE_SPIFFE_DOCUMENT, &set));
		bundle = bundle_set_at(set, 0);
		if (bundle->is_malformed == rows[i].is_read || (bundle->key_count == 1) != rows[i].is_read)
			fail_msg("%s", rows[i].head);
		if (rows[i].is_read) {
			assert_true(bundle->has_sequence && !bundle->has_refresh_hint);
			assert_true(bundle->sequence == rows[i].sequence);
		}
		bundle_set_unref(set);
		/* The Workload API's sets have no such members: what they say there is nobody's business. */
		assert_ok(decode("control", document, BUNDLE_STRICT, &set));
		assert_false(bundle_set_at(set, 0)->is_malformed);
		bundle_set_unref(set);
		free(document);
	}
}

static void an_authority_of_no_use_costs_only_itself(void **state)
{
	static const struct {
		const char *jwk, *report;
	} rows[] = {
		{ ROOT_WITH("\"kid\":\"a\""), "without certificate" }, /* TV-SB-03 */
		{ ROOT_WITH("\"x5c\":[]"), "without certificate" },
		{ ROOT_WITH("\"x5c\":\"Zm9v\""), "without certificate" },
		{ ROOT_WITH("\"x5c\":[5,\"Zm9v\"]"), "without certificate" },
		{ ROOT_WITH("\"x5c\":[\"\"]"), "without certificate" },
		{ ROOT_WITH("\"x5c\":[\"Zm8\"]"), "not strict base64" },
		{ ROOT_WITH("\"x5c\":[\"Zm 9v\"]"), "not strict base64" },
		{ ROOT_WITH("\"x5c\":[\"Zm9v\"],\"d\":\"AAAA\""), "ALARM" },
		{ "{\"use\":\"x509-svid\",\"x5c\":[\"Zm9v\"]}", "key type" }, /* SB-06 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *document = mint_printf("{\"keys\":[%s," ROOT_WITH("\"x5c\":[\"YmFy\"]") "]}", rows[i].jwk);
		struct bundle_set *set = NULL;

		assert_ok(decode("TV-SB-03", document, BUNDLE_SPIFFE_DOCUMENT, &set));
		if (bundle_set_at(set, 0)->authority_count != 1 || !has_report(set, rows[i].report))
			fail_msg("%s", rows[i].jwk);
		assert_bytes(bundle_set_at(set, 0)->authorities[0], BYTES_LITERAL("bar"));
		bundle_set_unref(set);
		free(document);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_members_of_a_key_are_decoded),
	cmocka_unit_test(a_key_of_no_use_costs_only_itself),
	cmocka_unit_test(a_malformed_key_costs_only_itself),
	cmocka_unit_test(a_key_for_sig_is_taken_where_asked_for),
	cmocka_unit_test(a_broken_document_costs_its_own_domain_only),
	cmocka_unit_test(a_document_cut_anywhere_yields_no_key),
	cmocka_unit_test(limits_of_a_document_end_exactly_where_stated),
	cmocka_unit_test(four_documents_of_three_mebibytes_are_read),
	cmocka_unit_test(a_malformed_message_is_refused_as_a_whole),
	cmocka_unit_test(two_spellings_of_one_domain_refuse_the_message),
	cmocka_unit_test(a_list_cut_at_any_byte_is_refused),
	cmocka_unit_test(more_domains_than_the_limit_refuse_the_message),
	cmocka_unit_test(reports_are_bounded_and_printable),
	cmocka_unit_test(a_set_lives_as_long_as_its_last_reader),
	cmocka_unit_test(TV_SB_01_to_03_a_bundle_document_holds_authorities_too),
	cmocka_unit_test(a_sequence_number_is_whole_and_has_64_bits),
	cmocka_unit_test(an_authority_of_no_use_costs_only_itself),
	cmocka_unit_test(TV_SB_04_a_bundle_document_without_keys_is_none),
	cmocka_unit_test(TV_SB_09_keys_for_wit_svids_verify_nothing_here),
};
UNIT_MAIN(tests)
