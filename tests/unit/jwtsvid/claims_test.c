/* SPDX-License-Identifier: Apache-2.0
 *
 * Claims of JWT-SVIDs: every row of the vector catalogue, TV-JC, by the library's rules and, where they differ, by the
 * daemon's defaults. */
#include "tests/unit/jwtsvid/world.h"

#include <stdlib.h>

struct row {
	const char *name, *payload;
	enum status_code want;	 /* by the library's rules */
	enum status_code daemon; /* by the daemon's defaults, if another */
};

static char *signed_payload(const char *payload)
{
	return mint_token(T_ES256, payload, world()->key[K1], MINT_ES256);
}

static void row_is(const struct row *row, const char *who, const struct jwtsvid_rules *rules, enum status_code want)
{
	struct status st = world_verify(row->name, signed_payload(row->payload), world()->keys, rules);

	if (st.code != want)
		fail_msg("%s (%s) %s: %s, want %s", row->name, who, row->payload, status_name(st.code),
			status_name(want));
}

static void rows_are(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		row_is(&rows[i], "library", &world()->rules, rows[i].want);
		row_is(&rows[i], "daemon", &world()->daemon,
			rows[i].daemon != STATUS_OK ? rows[i].daemon : rows[i].want);
	}
}
#define ROWS_ARE(rows) rows_are(rows, sizeof(rows) / sizeof((rows)[0]))

/* clang-format off */
#define GOOD      STATUS_OK
#define BAD(NAME) STATUS_JWT_##NAME
#define WITH_SUB(json)  "{\"sub\":" json "," AUD "," EXP "," IAT "}"
#define WITH_AUD(json)  "{" SUB ",\"aud\":" json "," EXP "," IAT "}"
#define WITH_EXP(json)  "{" SUB "," AUD ",\"exp\":" json "," IAT "}"
#define WITH_IAT(json)  "{" SUB "," AUD "," EXP ",\"iat\":" json "}"
#define WITH(more)      "{" SUB "," AUD "," EXP "," IAT "," more "}"

static void TV_JC_01_to_03_subject(void **state)
{
	static const struct row rows[] = {
		{ "TV-JC-01 absent",  "{" AUD "," EXP "," IAT "}",             BAD(SUBJECT), 0 },
		{ "TV-JC-01 empty",   WITH_SUB("\"\""),                        BAD(SUBJECT), 0 },
		{ "TV-JC-01 number",  WITH_SUB("1"),                           BAD(SUBJECT), 0 },
		{ "TV-JC-01 null",    WITH_SUB("null"),                        BAD(SUBJECT), 0 },
		{ "TV-JC-01 array",   WITH_SUB("[\"spiffe://example.org/w\"]"), BAD(SUBJECT), 0 },
		{ "TV-JC-02 https",   WITH_SUB("\"https://example.org/w\""),   BAD(SUBJECT), 0 },
		{ "TV-JC-02 w",       WITH_SUB("\"w\""),                       BAD(SUBJECT), 0 },
		{ "TV-JC-02 case",    WITH_SUB("\"spiffe://Example.org/w\""),  BAD(SUBJECT), 0 },
		{ "TV-JC-02 root",    WITH_SUB("\"spiffe://example.org/\""),   BAD(SUBJECT), 0 },
		{ "TV-JC-02 dots",    WITH_SUB("\"spiffe://example.org/a/../b\""), BAD(SUBJECT), 0 },
		{ "TV-JC-02 percent", WITH_SUB("\"spiffe://example.org/%41\""), BAD(SUBJECT), 0 },
		{ "TV-JC-02 port",    WITH_SUB("\"spiffe://example.org:1/w\""), BAD(SUBJECT), 0 },
		{ "TV-JC-02 NUL",     WITH_SUB("\"spiffe://example.org/w\\u0000x\""), BAD(SUBJECT), 0 },
		{ "TV-JC-02 newline", WITH_SUB("\"spiffe://example.org/w\\n\""), BAD(SUBJECT), 0 },
		{ "TV-JC-02 accent",  WITH_SUB("\"spiffe://example.org/\\u00e9\""), BAD(SUBJECT), 0 },
		{ "TV-JC-03 no path", WITH_SUB("\"spiffe://example.org\""),    GOOD, 0 },
		{ "escaped",          WITH_SUB("\"spiffe:\\/\\/example.org\\/\\u0077\""), GOOD, 0 },
	};

	(void)state;
	ROWS_ARE(rows);
}

static void TV_JC_05_to_12_audience(void **state)
{
	static const struct row rows[] = {
		{ "TV-JC-05 absent",       "{" SUB "," EXP "," IAT "}", BAD(CLAIM), 0 },
		{ "TV-JC-07 []",           WITH_AUD("[]"),              BAD(CLAIM), 0 },
		{ "TV-JC-07 \"\"",         WITH_AUD("\"\""),            BAD(CLAIM), 0 },
		{ "TV-JC-07 [\"\"]",       WITH_AUD("[\"\"]"),          BAD(CLAIM), 0 },
		{ "TV-JC-07 A and empty",  WITH_AUD("[\"A\",\"\"]"),    BAD(CLAIM), 0 },
		{ "TV-JC-08 string",       WITH_AUD("\"A\""),           GOOD, 0 },
		{ "TV-JC-09 several",      WITH_AUD("[\"x\",\"A\"]"),   GOOD, 0 },
		{ "TV-JC-10 other",        WITH_AUD("[\"B\"]"),         BAD(AUDIENCE), 0 },
		{ "TV-JC-10 other string", WITH_AUD("\"B\""),           BAD(AUDIENCE), 0 },
		{ "TV-JC-11 case",         WITH_AUD("[\"a\"]"),         BAD(AUDIENCE), 0 },
		{ "TV-JC-11 space",        WITH_AUD("[\"A \"]"),        BAD(AUDIENCE), 0 },
		{ "TV-JC-11 slash",        WITH_AUD("[\"A/\"]"),        BAD(AUDIENCE), 0 },
		{ "TV-JC-11 NUL",          WITH_AUD("[\"A\\u0000\"]"),  BAD(AUDIENCE), 0 },
		{ "TV-JC-11 longer",       WITH_AUD("[\"AA\"]"),        BAD(AUDIENCE), 0 },
		{ "TV-JC-12 number",       WITH_AUD("[\"A\",1]"),       BAD(CLAIM), 0 },
		{ "TV-JC-12 nested",       WITH_AUD("[[\"A\"]]"),       BAD(CLAIM), 0 },
		{ "TV-JC-12 object",       WITH_AUD("{\"A\":1}"),       BAD(CLAIM), 0 },
		{ "TV-JC-12 1",            WITH_AUD("1"),               BAD(CLAIM), 0 },
		{ "TV-JC-12 null",         WITH_AUD("null"),            BAD(CLAIM), 0 },
		{ "TV-JC-12 [null]",       WITH_AUD("[\"A\",null]"),    BAD(CLAIM), 0 },
	};

	(void)state;
	ROWS_ARE(rows);
}

static void TV_JC_15_to_21_expiry(void **state)
{
	/* now 1899999700: now-30 is ...670, now-300 ...400 */
	static const struct row rows[] = {
		{ "TV-JC-15 absent",      "{" SUB "," AUD "," IAT "}",       BAD(CLAIM), 0 },
		{ "TV-JC-15 null",        WITH_EXP("null"),                  BAD(CLAIM), 0 },
		{ "TV-JC-15 string",      WITH_EXP("\"1999999999\""),        BAD(CLAIM), 0 },
		{ "TV-JC-15 true",        WITH_EXP("true"),                  BAD(CLAIM), 0 },
		{ "TV-JC-15 object",      WITH_EXP("{}"),                    BAD(CLAIM), 0 },
		{ "TV-JC-15 array",       WITH_EXP("[1900000000]"),          BAD(CLAIM), 0 },
		{ "TV-JC-16 now-30",      WITH_EXP("1899999670"),            GOOD, BAD(EXPIRED) },
		{ "JT-17 now-59",         WITH_EXP("1899999641"),            GOOD, BAD(EXPIRED) },
		{ "JT-17 now-60",         WITH_EXP("1899999640"),            BAD(EXPIRED), 0 },
		{ "JT-17 now-59.5",       WITH_EXP("1899999640.5"),          GOOD, BAD(EXPIRED) },
		{ "daemon now-9",         WITH_EXP("1899999691"),            GOOD, 0 },
		{ "daemon now-10",        WITH_EXP("1899999690"),            GOOD, BAD(EXPIRED) },
		{ "TV-JC-17 now-300",     WITH_EXP("1899999400"),            BAD(EXPIRED), 0 },
		{ "TV-JC-19 fraction",    WITH_EXP("1900000000.5"),          GOOD, 0 },
		{ "TV-JC-19 exponent",    WITH_EXP("1.9e9"),                 GOOD, 0 },
		{ "TV-JC-19 far",         WITH_EXP("2e9"),                   GOOD, BAD(LIFETIME) },
		{ "TV-JC-20 -1",          WITH_EXP("-1"),                    BAD(EXPIRED), 0 },
		{ "TV-JC-20 0",           WITH_EXP("0"),                     BAD(EXPIRED), 0 },
		{ "TV-JC-20 -2^63",       WITH_EXP("-9223372036854775808"),  BAD(EXPIRED), 0 },
		{ "TV-JC-20 -1e300",      WITH_EXP("-1e300"),                BAD(EXPIRED), 0 },
		{ "TV-JC-21 1e400",       WITH_EXP("1e400"),                 BAD(PAYLOAD), 0 },
		{ "TV-JC-21 2^63",        WITH_EXP("9223372036854775808"),   GOOD, BAD(LIFETIME) },
		{ "TV-JC-21 2^63 - 1",    WITH_EXP("9223372036854775807"),   GOOD, BAD(LIFETIME) },
		{ "TV-JC-21 2^64",        WITH_EXP("18446744073709551616"),  GOOD, BAD(LIFETIME) },
		{ "TV-JC-21 2^64 + past", WITH_EXP("18446744073709551617"),  GOOD, BAD(LIFETIME) },
		{ "TV-JC-21 1e308",       WITH_EXP("1e308"),                 GOOD, BAD(LIFETIME) },
	};

	(void)state;
	ROWS_ARE(rows);
}

static void TV_JC_22_to_28_start(void **state)
{
	static const struct row rows[] = {
		{ "TV-JC-22 nbf now+300",   WITH("\"nbf\":1900000000"),    BAD(NOT_YET), 0 },
		{ "TV-JC-23 nbf now+30",    WITH("\"nbf\":1899999730"),    GOOD, BAD(NOT_YET) },
		{ "JT-19 nbf now+60",       WITH("\"nbf\":1899999760"),    GOOD, BAD(NOT_YET) },
		{ "JT-19 nbf now+61",       WITH("\"nbf\":1899999761"),    BAD(NOT_YET), 0 },
		{ "JT-19 nbf now+60.5",     WITH("\"nbf\":1899999760.5"),  BAD(NOT_YET), 0 },
		{ "daemon nbf now+10",      WITH("\"nbf\":1899999710"),    GOOD, 0 },
		{ "daemon nbf now+11",      WITH("\"nbf\":1899999711"),    GOOD, BAD(NOT_YET) },
		{ "TV-JC-24 fraction",      WITH("\"nbf\":1900009699.5"),  BAD(NOT_YET), 0 },
		{ "TV-JC-24 huge",          WITH("\"nbf\":1e300"),         BAD(NOT_YET), 0 },
		{ "TV-JC-25 string",        WITH("\"nbf\":\"x\""),         BAD(CLAIM), 0 },
		{ "TV-JC-25 null",          WITH("\"nbf\":null"),          BAD(CLAIM), 0 },
		{ "TV-JC-25 numeric text",  WITH("\"nbf\":\"1\""),         BAD(CLAIM), 0 },
		{ "nbf past",               WITH("\"nbf\":-5"),            GOOD, 0 },
		{ "TV-JC-26 iat now+3600",  "{" SUB "," AUD ",\"exp\":1900003600,\"iat\":1900003300}", GOOD, BAD(NOT_YET) },
		{ "daemon iat now+10",      WITH_IAT("1899999710"),        GOOD, 0 },
		{ "daemon iat now+11",      WITH_IAT("1899999711"),        GOOD, BAD(NOT_YET) },
		{ "daemon iat now+10.5",    WITH_IAT("1899999710.5"),      GOOD, BAD(NOT_YET) },
		{ "TV-JC-27 string",        WITH_IAT("\"x\""),             BAD(CLAIM), 0 },
		{ "TV-JC-27 null",          WITH_IAT("null"),              BAD(CLAIM), 0 },
		{ "TV-JC-27 beside nbf",    "{" SUB "," AUD "," EXP ",\"nbf\":1899999700,\"iat\":\"x\"}", BAD(CLAIM), 0 },
		{ "TV-JC-28 absent",        "{" SUB "," AUD "," EXP "}",   GOOD, BAD(CLAIM) },
		{ "DESIGN 5 nbf is start",  "{" SUB "," AUD "," EXP ",\"nbf\":1899999700}", GOOD, 0 },
		{ "DESIGN 5 iat wins",      "{" SUB "," AUD "," EXP ",\"nbf\":1,\"iat\":1899999700}", GOOD, 0 },
		{ "DESIGN 5 old nbf",       "{" SUB "," AUD "," EXP ",\"nbf\":1}", GOOD, BAD(LIFETIME) },
	};

	(void)state;
	ROWS_ARE(rows);
}

static void TV_JC_29_to_32_payload(void **state)
{
	static const struct row rows[] = {
		{ "TV-JC-29 sub twice", "{" SUB ",\"sub\":\"spiffe://example.org/admin\"," AUD "," EXP "," IAT "}", BAD(PAYLOAD), 0 },
		{ "TV-JC-29 escaped",   "{" SUB ",\"s\\u0075b\":\"spiffe://example.org/admin\"," AUD "," EXP "}", BAD(PAYLOAD), 0 },
		{ "TV-JC-30 aud twice", WITH("\"aud\":[\"A\"]"), BAD(PAYLOAD), 0 },
		{ "TV-JC-30 exp twice", WITH("\"exp\":1900000000"), BAD(PAYLOAD), 0 },
		{ "TV-JC-30 nested",    WITH("\"x\":{\"y\":[{\"z\":1,\"z\":2}]}"), BAD(PAYLOAD), 0 },
		{ "TV-JC-31 others",    WITH("\"iss\":\"spire\",\"jti\":\"1\",\"scopes\":[\"a\",\"b\"],\"x\":{\"y\":{\"z\":null}}"), GOOD, 0 },
		{ "TV-JC-31 odd iss",   WITH("\"iss\":5,\"jti\":[]"), GOOD, 0 },
		{ "TV-JC-32 array",     "[1]", BAD(PAYLOAD), 0 },
		{ "TV-JC-32 string",    "\"x\"", BAD(PAYLOAD), 0 },
		{ "TV-JC-32 null",      "null", BAD(PAYLOAD), 0 },
		{ "TV-JC-32 empty",     "", BAD(MALFORMED), 0 },
		{ "TV-JC-32 blank",     " ", BAD(PAYLOAD), 0 },
		{ "TV-JC-32 truncated", "{" SUB "," AUD "," EXP, BAD(PAYLOAD), 0 },
		{ "TV-JC-32 trailing",  T_PAYLOAD "x", BAD(PAYLOAD), 0 },
		{ "TV-JC-32 two",       T_PAYLOAD T_PAYLOAD, BAD(PAYLOAD), 0 },
		{ "TV-JC-32 BOM",       "\xef\xbb\xbf" T_PAYLOAD, BAD(PAYLOAD), 0 },
		{ "TV-JC-32 UTF-8",     WITH("\"x\":\"\xff\""), BAD(PAYLOAD), 0 },
		{ "step 5 depth 32",    WITH("\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), GOOD, 0 },
		{ "step 5 depth 33",    WITH("\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), BAD(PAYLOAD), 0 },
		{ "whitespace",         " {\n" SUB " ,\t" AUD "," EXP "," IAT "}\r\n", GOOD, 0 },
	};

	(void)state;
	ROWS_ARE(rows);
}
/* clang-format on */

static void TV_JC_04_sub_of_2048_bytes(void **state)
{
	char *path = malloc(2049), *payload;

	(void)state;
	assert_non_null(path);
	memset(path, 'p', 2048);
	path[2048 - 20] = '\0'; /* "spiffe://example.org" is 20 bytes */
	path[0] = '/';
	payload = mint_printf("{\"sub\":\"spiffe://example.org%s\"," AUD "," EXP "," IAT "}", path);
	world_expect("TV-JC-04", signed_payload(payload), world()->keys, STATUS_OK);
	free(payload);
	payload = mint_printf("{\"sub\":\"spiffe://example.org%sx\"," AUD "," EXP "," IAT "}", path);
	world_expect("TV-JC-02 TV-ID-10", signed_payload(payload), world()->keys, STATUS_JWT_SUBJECT);
	free(payload);
	free(path);
}

static void TV_JC_06_a_validator_without_audience_is_refused(void **state)
{
	static const struct bytes empty[] = { { (const uint8_t *)"A", 1 }, { NULL, 0 } };
	static struct bytes many[JWTSVID_AUDIENCES_MAX + 1];
	struct jwtsvid_rules rules = world()->rules;
	struct jwtsvid_rules zero = { 0 };
	const char *without = "{" SUB "," EXP "," IAT "}";

	(void)state;
	for (size_t i = 0; i <= JWTSVID_AUDIENCES_MAX; i++)
		many[i] = BYTES_LITERAL("A");
	assert_ok(jwtsvid_rules_check(&rules));
	assert_fails(jwtsvid_rules_check(&zero), RULES_AUDIENCE);
	assert_fails(world_verify("TV-JC-06", signed_payload(without), world()->keys, &zero), RULES_AUDIENCE);
	assert_fails(world_verify("TV-JC-06", signed_payload(T_PAYLOAD), world()->keys, &zero), RULES_AUDIENCE);
	rules.audiences = empty;
	rules.audience_count = 2;
	assert_fails(jwtsvid_rules_check(&rules), RULES_AUDIENCE);
	rules.audiences = many;
	rules.audience_count = JWTSVID_AUDIENCES_MAX;
	assert_ok(jwtsvid_rules_check(&rules));
	rules.audience_count++;
	assert_fails(jwtsvid_rules_check(&rules), RULES_AUDIENCE);
}

static void JT_18_leeway_and_bounds_have_limits(void **state)
{
	struct jwtsvid_rules rules = world()->rules;

	(void)state;
	rules.leeway_s = JWTSVID_LEEWAY_MAX_S;
	assert_ok(jwtsvid_rules_check(&rules));
	rules.leeway_s++;
	assert_fails(jwtsvid_rules_check(&rules), LIMIT);
	rules.leeway_s = -1;
	assert_fails(jwtsvid_rules_check(&rules), LIMIT);
	rules = world()->rules;
	rules.max_age_s = -1;
	assert_fails(world_verify("JT-18", signed_payload(T_PAYLOAD), world()->keys, &rules), LIMIT);
	rules = world()->rules;
	rules.max_lifetime_s = INT64_MIN;
	assert_fails(jwtsvid_rules_check(&rules), LIMIT);
}

static void TV_JC_13_any_of_several_own_audiences(void **state)
{
	static const struct bytes own[] = { { (const uint8_t *)"B", 1 }, { (const uint8_t *)"A", 1 } };
	struct jwtsvid_rules rules = world()->rules;

	(void)state;
	rules.audiences = own;
	rules.audience_count = 2;
	assert_ok(world_verify("TV-JC-13", signed_payload(T_PAYLOAD), world()->keys, &rules));
	assert_ok(world_verify("TV-JC-13", signed_payload(WITH_AUD("[\"B\"]")), world()->keys, &rules));
	assert_fails(
		world_verify("TV-JC-13", signed_payload(WITH_AUD("[\"C\"]")), world()->keys, &rules), JWT_AUDIENCE);
}

static char *with_audiences(size_t count)
{
	char text[1024] = "[\"A\"", *payload, *token;
	size_t at = 4;

	for (size_t i = 1; i < count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, ",\"x%zu\"", i);
	(void)snprintf(text + at, sizeof(text) - at, "]");
	payload = mint_printf("{" SUB ",\"aud\":%s," EXP "," IAT "}", text);
	token = signed_payload(payload);
	free(payload);
	return token;
}

static void TV_JC_14_audiences_are_counted(void **state)
{
	struct jwtsvid_rules rules = world()->rules;

	(void)state;
	world_expect("TV-JC-14 32", with_audiences(32), world()->keys, STATUS_OK);
	world_expect("TV-JC-14 33", with_audiences(33), world()->keys, STATUS_JWT_AUDIENCE);
	rules.single_audience = true; /* JT-15 */
	assert_ok(world_verify("TV-JC-14", with_audiences(1), world()->keys, &rules));
	assert_fails(world_verify("TV-JC-14", with_audiences(2), world()->keys, &rules), JWT_AUDIENCE);
}

static void TV_JC_18_without_leeway_exp_now_is_past(void **state)
{
	struct jwtsvid_rules rules = world()->rules;

	(void)state;
	rules.leeway_s = 0;
	assert_fails(
		world_verify("TV-JC-18", signed_payload(WITH_EXP("1899999700")), world()->keys, &rules), JWT_EXPIRED);
	assert_ok(world_verify("TV-JC-18", signed_payload(WITH_EXP("1899999701")), world()->keys, &rules));
	assert_ok(world_verify("TV-JC-18", signed_payload(WITH_EXP("1899999700.001")), world()->keys, &rules));
	assert_fails(world_verify("TV-JC-18", signed_payload(WITH("\"nbf\":1899999701")), world()->keys, &rules),
		JWT_NOT_YET);
	assert_ok(world_verify("TV-JC-18", signed_payload(WITH("\"nbf\":1899999700")), world()->keys, &rules));
}

static void TV_JC_33_the_same_token_passes_twice(void **state)
{
	struct world *w = world();
	char *token = signed_payload(WITH("\"jti\":\"once\"")), *again = mint_printf("%s", token);

	(void)state;
	world_expect("TV-JC-33", token, w->keys, STATUS_OK);
	world_expect("TV-JC-33", again, w->keys, STATUS_OK);
}

static void TV_JC_34_lifetime_of_a_day(void **state)
{
	struct jwtsvid_rules rules = world()->rules;
	const char *day = "{" SUB "," AUD ",\"exp\":1900086100," IAT "}";

	(void)state;
	world_expect("TV-JC-34 no policy", signed_payload(day), world()->keys, STATUS_OK);
	rules.max_lifetime_s = 600;
	assert_fails(world_verify("TV-JC-34", signed_payload(day), world()->keys, &rules), JWT_LIFETIME);
	assert_ok(world_verify(
		"TV-JC-34", signed_payload(WITH_EXP("1900000300")), world()->keys, &rules)); /* exactly 600 s */
	assert_fails(
		world_verify("TV-JC-34", signed_payload(WITH_EXP("1900000301")), world()->keys, &rules), JWT_LIFETIME);
	assert_fails(world_verify("TV-JC-34", signed_payload(WITH_EXP("1900000300.5")), world()->keys, &rules),
		JWT_LIFETIME);
	/* JT-23: without a start, what is left. */
	assert_ok(world_verify(
		"TV-JC-34", signed_payload("{" SUB "," AUD ",\"exp\":1900000300}"), world()->keys, &rules));
	assert_fails(
		world_verify("TV-JC-34", signed_payload("{" SUB "," AUD ",\"exp\":1900000301}"), world()->keys, &rules),
		JWT_LIFETIME);
}

static struct jwtsvid *authenticated(const char *payload)
{
	char *token = signed_payload(payload);
	struct jwtsvid *svid = NULL;

	assert_ok(jwtsvid_authenticate(bytes_from_text(token), world()->keys, &svid));
	free(token);
	return svid;
}

static void JT_23_age_ends_exactly_where_stated(void **state)
{
	struct jwtsvid_rules rules = world()->rules;
	struct jwtsvid *svid = authenticated(WITH_EXP("2000000000")),
		       *startless = authenticated("{" SUB "," AUD "," EXP "}");

	(void)state;
	rules.max_age_s = 150;
	assert_ok(jwtsvid_judge(svid, &rules, NOW + 150));
	assert_fails(jwtsvid_judge(svid, &rules, NOW + 151), JWT_AGE);
	assert_ok(jwtsvid_judge(svid, &rules, NOW - 1000)); /* age = max(0, now - start) */
	assert_true(jwtsvid_age_s(svid, NOW - 1000) == 0);
	assert_true(jwtsvid_age_s(svid, NOW + 7) == 7);
	assert_true(jwtsvid_lifetime_s(svid) == 2000000000 - NOW);
	/* An age that cannot be told is too old. */
	assert_fails(jwtsvid_judge(startless, &rules, NOW), JWT_CLAIM);
	rules.max_age_s = 0;
	assert_ok(jwtsvid_judge(startless, &rules, NOW));
	rules.need_start = true;
	assert_fails(jwtsvid_judge(startless, &rules, NOW), JWT_CLAIM);
	assert_true(jwtsvid_age_s(startless, NOW) == INT64_MAX);
	assert_true(jwtsvid_lifetime_s(startless) == INT64_MAX);
	jwtsvid_unref(svid);
	jwtsvid_unref(startless);
}

static void fractions_of_a_second_count_for_the_verifier(void **state)
{
	struct jwtsvid *svid = authenticated("{" SUB "," AUD ",\"exp\":1900000000.25,\"iat\":1899999700.75}");

	(void)state;
	assert_true(svid->exp_s == 1900000001 && svid->start_s == NOW && svid->start_up_s == NOW + 1);
	assert_true(jwtsvid_lifetime_s(svid) == 301);
	jwtsvid_unref(svid);
}

static void no_time_makes_a_sum_wrap(void **state)
{
	static const char *const payloads[] = { WITH_EXP("1e308"), WITH_EXP("-1e308"),
		"{" SUB "," AUD ",\"exp\":1e308,\"iat\":-1e308,\"nbf\":1e308}",
		"{" SUB "," AUD ",\"exp\":-1e308,\"iat\":1e308,\"nbf\":-1e308}" };
	static const int64_t nows[] = { 0, NOW, INT64_C(1) << 60, -(INT64_C(1) << 60) };

	(void)state;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		struct jwtsvid *svid = authenticated(payloads[i]);

		for (size_t j = 0; j < sizeof(nows) / sizeof(nows[0]); j++) {
			(void)jwtsvid_judge(svid, &world()->daemon, nows[j]); /* the sanitizer judges */
			(void)jwtsvid_judge(svid, &world()->rules, nows[j]);
			(void)jwtsvid_age_s(svid, nows[j]);
		}
		jwtsvid_unref(svid);
	}
}

static void judging_again_sees_time_pass(void **state)
{
	struct jwtsvid *svid = authenticated(T_PAYLOAD);
	struct jwtsvid_rules rules = world()->daemon;

	(void)state;
	assert_ok(jwtsvid_judge(svid, &rules, NOW));
	assert_ok(jwtsvid_judge(svid, &rules, 1900000009));
	assert_fails(jwtsvid_judge(svid, &rules, 1900000010), JWT_EXPIRED);
	assert_fails(jwtsvid_judge(svid, &rules, NOW - 11), JWT_NOT_YET);
	rules.max_lifetime_s = 299;
	assert_fails(jwtsvid_judge(svid, &rules, NOW), JWT_LIFETIME);
	rules.audience_count = 0;
	assert_fails(jwtsvid_judge(svid, &rules, NOW), RULES_AUDIENCE);
	jwtsvid_unref(svid);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(TV_JC_01_to_03_subject),
	cmocka_unit_test(TV_JC_04_sub_of_2048_bytes),
	cmocka_unit_test(TV_JC_05_to_12_audience),
	cmocka_unit_test(TV_JC_06_a_validator_without_audience_is_refused),
	cmocka_unit_test(JT_18_leeway_and_bounds_have_limits),
	cmocka_unit_test(TV_JC_13_any_of_several_own_audiences),
	cmocka_unit_test(TV_JC_14_audiences_are_counted),
	cmocka_unit_test(TV_JC_15_to_21_expiry),
	cmocka_unit_test(TV_JC_18_without_leeway_exp_now_is_past),
	cmocka_unit_test(TV_JC_22_to_28_start),
	cmocka_unit_test(TV_JC_29_to_32_payload),
	cmocka_unit_test(TV_JC_33_the_same_token_passes_twice),
	cmocka_unit_test(TV_JC_34_lifetime_of_a_day),
	cmocka_unit_test(JT_23_age_ends_exactly_where_stated),
	cmocka_unit_test(fractions_of_a_second_count_for_the_verifier),
	cmocka_unit_test(no_time_makes_a_sum_wrap),
	cmocka_unit_test(judging_again_sees_time_pass),
};
UNIT_MAIN(tests)
