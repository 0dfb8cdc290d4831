/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/workload_jwt.h"

#include "base/buf.h"
#include "base/own.h"
#include "tests/support/unit.h"

enum { NOW = 1763910000 };

static const struct bytes me = { (const uint8_t *)"spiffe://prod.example/w", 23 };
static const struct bytes asked[] = { { (const uint8_t *)"parsec", 6 }, { (const uint8_t *)"vault", 5 } };

static void put_base64url(struct buf *out, const char *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned have = 0;

	for (const char *c = text; *c != '\0'; c++) {
		bits = bits << 8 | (uint8_t)*c;
		for (have += 8; have >= 6; have -= 6)
			buf_put_u8(out, (uint8_t)alphabet[bits >> (have - 6) & 63]);
	}
	if (have > 0)
		buf_put_u8(out, (uint8_t)alphabet[bits << (6 - have) & 63]);
}

/* A token with that payload; nobody looks at its signature here. */
static struct buf token_of(const char *payload)
{
	struct buf token = buf_make(64 * 1024);

	buf_put_text(&token, "eyJhbGciOiJFUzI1NiJ9.");
	put_base64url(&token, payload);
	buf_put_text(&token, ".c2ln");
	assert_ok(buf_check(&token));
	return token;
}

static struct status check(const char *payload, size_t audience_count, struct workload_jwt_times *ret_times)
{
	AUTO(buf_done) struct buf token = token_of(payload);

	return workload_jwt_check(buf_bytes(&token), me, asked, audience_count, NOW, ret_times);
}

static void check_accepts_a_token_for_what_was_asked(void **state)
{
	struct workload_jwt_times times;

	(void)state;
	assert_ok(
		check("{\"sub\":\"spiffe://prod.example/w\",\"aud\":\"parsec\",\"exp\":1763910300,\"iat\":1763910000}",
			1, &times));
	assert_int_equal(times.start_s, NOW);
	assert_int_equal(times.expires_s, NOW + 300);
	assert_ok(
		check("{\"sub\":\"spiffe://prod.example/w\",\"aud\":[\"x\",\"vault\",\"parsec\"],\"exp\":1763910300.5}",
			2, &times));
	assert_int_equal(times.start_s, 0);
	assert_int_equal(times.expires_s, NOW + 300);
}

static void check_refuses_claims_that_do_not_fit(void **state)
{
#define SUB "\"sub\":\"spiffe://prod.example/w\""
#define AUD "\"aud\":[\"parsec\",\"vault\"]"
#define EXP "\"exp\":1763910300"
	static const struct {
		const char *payload;
		enum status_code want;
	} rows[] = {
		{ "{" AUD "," EXP "}", STATUS_JWT_SUBJECT },
		{ "{\"sub\":7," AUD "," EXP "}", STATUS_JWT_SUBJECT },
		{ "{\"sub\":\"spiffe://prod.example/W\"," AUD "," EXP "}", STATUS_JWT_SUBJECT },
		{ "{\"sub\":\"spiffe://prod.example/w\\u0000\"," AUD "," EXP "}", STATUS_JWT_SUBJECT },
		{ "{" SUB "," EXP "}", STATUS_JWT_AUDIENCE },
		{ "{" SUB ",\"aud\":\"parsec\"," EXP "}", STATUS_JWT_AUDIENCE },
		{ "{" SUB ",\"aud\":[\"parsec\",\"vaul\"]," EXP "}", STATUS_JWT_AUDIENCE },
		{ "{" SUB ",\"aud\":{\"parsec\":1}," EXP "}", STATUS_JWT_AUDIENCE },
		{ "{" SUB "," AUD "}", STATUS_JWT_CLAIM },
		{ "{" SUB "," AUD ",\"exp\":\"1763910300\"}", STATUS_JWT_CLAIM },
		{ "{" SUB "," AUD ",\"exp\":-1}", STATUS_JWT_CLAIM },
		{ "{" SUB "," AUD ",\"exp\":1e300}", STATUS_JWT_CLAIM },
		{ "{" SUB "," AUD "," EXP ",\"iat\":\"x\"}", STATUS_JWT_CLAIM },
		{ "{" SUB "," AUD ",\"exp\":1763910000}", STATUS_JWT_EXPIRED },
		{ "{" SUB "," AUD "," EXP "," EXP "}", STATUS_JWT_PAYLOAD },
		{ "[]", STATUS_JWT_PAYLOAD },
		{ "{" SUB, STATUS_JWT_PAYLOAD },
		{ "", STATUS_JWT_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_status(check(rows[i].payload, 2, NULL), rows[i].want);
}

static void check_refuses_what_is_no_token(void **state)
{
	static const char *const rows[] = { "", ".", "..", "a.b", "a.b.", ".e30.c", "a..c", "a.e30.c.d", "a.e3!.c",
		"a.e30=.c", "a.e.c" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_fails(workload_jwt_check(bytes_from_text(rows[i]), me, asked, 1, NOW, NULL), JWT_MALFORMED);
}

static void check_refuses_a_token_over_16_kib(void **state)
{
	static uint8_t text[WORKLOAD_TOKEN_MAX + 1];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_fails(workload_jwt_check(bytes_of(text, sizeof(text)), me, asked, 1, NOW, NULL), JWT_LONG);
	assert_fails(workload_jwt_check(bytes_of(text, sizeof(text) - 1), me, asked, 1, NOW, NULL), JWT_MALFORMED);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(check_accepts_a_token_for_what_was_asked),
	cmocka_unit_test(check_refuses_claims_that_do_not_fit),
	cmocka_unit_test(check_refuses_what_is_no_token),
	cmocka_unit_test(check_refuses_a_token_over_16_kib),
};

UNIT_MAIN(tests)
