/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities of providers that are no SPIFFE ones, as tenants, administrators and words: an issuer and a subject, two
 * values that never become one, and that never meet a SPIFFE ID, an account or a claimed name. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/config_yaml.h"
#include "agent/policy.h"
#include "agent/policy_case.h"
#include "base/own.h"

#define IDP "https://idp.example"

enum { NOW = 1000000 };

/* The third issuer is called as a trust domain is. */
static const char sample[] =
	"apiVersion: keyreeve/v1\nkind: Agent\n"
	"providers: [{name: soft, type: software}]\n"
	"issuers:\n"
	"  - {issuer: " IDP ", audiences: parsec, jwks_file: /k}\n"
	"  - {issuer: https://long.example, audiences: [a, b], types: [at+jwt, none], claim: email, algorithms: "
	"[ES256, "
	"PS256], max_lifetime: 1h, max_age: 30m, jwks_file: /k}\n"
	"  - {issuer: prod.example, audiences: parsec, jwks_file: /k}\n"
	"tenants:\n"
	"  - {match: {issuer: " IDP ", subject: \"team/{team}/{who}\"}, tenant: \"t/{team}\"}\n"
	"  - {match: {issuer: " IDP ", subject: \"**\"}, tenant: others, namespace: tenant}\n"
	"  - {match: {issuer: https://long.example, subject: \"{who}\"}, tenant: long, token: {max_age: 5m}}\n"
	"  - {match: {spiffe: \"spiffe://prod.example/ns/{n}/sa/{a}\"}, tenant: \"k8s/{n}\"}\n"
	"  - match: {issuer: prod.example, subject: \"vm/{h}\"}\n"
	"    tenant: vms\n"
	"    rules:\n"
	"      - {allow: [use, create], subjects: [vm/one], authenticators: jwt}\n"
	"      - {allow: use, subjects: [vm/two], token: {max_age: 60s}}\n"
	"  - {match: {direct: \"{n}\"}, tenant: everybody}\n"
	"admins:\n"
	"  - {issuer: " IDP ", subject: team/platform/ada}\n";

static void auto_config(struct config **config)
{
	config_free(*config);
}

static void auto_unref(struct policy **policy)
{
	policy_unref(*policy);
}

static struct config *parse(const char *text)
{
	AUTO(buf_done) struct buf errors = buf_make(8192);
	struct config *config = NULL;
	struct status st = config_yaml_parse(bytes_from_text(text), "f", &errors, &config);

	if (st.code != STATUS_OK)
		fail_msg("%s\n%.*s", status_name(st.code), (int)errors.len, (const char *)errors.data);
	return config;
}

static struct policy *compile(const char *text)
{
	AUTO(auto_config) struct config *config = parse(text);
	struct policy *policy = NULL;

	assert_ok(policy_new(config, &policy));
	return policy;
}

static struct identity issued(const char *issuer, const char *subject)
{
	return (struct identity){ .authenticator = AUTHENTICATOR_ISSUER,
		.name = bytes_from_text(subject),
		.issuer = bytes_from_text(issuer) };
}

static struct identity named(uint8_t authenticator, const char *name)
{
	return (struct identity){ .authenticator = authenticator, .name = bytes_from_text(name) };
}

static struct token_facts token(int64_t age_s, int64_t lifetime_s)
{
	return (struct token_facts){ true, NOW - age_s, NOW - age_s + lifetime_s, NOW };
}

static void an_issuer_s_fields_reach_the_tree(void **state)
{
	AUTO(auto_config) struct config *config = parse(sample);
	const struct config_issuer *first = &config->issuers[0], *second = &config->issuers[1];

	(void)state;
	assert_int_equal(config->issuer_count, 3);
	assert_string_equal(first->types[0], "JWT");
	assert_int_equal(first->type_count, 1);
	assert_string_equal(first->claim, "sub");
	assert_int_equal(first->algorithms, 0);
	assert_int_equal(first->max_lifetime_s, 600);
	assert_int_equal(first->max_age_s, 600);
	assert_int_equal(second->audience_count, 2);
	assert_string_equal(second->types[1], "none");
	assert_string_equal(second->claim, "email");
	assert_int_equal(second->max_lifetime_s, 3600);
	assert_int_equal(second->max_age_s, 1800);
	assert_ptr_equal(config_issuer_find(config, BYTES_LITERAL("https://long.example")), second);
	assert_null(config_issuer_find(config, BYTES_LITERAL("https://long.example/")));
	assert_null(config_issuer_find(config, (struct bytes){ 0 }));
}

static void an_identity_is_issuer_and_subject(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	const struct {
		struct identity who;
		const char *tenant; /* NULL: none */
	} rows[] = {
		{ issued(IDP, "team/a/bob"), "t/a" },
		{ issued(IDP, "team/a"), "others" },
		{ issued(IDP, "auth0|4711"), "others" },
		{ issued(IDP, "spiffe"), "others" },
		{ issued(IDP, ""), NULL },
		{ issued(IDP, "a//b"), NULL }, /* segments are never empty */
		{ issued(IDP, "a/"), NULL },
		{ issued(IDP "/", "team/a/bob"), NULL },
		{ issued("", "team/a/bob"), NULL },
		{ issued("https://other.example", "team/a/bob"), NULL },
		{ issued("https://long.example", "bob@example.org"), "long" },
		{ issued("https://long.example", "a/b"), NULL },
		/* the tenants of one kind are no tenants of another, whatever the names */
		{ issued("prod.example", "vm/7"), "vms" },
		{ issued("prod.example", "ns/a/sa/w"), NULL },
		{ named(AUTHENTICATOR_JWT_SVID, "spiffe://prod.example/ns/a/sa/w"), "k8s/a" },
		{ named(AUTHENTICATOR_JWT_SVID, "spiffe://prod.example/vm/7"), NULL },
		{ named(AUTHENTICATOR_JWT_SVID, "team/a/bob"), NULL },
		{ named(AUTHENTICATOR_ISSUER, "team/a/bob"), NULL },
		{ named(AUTHENTICATOR_DIRECT, "bob"), "everybody" },
		{ named(AUTHENTICATOR_DIRECT, "team/a/bob"), NULL },
		{ named(AUTHENTICATOR_UNIX_PEER, "team/a/bob"), NULL },
	};
	struct token_facts fresh = token(0, 300);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tenant_match match;
		struct decision decision;
		struct status st = tenant_find(policy, &rows[i].who, &fresh, &match, &decision);

		if ((st.code == STATUS_OK) != (rows[i].tenant != NULL) ||
			(st.code == STATUS_OK && strcmp(match.name, rows[i].tenant) != 0))
			fail_msg("row %zu: %s %s", i, status_name(st.code), st.code == STATUS_OK ? match.name : "");
	}
}

/* Two issuers may name the same subject; each has its own keys. */
static void a_namespace_keeps_issuer_and_subject_apart(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	struct identity who = issued(IDP, "team/a/bob");
	struct token_facts fresh = token(0, 300);
	struct namespace_name space;
	struct tenant_match match;
	struct decision decision;

	(void)state;
	assert_ok(tenant_find(policy, &who, &fresh, &match, &decision));
	tenant_space(&match, &who, &space);
	assert_int_equal(space.authenticator, 2);
	assert_bytes(space.domain, BYTES_LITERAL(IDP));
	assert_bytes(space.tenant, BYTES_LITERAL("t/a"));
	assert_bytes(space.identity, BYTES_LITERAL("team/a/bob"));
	who = issued(IDP, "x");
	assert_ok(tenant_find(policy, &who, &fresh, &match, &decision));
	tenant_space(&match, &who, &space);
	assert_bytes(space.domain, BYTES_LITERAL(IDP));
	assert_bytes(space.tenant, BYTES_LITERAL("others"));
	assert_int_equal(space.identity.len, 0);
}

/* DESIGN decision 5: the daemon's bounds, loosened for an issuer only by the file, tightened by the tenant. */
static void bounds_are_the_issuers_and_the_tenants(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	const struct {
		struct identity who;
		int64_t age_s, lifetime_s;
		enum status_code want;
	} rows[] = {
		{ issued(IDP, "x"), 0, 600, STATUS_OK },
		{ issued(IDP, "x"), 0, 601, STATUS_TENANT_TOKEN },
		{ issued("https://long.example", "x"), 0, 3600, STATUS_OK },
		{ issued("https://long.example", "x"), 0, 3601, STATUS_TENANT_TOKEN },
		{ issued("https://long.example", "x"), 300, 3600, STATUS_OK },
		{ issued("https://long.example", "x"), 301, 3600, STATUS_TENANT_TOKEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct token_facts facts = token(rows[i].age_s, rows[i].lifetime_s);
		struct tenant_match match;
		struct decision decision;

		assert_status(tenant_find(policy, &rows[i].who, &facts, &match, &decision), rows[i].want);
		assert_fails(tenant_find(policy, &rows[i].who, NULL, &match, &decision), TENANT_TOKEN);
	}
}

static void rules_see_subject_and_authenticator(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	const struct {
		const char *subject;
		enum verb verb;
		int64_t age_s;
		bool is_allowed;
	} rows[] = {
		{ "vm/one", VERB_GENERATE, 500, true },
		{ "vm/one", VERB_EXPORT, 0, false },
		{ "vm/two", VERB_SIGN, 60, true },
		{ "vm/two", VERB_SIGN, 61, false },
		{ "vm/two", VERB_GENERATE, 0, false },
		{ "vm/three", VERB_SIGN, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity who = issued("prod.example", rows[i].subject);
		struct token_facts facts = token(rows[i].age_s, 600);
		struct policy_request rq = {
			.verb = rows[i].verb, .key = BYTES_LITERAL("k"), .identity = &who, .token = &facts, .now_s = NOW
		};
		struct tenant_match match;
		struct decision decision;

		assert_ok(tenant_find(policy, &who, &facts, &match, &decision));
		if ((policy_check(policy, &match, &rq, &decision).code == STATUS_OK) != rows[i].is_allowed)
			fail_msg("row %zu: %s", i, decision.rule);
	}
}

static void administrators_are_issuer_and_subject(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	const struct {
		struct identity who;
		bool is_admin;
	} rows[] = {
		{ issued(IDP, "team/platform/ada"), true },
		{ issued(IDP, "team/platform/ad"), false },
		{ issued(IDP, "team/platform/ada/"), false },
		{ issued("https://long.example", "team/platform/ada"), false },
		{ named(AUTHENTICATOR_ISSUER, "team/platform/ada"), false },
		{ named(AUTHENTICATOR_DIRECT, "team/platform/ada"), false },
		{ named(AUTHENTICATOR_JWT_SVID, "team/platform/ada"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (policy_is_admin(policy, &rows[i].who) != rows[i].is_admin)
			fail_msg("row %zu", i);
}

static void the_words_for_it_are_read_in_one_way(void **state)
{
	static const struct {
		const char *as, *issuer, *subject; /* issuer NULL: no identity */
	} rows[] = {
		{ "issuer:" IDP " bob", IDP, "bob" },
		{ "jwt:" IDP " bob", IDP, "bob" },
		{ "issuer:" IDP " bob with spaces", IDP, "bob with spaces" },
		{ "issuer:" IDP "  bob", IDP, " bob" },
		{ "issuer:" IDP, NULL, NULL },
		{ "issuer:" IDP " ", NULL, NULL },
		{ "issuer: bob", NULL, NULL },
		{ "issuer:", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity who;

		if (policy_identity_parse(rows[i].as, &who) != (rows[i].issuer != NULL))
			fail_msg("%s", rows[i].as);
		if (rows[i].issuer == NULL)
			continue;
		assert_int_equal(who.authenticator, AUTHENTICATOR_ISSUER);
		assert_bytes(who.issuer, bytes_from_text(rows[i].issuer));
		assert_bytes(who.name, bytes_from_text(rows[i].subject));
	}
}

static void an_explanation_names_issuer_and_subject(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	AUTO(buf_done) struct buf text = buf_make(4096);
	struct identity who = issued(IDP, "team/a/bob");
	struct token_facts facts = token(601, 602);
	struct policy_request rq = { .verb = VERB_SIGN, .key = BYTES_LITERAL("k"), .identity = &who, .token = &facts };

	(void)state;
	assert_fails(policy_explain(policy, &rq, &text), TENANT_TOKEN);
	assert_bytes(buf_bytes(&text),
		BYTES_LITERAL(
			"identity: jwt " IDP " team/a/bob\n"
			"token:    lives 602s, is 601s old\n"
			"decision: deny (TENANT_TOKEN: token refused by the tenant's rule)\n"
			"rule:     tenants[0].token\n"
			"passes:   a token that lives at most 600s, is at most 600s old, is valid by a clock at most "
			"10s off\n"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_issuer_s_fields_reach_the_tree),
	cmocka_unit_test(an_identity_is_issuer_and_subject),
	cmocka_unit_test(a_namespace_keeps_issuer_and_subject_apart),
	cmocka_unit_test(bounds_are_the_issuers_and_the_tenants),
	cmocka_unit_test(rules_see_subject_and_authenticator),
	cmocka_unit_test(administrators_are_issuer_and_subject),
	cmocka_unit_test(the_words_for_it_are_read_in_one_way),
	cmocka_unit_test(an_explanation_names_issuer_and_subject),
};
UNIT_MAIN(tests)
