/* SPDX-License-Identifier: Apache-2.0
 *
 * What rules can ask of a request beyond its verb and its key's name, and what created keys may be. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/config_yaml.h"
#include "agent/policy.h"
#include "agent/policy_parts.h"
#include "base/own.h"

#define HEAD                                     \
	"apiVersion: keyreeve/v1\nkind: Agent\n" \
	"providers: [{name: tpm, type: tpm}, {name: soft, type: software}]\n"
#define TENANT HEAD "tenants:\n  - match: {spiffe: 'spiffe://d/ns/{n}/{w}'}\n    tenant: t\n    rules:\n"

enum { TPM, SOFT, DAY = 86400, HOUR = 3600 };
/* Wednesday 2026-11-25, 12:00:00 UTC. */
enum { NOON = 1795608000 };

static void auto_config(struct config **config)
{
	config_free(*config);
}

static void auto_unref(struct policy **policy)
{
	policy_unref(*policy);
}

static struct policy *compile(const char *text)
{
	AUTO(buf_done) struct buf errors = buf_make(8192);
	AUTO(auto_config) struct config *config = NULL;
	struct policy *policy = NULL;
	struct status st = config_yaml_parse(bytes_from_text(text), "f", &errors, &config);

	if (st.code != STATUS_OK)
		fail_msg("%s\n%.*s\n%s", status_name(st.code), (int)errors.len, (const char *)errors.data, text);
	assert_ok(policy_new(config, &policy));
	return policy;
}

static const struct psa_key_attributes p256 = { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_USAGE_SIGN_HASH, 256,
	{ PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } };
static const struct psa_key_attributes p256_any = { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_USAGE_SIGN_HASH, 256,
	{ PSA_ALG_ECDSA, PSA_HASH_ANY, 0, 0, 0 } };
static const struct psa_key_attributes k256 = { PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_K1, PSA_USAGE_VERIFY_HASH, 256,
	{ PSA_ALG_ECDSA_ANY, 0, 0, 0, 0 } };
static const struct psa_key_attributes brainpool = { PSA_KEY_ECC_PAIR, PSA_ECC_BRAINPOOL_P_R1, PSA_USAGE_SIGN_HASH, 256,
	{ PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } };
static const struct psa_key_attributes rsa2048 = { PSA_KEY_RSA_PAIR, 0, PSA_USAGE_SIGN_HASH | PSA_USAGE_EXPORT, 2048,
	{ PSA_ALG_RSA_PSS, PSA_HASH_SHA_384, 0, 0, 0 } };
static const struct psa_key_attributes rsa2047 = { PSA_KEY_RSA_PAIR, 0, PSA_USAGE_DECRYPT, 2047,
	{ PSA_ALG_RSA_OAEP, PSA_HASH_SHA_1, 0, 0, 0 } };
static const struct psa_key_attributes aes = { PSA_KEY_AES, 0, PSA_USAGE_ENCRYPT, 256, { PSA_ALG_AEAD, 0, 2, 0, 0 } };
static const struct psa_key_attributes nothing = { 0 };

/* What a rule says besides `allow: use` or `deny: use`, and whether a request meets it.  A rule that allows and is
 * met allows; one that denies and is met denies; not known: the one does not allow, the other denies. */
static const struct row {
	const char *condition;
	enum answer want;
	const struct psa_key_attributes *key;
	struct psa_alg alg; /* kind 0: the request names none */
	const char *id;
	uint32_t provider;
	int64_t now_s, created_s;
} rows[] = {
	/* clang-format off */
	{ "types: ecc-p256", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: [rsa, ecc-p384]", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc", ANSWER_YES, &brainpool, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc-p256", ANSWER_NO, &brainpool, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc-other", ANSWER_YES, &brainpool, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc-secp256k1", ANSWER_YES, &k256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc-p256", ANSWER_NO, &k256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: rsa-2048", ANSWER_YES, &rsa2048, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: rsa-2048", ANSWER_NO, &rsa2047, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: rsa-other", ANSWER_YES, &rsa2047, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: [aes, hmac]", ANSWER_YES, &aes, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: rsa", ANSWER_UNKNOWN, NULL, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: rsa", ANSWER_UNKNOWN, &nothing, { 0 }, "a/b", TPM, NOON, 1 },
	{ "min_bits: 256", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "min_bits: 257", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "max_bits: 256", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "max_bits: 255", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "min_bits: 2048, max_bits: 4096", ANSWER_YES, &rsa2048, { 0 }, "a/b", TPM, NOON, 1 },
	{ "min_bits: 1", ANSWER_UNKNOWN, NULL, { 0 }, "a/b", TPM, NOON, 1 },
	{ "min_bits: 1", ANSWER_UNKNOWN, &nothing, { 0 }, "a/b", TPM, NOON, 1 },
	/* the request's algorithm, else the key's */
	{ "algorithms: ecdsa", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "algorithms: [rsa-pss, rsa-pkcs1v15]", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "algorithms: rsa-pkcs1v15", ANSWER_YES, &rsa2048, { PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_SHA_1, 0, 0, 0 }, "a/b", TPM, NOON, 1 },
	{ "algorithms: rsa-pss", ANSWER_NO, &rsa2048, { PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_SHA_1, 0, 0, 0 }, "a/b", TPM, NOON, 1 },
	{ "algorithms: ecdsa-unhashed", ANSWER_YES, &k256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "algorithms: ecdsa", ANSWER_UNKNOWN, NULL, { 0 }, "a/b", TPM, NOON, 1 },
	{ "algorithms: ecdsa", ANSWER_YES, NULL, { PSA_ALG_ECDSA, PSA_HASH_SHA_1, 0, 0, 0 }, "a/b", TPM, NOON, 1 },
	{ "algorithms: ecdsa", ANSWER_UNKNOWN, &nothing, { 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: [sha-256, sha-384]", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: sha-512", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: sha-1", ANSWER_YES, &p256_any, { PSA_ALG_ECDSA, PSA_HASH_SHA_1, 0, 0, 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: sha-1", ANSWER_NO, &p256_any, { PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: sha-1", ANSWER_UNKNOWN, &p256_any, { 0 }, "a/b", TPM, NOON, 1 }, /* may become each of them */
	{ "hashes: [sha-256, any]", ANSWER_YES, &p256_any, { 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: sha-256", ANSWER_UNKNOWN, &k256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: any", ANSWER_YES, &k256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: sha-256", ANSWER_NO, &aes, { 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: sha-256", ANSWER_UNKNOWN, NULL, { 0 }, "a/b", TPM, NOON, 1 },
	{ "hashes: sha-256", ANSWER_UNKNOWN, &nothing, { 0 }, "a/b", TPM, NOON, 1 },
	{ "providers: [soft]", ANSWER_YES, &p256, { 0 }, "a/b", SOFT, NOON, 1 },
	{ "providers: soft", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "providers: [tpm, soft]", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "providers: [tpm, soft]", ANSWER_UNKNOWN, &p256, { 0 }, "a/b", TENANT_NO_PROVIDER, NOON, 1 },
	{ "max_key_age: 90d", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, NOON - 90 * DAY },
	{ "max_key_age: 90d", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, NOON - 90 * DAY - 1 },
	{ "min_key_age: 1h", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, NOON - HOUR },
	{ "min_key_age: 1h", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, NOON - HOUR + 1 },
	{ "min_key_age: 1h, max_key_age: 1d", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, NOON - DAY },
	{ "max_key_age: 90d", ANSWER_UNKNOWN, &p256, { 0 }, "a/b", TPM, NOON, 0 },
	{ "max_key_age: 90d", ANSWER_UNKNOWN, &p256, { 0 }, "a/b", TPM, 0, 5 },
	{ "max_key_age: 90d", ANSWER_UNKNOWN, &p256, { 0 }, "a/b", TPM, NOON, NOON + 1 }, /* the clock went back */
	{ "subjects: 'spiffe://d/ns/a/{w}'", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "subjects: 'spiffe://d/ns/a/{w}'", ANSWER_NO, &p256, { 0 }, "b/b", TPM, NOON, 1 },
	{ "subjects: ['spiffe://d/ns/a/c', 'spiffe://d/ns/a/b']", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "subjects: 'spiffe://d/ns/**'", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "subjects: 'spiffe://d/ns/a/bb'", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "subjects: 'spiffe://d/ns/a/{w}'", ANSWER_UNKNOWN, &p256, { 0 }, NULL, TPM, NOON, 1 },
	{ "authenticators: jwt-svid", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "authenticators: [direct, jwt-svid]", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "authenticators: jwt-svid", ANSWER_UNKNOWN, &p256, { 0 }, NULL, TPM, NOON, 1 },
	{ "time: {days: wed}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "time: {days: [mon, tue, thu, fri, sat, sun]}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "time: {days: thu}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON + DAY, 1 },
	{ "time: {days: sun}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON + 4 * DAY, 1 },
	{ "time: {days: mon}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON + 5 * DAY, 1 },
	{ "time: {from: '12:00', until: '13:00'}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "time: {from: '11:00', until: '12:00'}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "time: {from: '11:00', until: '12:00'}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON - 1, 1 },
	{ "time: {from: '12:01', until: '24:00'}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "time: {from: '12:01', until: '24:00'}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON + 12 * HOUR - 1, 1 },
	/* over midnight: Wednesday's window ends on Thursday morning */
	{ "time: {days: wed, from: '22:00', until: '06:00'}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON + 10 * HOUR, 1 },
	{ "time: {days: wed, from: '22:00', until: '06:00'}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON + 18 * HOUR - 1, 1 },
	{ "time: {days: wed, from: '22:00', until: '06:00'}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON + 18 * HOUR, 1 },
	{ "time: {days: wed, from: '22:00', until: '06:00'}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON - 7 * HOUR, 1 },
	{ "time: {days: tue, from: '22:00', until: '06:00'}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON - 7 * HOUR, 1 },
	{ "time: {from: '12:00', until: '12:00'}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON - 1, 1 },
	{ "time: {not_before: 2026-11-25T12:00:00Z}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "time: {not_before: 2026-11-25T12:00:00Z}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON - 1, 1 },
	{ "time: {not_after: 2026-11-25T12:00:00Z}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "time: {not_after: 2026-11-25T12:00:00Z}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON + 1, 1 },
	{ "time: {not_after: 2026-11-25}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "time: {days: wed}", ANSWER_UNKNOWN, &p256, { 0 }, "a/b", TPM, 0, 1 },
	/* all of them together; one that is not met beats one that is not known */
	{ "types: ecc, algorithms: ecdsa, providers: tpm, time: {days: wed}", ANSWER_YES, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc, algorithms: ecdsa, providers: soft, time: {days: wed}", ANSWER_NO, &p256, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc, time: {days: thu}", ANSWER_NO, NULL, { 0 }, "a/b", TPM, NOON, 1 },
	{ "types: ecc, time: {days: wed}", ANSWER_UNKNOWN, NULL, { 0 }, "a/b", TPM, NOON, 1 },
	/* clang-format on */
};

static void ask(const struct row *row, bool denies, struct decision *ret_decision)
{
	AUTO(buf_done) struct buf text = buf_make(8192);
	AUTO(auto_unref) struct policy *policy = NULL;
	struct token_facts token = { true, NOON, NOON + 300, NOON };
	struct identity who = { .authenticator = AUTHENTICATOR_JWT_SVID }, known;
	struct policy_request rq = { .verb = VERB_SIGN,
		.provider = row->provider,
		.key = BYTES_LITERAL("web"),
		.identity = row->id != NULL ? &known : NULL,
		.token = &token,
		.now_s = row->now_s,
		.attributes = row->key,
		.alg = row->alg.kind != 0 ? &row->alg : NULL,
		.key_created_s = row->created_s };
	struct tenant_match match;
	struct status st;
	char id[64];

	buf_printf(&text, TENANT "      - {%s: use, keys: \"w*\", %s}\n%s%c", denies ? "deny" : "allow", row->condition,
		denies ? "      - {allow: use}\n" : "", '\0');
	policy = compile((const char *)text.data);
	(void)snprintf(id, sizeof(id), "spiffe://d/ns/%s", row->id != NULL ? row->id : "a/b");
	who.name = bytes_from_text(id);
	known = who;
	assert_ok(tenant_find(policy, &who, &token, &match, ret_decision));
	st = policy_check(policy, &match, &rq, ret_decision);
	assert_int_equal(st.code == STATUS_OK, ret_decision->is_allowed);
	/* the rule's name is the policy's, which ends here */
	ret_decision->rule = strcmp(ret_decision->rule, "tenants[0].rules[0]") == 0 ? "it" : "not it";
}

static void a_rule_asks_what_it_states(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decision decision;

		ask(&rows[i], false, &decision);
		if (decision.is_allowed != (rows[i].want == ANSWER_YES) ||
			decision.is_uncertain != (rows[i].want == ANSWER_UNKNOWN) ||
			strcmp(decision.rule, decision.is_allowed ? "it" : "not it") != 0)
			fail_msg("allow, %s (row %zu): %d by %s, uncertain %d", rows[i].condition, i,
				decision.is_allowed, decision.rule, decision.is_uncertain);
		ask(&rows[i], true, &decision);
		if (decision.is_allowed != (rows[i].want == ANSWER_NO) ||
			decision.is_uncertain != (rows[i].want == ANSWER_UNKNOWN) ||
			strcmp(decision.rule, decision.is_allowed ? "not it" : "it") != 0)
			fail_msg("deny, %s (row %zu): %d by %s, uncertain %d", rows[i].condition, i,
				decision.is_allowed, decision.rule, decision.is_uncertain);
	}
}

static void binding_and_principals_are_what_the_request_says(void **state)
{
	struct config_rule from = { .binding = BINDING_BIT(BINDING_FIRST_USE) | BINDING_BIT(BINDING_DECLARED),
		.max_principals = 2,
		.min_bits = CONFIG_UNSET,
		.max_bits = CONFIG_UNSET,
		.min_key_age_s = CONFIG_UNSET,
		.max_key_age_s = CONFIG_UNSET,
		.time = { 0, CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET },
		.token = { CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET } };
	struct rule rule = { 0 };
	static const struct {
		uint32_t binding, principals;
		enum answer want;
	} asked[] = {
		{ 0, 0, ANSWER_UNKNOWN },
		{ BINDING_BIT(BINDING_FIRST_USE), 1, ANSWER_YES },
		{ BINDING_BIT(BINDING_DECLARED), 2, ANSWER_YES },
		{ BINDING_BIT(BINDING_DECLARED), 3, ANSWER_NO },
		{ BINDING_BIT(BINDING_WATCH), 1, ANSWER_NO },
		{ BINDING_BIT(BINDING_NONE), 1, ANSWER_NO },
		{ BINDING_BIT(BINDING_FIRST_USE), 0, ANSWER_UNKNOWN },
		{ 0, 1, ANSWER_UNKNOWN },
		{ 0, 3, ANSWER_NO },
	};

	(void)state;
	condition_compile(&from, &rule);
	assert_int_equal(rule.conditions, 1u << CONDITION_BINDING | 1u << CONDITION_PRINCIPALS);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct policy_request rq = { .binding = asked[i].binding, .principals = asked[i].principals };

		if (condition_rest(&rule, &rq) != asked[i].want)
			fail_msg("row %zu", i);
	}
}

/* Who asks no client supposes the tenant's binding, and one principal. */
static void what_is_supposed_of_a_request_is_its_tenant_s(void **state)
{
	AUTO(auto_unref)
	struct policy *policy = compile(HEAD "tenants:\n  - match: {spiffe: spiffe://d/a}\n    tenant: t\n"
					     "    token: {binding: watch}\n  - {match: {uid: 5}, tenant: u}\n");
	struct identity spiffe = { .authenticator = AUTHENTICATOR_JWT_SVID, .name = BYTES_LITERAL("spiffe://d/a") },
			account = { .authenticator = AUTHENTICATOR_UNIX_PEER, .name = BYTES_LITERAL("5"), .uid = 5 };
	struct token_facts fresh = { .has_token = true, .expires_s = 300 };
	struct policy_request rq = { 0 };
	struct decision decision;
	struct tenant_match match;

	(void)state;
	assert_ok(tenant_find(policy, &spiffe, &fresh, &match, &decision));
	assert_int_equal(policy_suppose(&match, &rq).binding, BINDING_BIT(BINDING_WATCH));
	assert_int_equal(policy_suppose(&match, &rq).principals, 1);
	rq = (struct policy_request){ .binding = BINDING_BIT(BINDING_DECLARED), .principals = 3 };
	assert_int_equal(policy_suppose(&match, &rq).binding, BINDING_BIT(BINDING_DECLARED));
	assert_int_equal(policy_suppose(&match, &rq).principals, 3);
	assert_ok(tenant_find(policy, &account, &(struct token_facts){ 0 }, &match, &decision));
	rq = (struct policy_request){ 0 };
	assert_int_equal(policy_suppose(&match, &rq).binding, 0);
	assert_int_equal(policy_suppose(&match, &rq).principals, 0);
}

static void a_token_must_have_time_left(void **state)
{
	AUTO(auto_unref)
	struct policy *policy = compile(HEAD "tenants:\n  - match: {spiffe: spiffe://d/a}\n    tenant: t\n"
					     "    token: {min_remaining: 10s}\n"
					     "    rules: [{allow: use, token: {min_remaining: 60s}}]\n");
	struct identity who = { .authenticator = AUTHENTICATOR_JWT_SVID, .name = BYTES_LITERAL("spiffe://d/a") };
	static const struct {
		int64_t left_s;
		enum status_code want;
	} left[] = { { 60, STATUS_OK }, { 59, STATUS_POLICY_DENIED }, { 10, STATUS_POLICY_DENIED },
		{ 9, STATUS_TENANT_TOKEN } };

	(void)state;
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		struct token_facts token = { true, NOON, NOON + left[i].left_s, NOON };
		struct policy_request rq = { .verb = VERB_SIGN, .identity = &who, .token = &token, .now_s = NOON };
		struct tenant_match match;
		struct decision decision;
		struct status st = tenant_find(policy, &who, &token, &match, &decision);

		if (st.code == STATUS_OK)
			st = policy_check(policy, &match, &rq, &decision);
		assert_int_equal(st.code, left[i].want);
	}
}

/* ---- created keys ---------------------------------------------------------------------------------------------- */

static struct decision create(const struct policy *policy, const char *name, const struct psa_key_attributes *key)
{
	struct token_facts token = { true, NOON, NOON + 300, NOON };
	struct identity who = { .authenticator = AUTHENTICATOR_JWT_SVID, .name = BYTES_LITERAL("spiffe://d/a") };
	struct policy_request rq = { .verb = VERB_GENERATE,
		.provider = TPM,
		.key = bytes_from_text(name),
		.identity = &who,
		.token = &token,
		.now_s = NOON,
		.attributes = key };
	struct tenant_match match;
	struct decision decision;

	assert_ok(tenant_find(policy, &who, &token, &match, &decision));
	(void)!policy_check(policy, &match, &rq, &decision).code;
	return decision;
}

static void a_created_key_keeps_within_the_tenant_s_limits(void **state)
{
	static const struct {
		const char *limits;
		const struct psa_key_attributes *key;
		bool is_allowed;
	} limited[] = {
		{ "types: [ecc-p256, rsa-2048]", &p256, true },
		{ "types: [ecc-p256, rsa-2048]", &rsa2048, true },
		{ "types: [ecc-p256, rsa-2048]", &brainpool, false },
		{ "types: rsa", &p256, false },
		{ "min_bits: 2048", &rsa2048, true },
		{ "min_bits: 2048", &rsa2047, false },
		{ "max_bits: 256", &p256, true },
		{ "max_bits: 256", &rsa2048, false },
		{ "algorithms: [ecdsa, rsa-pss]", &p256, true },
		{ "algorithms: [ecdsa, rsa-pss]", &rsa2047, false },
		{ "hashes: [sha-256, sha-384]", &rsa2048, true },
		{ "hashes: [sha-256, sha-384]", &rsa2047, false },
		{ "hashes: sha-256", &p256_any, false },
		{ "hashes: [sha-256, any]", &p256_any, true },
		{ "hashes: sha-256", &k256, false },
		{ "hashes: sha-256", &aes, true }, /* its algorithm has none */
		{ "usages: sign-hash", &p256, true },
		{ "usages: [sign-message, sign-hash]", &rsa2048, false }, /* has export, too */
		{ "usages: [sign-hash, export]", &rsa2048, true },
		{ "usages: sign-message", &p256, false },
		{ "usages: decrypt", &rsa2047, true },
		{ "exportable: false", &p256, true },
		{ "exportable: false", &rsa2048, false },
		{ "exportable: true", &rsa2048, true },
		{ "types: [ecc, rsa], exportable: false, expires_after: 1d", &rsa2048, false },
		{ "expires_after: 1d", &rsa2048, true },
		{ "expires_after: 1d", NULL, true },
		{ "types: ecc", NULL, false }, /* not known denies */
		{ "exportable: false", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(limited) / sizeof(limited[0]); i++)
		for (int in_rule = 0; in_rule < 2; in_rule++) {
			AUTO(buf_done) struct buf text = buf_make(8192);
			AUTO(auto_unref) struct policy *policy = NULL;
			struct decision decision;

			buf_printf(&text, HEAD "tenants:\n  - match: {spiffe: spiffe://d/a}\n    tenant: t\n");
			buf_printf(&text,
				in_rule ? "    rules: [{allow: [use, create], created: {%s}}]\n%c"
					: "    created: {%s}\n%c",
				limited[i].limits, '\0');
			policy = compile((const char *)text.data);
			decision = create(policy, "k", limited[i].key);
			if (decision.is_allowed != limited[i].is_allowed ||
				decision.is_uncertain != (limited[i].key == NULL && !limited[i].is_allowed))
				fail_msg("%s (row %zu, %d): %s", limited[i].limits, i, in_rule, decision.rule);
			if (!decision.is_allowed)
				assert_string_equal(decision.rule, in_rule ? "tenants[0].rules" : "tenants[0].created");
		}
}

/* Limits are about creating: they say nothing of a key that exists. */
static void limits_do_not_touch_the_use_of_keys(void **state)
{
	AUTO(auto_unref)
	struct policy *policy = compile(HEAD "tenants:\n  - match: {spiffe: spiffe://d/a}\n    tenant: t\n"
					     "    created: {types: ecc}\n"
					     "    rules: [{allow: [use, create], created: {max_bits: 256}}]\n");
	struct token_facts token = { true, NOON, NOON + 300, NOON };
	struct identity who = { .authenticator = AUTHENTICATOR_JWT_SVID, .name = BYTES_LITERAL("spiffe://d/a") };
	struct policy_request rq = {
		.verb = VERB_SIGN, .identity = &who, .token = &token, .now_s = NOON, .attributes = &rsa2048
	};
	struct tenant_match match;
	struct decision decision;

	(void)state;
	assert_ok(tenant_find(policy, &who, &token, &match, &decision));
	assert_ok(policy_check(policy, &match, &rq, &decision));
}

static void the_shorter_life_counts(void **state)
{
	AUTO(auto_unref)
	struct policy *policy = compile(HEAD "tenants:\n  - match: {spiffe: spiffe://d/a}\n    tenant: t\n"
					     "    created: {expires_after: 90d}\n    rules:\n"
					     "      - {allow: create, keys: 'day-*', created: {expires_after: 1d}}\n"
					     "      - {allow: create, keys: 'year-*', created: {expires_after: 365d}}\n"
					     "      - {allow: create}\n");

	(void)state;
	assert_int_equal(create(policy, "day-1", &p256).expires_after_s, DAY);
	assert_int_equal(create(policy, "year-1", &p256).expires_after_s, 90 * DAY);
	assert_int_equal(create(policy, "other", &p256).expires_after_s, 90 * DAY);
	policy_unref(policy);
	policy = compile(HEAD "tenants:\n  - {match: {spiffe: spiffe://d/a}, tenant: t}\n");
	assert_int_equal(create(policy, "other", &p256).expires_after_s, 0);
}

static void a_key_past_its_expiry_only_verifies(void **state)
{
	AUTO(auto_unref)
	struct policy *policy = compile(HEAD "tenants:\n  - match: {spiffe: spiffe://d/a}\n    tenant: t\n"
					     "    rules: [{allow: [use, read, create, destroy, export, attest]}]\n");
	static const bool still[VERB_COUNT] = { [VERB_VERIFY] = true,
		[VERB_EXPORT_PUBLIC] = true,
		[VERB_LIST] = true,
		[VERB_CAN_DO] = true,
		[VERB_DESTROY] = true };
	struct token_facts token = { true, NOON, NOON + 300, NOON };
	struct identity who = { .authenticator = AUTHENTICATOR_JWT_SVID, .name = BYTES_LITERAL("spiffe://d/a") };
	struct tenant_match match;
	struct decision decision;

	(void)state;
	assert_ok(tenant_find(policy, &who, &token, &match, &decision));
	for (int verb = VERB_SIGN; verb < VERB_COUNT; verb++) {
		struct policy_request rq = { .verb = (enum verb)verb,
			.identity = &who,
			.token = &token,
			.now_s = NOON,
			.attributes = &p256,
			.key_expires_s = NOON + 1 };

		assert_ok(policy_check(policy, &match, &rq, &decision));
		rq.now_s = NOON + 1;
		assert_status(
			policy_check(policy, &match, &rq, &decision), still[verb] ? STATUS_OK : STATUS_POLICY_DENIED);
		if (!still[verb])
			assert_string_equal(decision.rule, "created.expires_after");
		rq.now_s = 0; /* nobody knows what time it is */
		assert_status(
			policy_check(policy, &match, &rq, &decision), still[verb] ? STATUS_OK : STATUS_POLICY_DENIED);
	}
}

/* ---- what the file may say ------------------------------------------------------------------------------------- */

static void conditions_that_cannot_be_meant_are_errors(void **state)
{
	/* clang-format off */
	static const struct {
		const char *tenant, *error;
		enum status_code want;
	} bad[] = {
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, subjects: 'spiffe://d/a'}]",
			"tenants[0].rules[0].subjects names subjects, but this tenant is one account", STATUS_CONFIG_SYNTAX },
		{ "match: {spiffe: 'spiffe://d/a/{b}'}, tenant: t, rules: [{allow: use, subjects: ['spiffe://d/b/{c}']}]",
			"tenants[0].rules[0].subjects[0] is no identity that the tenant's match covers", STATUS_CONFIG_SYNTAX },
		{ "match: {spiffe: 'spiffe://d/a/{b}'}, tenant: t, rules: [{allow: use, subjects: ['spiffe://e/a/b']}]",
			"tenants[0].rules[0].subjects[0] is no identity that the tenant's match covers", STATUS_CONFIG_SYNTAX },
		{ "match: {spiffe: 'spiffe://d/a/{b}'}, tenant: t, rules: [{allow: use, subjects: [a]}]",
			"tenants[0].rules[0].subjects[0] does not begin with spiffe://", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, providers: [hsm]}]",
			"tenants[0].rules[0].providers[0] names no provider of this file", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, providers: [tpm], rules: [{allow: use, providers: [tpm, soft]}]",
			"tenants[0].rules[0].providers[1] is not in the tenant's list", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, min_bits: 3, max_bits: 2}]",
			"tenants[0].rules[0].min_bits is more than max_bits", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, min_key_age: 2d, max_key_age: 1d}]",
			"tenants[0].rules[0].min_key_age is more than max_key_age", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: [use, create], max_key_age: 1d}]",
			"tenants[0].rules[0].max_key_age asks the age of a key that is only to be created", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, authenticators: [jwt-svid, direct]}]",
			"tenants[0].rules[0].authenticators never holds: identities of this tenant come by unix-peer", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, time: {from: '08:00'}}]",
			"tenants[0].rules[0].time needs both from and until", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, time: {not_before: 2027-01-01, not_after: 2026-01-01}}]",
			"tenants[0].rules[0].time.not_after ends before it begins", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, created: {types: ecc}}]",
			"tenants[0].rules[0].created limits what is created, but this rule allows neither generate nor import", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{deny: create, created: {expires_after: 1d}}]",
			"tenants[0].rules[0].created limits what is created, but this rule denies", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, created: {min_bits: 9, max_bits: 8}", "tenants[0].created.min_bits is more than max_bits", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, created: {usages: [export], exportable: false}",
			"tenants[0].created.exportable takes back what usages lists: export", STATUS_CONFIG_SYNTAX },
		{ "match: {spiffe: spiffe://d/a}, tenant: t, token: {min_remaining: 1m}, rules: [{allow: use, token: {min_remaining: 30s}}]",
			"tenants[0].rules[0].token.min_remaining is looser than the tenant's own bound", STATUS_CONFIG_SYNTAX },
		/* one at a time */
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, types: ecc-p265}]",
			"types 'ecc-p265' is none of ", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, time: {from: '8:00', until: '09:00'}}]",
			"from '8:00' is not a time of day between 00:00 and 24:00, as 08:30", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, time: {from: '24:00', until: '09:00'}}]", "from '24:00' is not", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, time: {from: '00:00', until: '24:01'}}]", "until '24:01' is not", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, time: {not_before: 2026-02-29}}]",
			"not_before '2026-02-29' is not a moment in UTC, as 2026-11-23 or 2026-11-23T15:04:05Z", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, time: {days: [mon, tus]}}]", "did you mean 'tue'?", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, max_key_age: 36501d}]",
			"max_key_age '36501d' is not a time between 1s and 36500d, as 90s, 1h or 30d", STATUS_CONFIG_SYNTAX },
		{ "match: {uid: 5}, tenant: t, rules: [{allow: use, max_key_aeg: 1d}]", "has no field 'max_key_aeg'; did you mean 'max_key_age'?", STATUS_CONFIG_SYNTAX },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO(buf_done) struct buf text = buf_make(8192), errors = buf_make(8192);
		struct config *config = NULL;
		struct status st;

		buf_printf(&text, HEAD "tenants:\n  - {%s}\n", bad[i].tenant);
		st = config_yaml_parse(buf_bytes(&text), "f", &errors, &config);
		buf_put_u8(&errors, '\0');
		if (st.code != bad[i].want || strstr((const char *)errors.data, bad[i].error) == NULL)
			fail_msg("%s: %s\n%s", bad[i].tenant, status_name(st.code), (const char *)errors.data);
	}
}

/* A number has one form in the tree: the last two are not stated, a zero byte each. */
static void a_number_of_the_tree_has_one_form(void **state)
{
	static const struct bytes longer[] = { BYTES_LITERAL("\x80\0"), BYTES_LITERAL("\x80\x80\0"),
		BYTES_LITERAL("\x80\x80\x80\x80\x10"), BYTES_LITERAL("\x80\x80\x80\x80\x80\0"), BYTES_LITERAL("\x80") };
	AUTO(buf_done) struct buf errors = buf_make(8192), tree = buf_make(CONFIG_TREE_MAX);
	AUTO(auto_config) struct config *config = NULL, *copy = NULL;

	(void)state;
	assert_ok(config_yaml_parse(bytes_from_text(HEAD), "f", &errors, &config));
	assert_ok(config_put(&tree, config));
	assert_int_equal(tree.data[tree.len - 1], 0);
	assert_ok(config_get(buf_bytes(&tree), &copy));
	assert_int_equal(copy->gid, CONFIG_UNSET);
	for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++) {
		AUTO(buf_done) struct buf changed = buf_make(CONFIG_TREE_MAX);
		struct config *none = NULL;

		buf_put(&changed, bytes_of(tree.data, tree.len - 1));
		buf_put(&changed, longer[i]);
		assert_fails(config_get(buf_bytes(&changed), &none), IPC_MALFORMED);
	}
}

static void moments_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		uint32_t want_s;
		const char *written;
	} moments[] = {
		{ "1970-01-01", 0, "1970-01-01T00:00:00Z" },
		{ "1970-12-31T23:59:59Z", 365u * 86400 - 1, "1970-12-31T23:59:59Z" },
		{ "2000-02-29", 951782400, "2000-02-29T00:00:00Z" },
		{ "2024-03-01T00:00:01Z", 1709251201, "2024-03-01T00:00:01Z" },
		{ "2026-11-25T12:00:00Z", NOON, "2026-11-25T12:00:00Z" },
		{ "2105-12-31T23:59:59Z", 4291747199, "2105-12-31T23:59:59Z" },
	};
	static const char *const none[] = { "", "2026", "2026-1-1", "2026-00-01", "2026-13-01", "2026-04-31",
		"2100-02-29", "1969-12-31", "2106-01-01", "2026-01-01T", "2026-01-01T00:00:00", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00Zx", "2026-01-01 00:00:00Z",
		"x026-01-01" };
	uint32_t got_s;

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		AUTO(buf_done) struct buf text = buf_make(64);

		assert_true(config_moment_parse(bytes_from_text(moments[i].text), &got_s));
		assert_int_equal(got_s, moments[i].want_s);
		config_moment_put(&text, got_s);
		assert_bytes(buf_bytes(&text), bytes_from_text(moments[i].written));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (config_moment_parse(bytes_from_text(none[i]), &got_s))
			fail_msg("%s is a moment", none[i]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_rule_asks_what_it_states),
	cmocka_unit_test(binding_and_principals_are_what_the_request_says),
	cmocka_unit_test(what_is_supposed_of_a_request_is_its_tenant_s),
	cmocka_unit_test(a_token_must_have_time_left),
	cmocka_unit_test(a_created_key_keeps_within_the_tenant_s_limits),
	cmocka_unit_test(limits_do_not_touch_the_use_of_keys),
	cmocka_unit_test(the_shorter_life_counts),
	cmocka_unit_test(a_key_past_its_expiry_only_verifies),
	cmocka_unit_test(conditions_that_cannot_be_meant_are_errors),
	cmocka_unit_test(a_number_of_the_tree_has_one_form),
	cmocka_unit_test(moments_are_read_and_written),
};

UNIT_MAIN(tests)
