/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is which tenant, and what it may do: tables, and random policies against an evaluator that has no index. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <time.h>

#include "agent/config_yaml.h"
#include "agent/policy.h"
#include "base/own.h"

#define HEAD                                     \
	"apiVersion: keyreeve/v1\nkind: Agent\n" \
	"providers:\n"                           \
	"  - {name: tpm, type: tpm}\n"           \
	"  - {name: soft, type: software}\n"     \
	"  - {name: soft2, type: software}\n"    \
	"  - {name: hsm, type: pkcs11, module: /m, token: t, pin_file: /p}\n"

enum { TPM, SOFT, SOFT2, HSM, NOW = 1000000 };

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
		fail_msg("%s\n%.*s", status_name(st.code), (int)errors.len, (const char *)errors.data);
	assert_ok(policy_new(config, &policy));
	return policy;
}

static struct identity spiffe(const char *id)
{
	return (struct identity){ .authenticator = AUTHENTICATOR_JWT_SVID, .name = bytes_from_text(id) };
}

static struct identity direct(const char *name)
{
	return (struct identity){ .authenticator = AUTHENTICATOR_DIRECT, .name = bytes_from_text(name) };
}

static struct identity peer(uint32_t uid)
{
	return (struct identity){ .authenticator = AUTHENTICATOR_UNIX_PEER, .name = BYTES_LITERAL("uid"), .uid = uid };
}

static struct token_facts token(int64_t age_s, int64_t lifetime_s)
{
	return (struct token_facts){ true, NOW - age_s, NOW - age_s + lifetime_s, NOW };
}

/* The old question: verb, provider, key and token. */
static struct policy_request ask(
	enum verb verb, uint32_t provider, struct bytes key, const struct token_facts *token_facts)
{
	return (struct policy_request){
		.verb = verb, .provider = provider, .key = key, .token = token_facts, .now_s = NOW
	};
}

static struct status check(const struct policy *policy, const struct tenant_match *match, struct policy_request rq,
	struct decision *decision)
{
	return policy_check(policy, match, &rq, decision);
}

static const char sample[] =
	HEAD "tenants:\n"
	     "  - match: {spiffe: \"spiffe://prod.example/ns/{namespace}/sa/{account}\"}\n"
	     "    tenant: \"k8s/{namespace}\"\n"
	     "    providers: [tpm, hsm]\n"
	     "    token: {max_lifetime: 10m, max_age: 10m, leeway: 10s}\n"
	     "    rules:\n"
	     "      - {allow: [use, read], keys: \"*\"}\n"
	     "      - {allow: [create, destroy], keys: \"*\", token: {max_age: 150s}}\n"
	     "  - {match: {uid: 2001}, tenant: batch}\n"
	     "  - {match: {spiffe: \"spiffe://prod.example/vm/{h}\"}, tenant: vms, namespace: tenant}\n"
	     "  - {match: {spiffe: \"spiffe://prod.example/x/{a}/{b}/**\"}, tenant: \"{b}/{a}\", token: {max_age: 1m, "
	     "leeway: 0s}}\n"
	     "  - {match: {direct: \"{n}\"}, tenant: everybody}\n"
	     "  - {match: {user: root}, tenant: roots}\n"
	     "admins:\n"
	     "  - {spiffe: \"spiffe://prod.example/ns/platform/sa/keyreeve-admin\"}\n"
	     "  - {uid: 0}\n"
	     "  - {user: nobody-at-all}\n";

/* ---- tenants ------------------------------------------------------------------------------------------------------
 */

static void an_identity_has_the_tenant_of_the_first_match(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	const struct {
		struct identity who;
		const char *tenant; /* NULL: none */
		const char *rule;
	} rows[] = {
		{ spiffe("spiffe://prod.example/ns/a/sa/web"), "k8s/a", "tenants[0]" },
		{ spiffe("spiffe://prod.example/ns/A.b-c_d/sa/x"), "k8s/A.b-c_d", "tenants[0]" },
		{ spiffe("spiffe://prod.example/ns/a/sa/web/more"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/ns/a/sa"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/ns/a/sb/web"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/ns//sa/web"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/ns/a/sa/"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example.evil/ns/a/sa/web"), NULL, "tenants" },
		{ spiffe("spiffe://prod/ns/a/sa/web"), NULL, "tenants" },
		{ spiffe("https://prod.example/ns/a/sa/web"), NULL, "tenants" },
		{ spiffe(""), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/vm/1"), "vms", "tenants[2]" },
		{ spiffe("spiffe://prod.example/vm/1/"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/x/1/2/3/"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/x/1/2/3"), "2/1", "tenants[3]" },
		{ spiffe("spiffe://prod.example/x/1/2/3/4/5"), "2/1", "tenants[3]" },
		{ spiffe("spiffe://prod.example/x/1/2"), NULL, "tenants" },
		{ spiffe("spiffe://prod.example/x/1/2/3//4"), NULL, "tenants" },
		{ peer(2001), "batch", "tenants[1]" },
		{ peer(2002), NULL, "tenants" },
		{ peer(0), NULL, "tenants" },		 /* root is not resolved here */
		{ peer(CONFIG_UNSET), NULL, "tenants" }, /* which must match nobody */
		{ direct("app"), "everybody", "tenants[4]" },
		{ direct("app/2"), NULL, "tenants" },
		{ direct(""), NULL, "tenants" },
		/* a claimed name is no SPIFFE ID and no uid */
		{ direct("spiffe://prod.example/ns/a/sa/web"), NULL, "tenants" },
		{ direct("2001"), "everybody", "tenants[4]" },
		{ { .authenticator = AUTHENTICATOR_ISSUER, .name = BYTES_LITERAL("spiffe://prod.example/ns/a/sa/web") },
			NULL, "tenants" },
		{ { 0 }, NULL, "tenants" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct token_facts fresh = token(0, 300);
		struct tenant_match match = { 0 };
		struct decision decision;
		struct status st = tenant_find(policy, &rows[i].who, &fresh, &match, &decision);

		if (st.code != (rows[i].tenant != NULL ? STATUS_OK : STATUS_TENANT_NONE))
			fail_msg("row %zu: %s", i, status_name(st.code));
		assert_string_equal(decision.rule, rows[i].rule);
		assert_int_equal(decision.is_allowed, rows[i].tenant != NULL);
		if (rows[i].tenant != NULL)
			assert_string_equal(match.name, rows[i].tenant);
	}
}

static void a_tenant_s_token_bounds_refuse_as_authentication(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	const struct {
		const char *id;
		struct token_facts token;
		enum status_code want;
	} rows[] = {
		{ "spiffe://prod.example/ns/a/sa/b", token(0, 600), STATUS_OK },
		{ "spiffe://prod.example/ns/a/sa/b", token(0, 601), STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/ns/a/sa/b", token(600, 600), STATUS_OK },
		{ "spiffe://prod.example/ns/a/sa/b", token(601, 600), STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/ns/a/sa/b", token(-10, 60), STATUS_OK },
		{ "spiffe://prod.example/ns/a/sa/b", token(-11, 60), STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/ns/a/sa/b", token(109, 100), STATUS_OK },
		{ "spiffe://prod.example/ns/a/sa/b", token(110, 100), STATUS_TENANT_TOKEN },
		/* not stated: the daemon's own bounds all the same */
		{ "spiffe://prod.example/vm/1", token(0, 600), STATUS_OK },
		{ "spiffe://prod.example/vm/1", token(0, 601), STATUS_TENANT_TOKEN },
		/* one minute, no leeway */
		{ "spiffe://prod.example/x/1/2/3", token(60, 100), STATUS_OK },
		{ "spiffe://prod.example/x/1/2/3", token(61, 100), STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/x/1/2/3", token(-1, 100), STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/x/1/2/3", token(50, 50), STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/x/1/2/3", token(49, 50), STATUS_OK },
		/* no token, and times that overflow */
		{ "spiffe://prod.example/ns/a/sa/b", { 0 }, STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/ns/a/sa/b", { true, INT64_MIN, INT64_MAX, NOW }, STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/ns/a/sa/b", { true, INT64_MAX, INT64_MIN, NOW }, STATUS_TENANT_TOKEN },
		{ "spiffe://prod.example/ns/a/sa/b", { true, NOW, INT64_MIN, NOW }, STATUS_TENANT_TOKEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity who = spiffe(rows[i].id);
		struct tenant_match match;
		struct decision decision;
		struct status st = tenant_find(policy, &who, &rows[i].token, &match, &decision);

		if (st.code != rows[i].want)
			fail_msg("row %zu: %s", i, status_name(st.code));
		if (rows[i].want != STATUS_OK)
			assert_non_null(strstr(decision.rule, "].token"));
	}
}

static void unix_peers_need_no_token(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	struct identity who = peer(2001);
	struct tenant_match match;
	struct decision decision;

	(void)state;
	assert_ok(tenant_find(policy, &who, NULL, &match, &decision));
}

static void a_name_that_would_be_too_long_is_no_tenant(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	AUTO(buf_done) struct buf id = buf_make(4096);
	struct token_facts fresh = token(0, 300);
	struct tenant_match match;
	struct decision decision;

	(void)state;
	for (int len = 251; len <= 252; len++) { /* "k8s/" and 255 together */
		struct identity who = { .authenticator = AUTHENTICATOR_JWT_SVID };

		buf_clear(&id);
		buf_printf(&id, "spiffe://prod.example/ns/%0*d/sa/x", len, 7);
		who.name = buf_bytes(&id);
		assert_status(tenant_find(policy, &who, &fresh, &match, &decision),
			len == 251 ? STATUS_OK : STATUS_TENANT_NONE);
	}
}

static void a_namespace_is_a_tuple(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	struct token_facts fresh = token(0, 300);
	struct identity who = spiffe("spiffe://prod.example/ns/a/sa/web");
	struct namespace_name space;
	struct tenant_match match;
	struct decision decision;

	(void)state;
	assert_ok(tenant_find(policy, &who, &fresh, &match, &decision));
	tenant_space(&match, &who, &space);
	assert_int_equal(space.authenticator, AUTHENTICATOR_JWT_SVID);
	assert_bytes(space.domain, BYTES_LITERAL("prod.example"));
	assert_bytes(space.tenant, BYTES_LITERAL("k8s/a"));
	assert_bytes(space.identity, who.name);

	who = spiffe("spiffe://prod.example/vm/7");
	assert_ok(tenant_find(policy, &who, &fresh, &match, &decision));
	tenant_space(&match, &who, &space);
	assert_bytes(space.tenant, BYTES_LITERAL("vms"));
	assert_int_equal(space.identity.len, 0);

	who = peer(2001);
	assert_ok(tenant_find(policy, &who, NULL, &match, &decision));
	tenant_space(&match, &who, &space);
	assert_int_equal(space.authenticator, AUTHENTICATOR_UNIX_PEER);
	assert_int_equal(space.domain.len, 0);
	assert_bytes(space.identity, who.name);
}

static void a_provider_id_means_one_instance(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	struct token_facts fresh = token(0, 300);
	struct identity who = spiffe("spiffe://prod.example/ns/a/sa/web");
	struct tenant_match match;
	struct decision decision;

	(void)state;
	assert_ok(tenant_find(policy, &who, &fresh, &match, &decision));
	assert_int_equal(tenant_provider(&match, PROVIDER_TPM), TPM);
	assert_int_equal(tenant_provider(&match, PROVIDER_PKCS11), HSM);
	assert_int_equal(tenant_provider(&match, PROVIDER_SOFTWARE), TENANT_NO_PROVIDER);
	assert_int_equal(tenant_provider(&match, 5), TENANT_NO_PROVIDER);
	who = peer(2001); /* no list: the first of each type */
	assert_ok(tenant_find(policy, &who, NULL, &match, &decision));
	assert_int_equal(tenant_provider(&match, PROVIDER_SOFTWARE), SOFT);
	assert_true(tenant_has_provider(&match, SOFT));
	assert_false(tenant_has_provider(&match, SOFT2));
	assert_false(tenant_has_provider(&match, TENANT_NO_PROVIDER));
}

static void administrators_are_exact(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(sample);
	const struct {
		struct identity who;
		bool is_admin;
	} rows[] = {
		{ spiffe("spiffe://prod.example/ns/platform/sa/keyreeve-admin"), true },
		{ spiffe("spiffe://prod.example/ns/platform/sa/keyreeve-admi"), false },
		{ spiffe("spiffe://prod.example/ns/platform/sa/keyreeve-admin/x"), false },
		{ direct("spiffe://prod.example/ns/platform/sa/keyreeve-admin"), false },
		{ peer(0), true },
		{ peer(1), false },
		{ peer(CONFIG_UNSET), false }, /* nobody-at-all is not resolved */
		{ { 0 }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (policy_is_admin(policy, &rows[i].who) != rows[i].is_admin)
			fail_msg("row %zu", i);
}

/* ---- rules --------------------------------------------------------------------------------------------------------
 */

static const char ruled[] =
	HEAD "tenants:\n"
	     "  - match: {spiffe: spiffe://d/a}\n" /* 0: allow and deny */
	     "    tenant: a\n"
	     "    rules:\n"
	     "      - {allow: [use, read], keys: [\"web-*\", exact]}\n"
	     "      - {deny: sign, keys: \"*-root\"}\n"
	     "      - {allow: create, keys: \"*\", token: {max_age: 150s}}\n"
	     "      - {allow: export, keys: \"e*p*t\"}\n"
	     "  - {match: {spiffe: spiffe://d/b}, tenant: b, rules: [{deny: [destroy, list]}]}\n" /* 1: deny only */
	     "  - {match: {spiffe: spiffe://d/c}, tenant: c}\n"					  /* 2: no rules */
	     "  - {match: {spiffe: spiffe://d/d}, tenant: d, rules: [{allow: read}]}\n"
	     "  - {match: {uid: 5}, tenant: e, providers: [soft2], rules: []}\n";

static void rules_decide_as_written(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(ruled);
	static const struct {
		const char *id;
		enum verb verb;
		uint32_t provider;
		const char *key;
		int64_t age_s;
		enum status_code want;
		const char *rule;
	} rows[] = {
		{ "spiffe://d/a", VERB_SIGN, TPM, "web-1", 0, STATUS_OK, "tenants[0].rules[0]" },
		{ "spiffe://d/a", VERB_SIGN, TPM, "exact", 0, STATUS_OK, "tenants[0].rules[0]" },
		{ "spiffe://d/a", VERB_SIGN, TPM, "exact1", 0, STATUS_POLICY_DENIED, "tenants[0].rules" },
		{ "spiffe://d/a", VERB_SIGN, TPM, "other", 0, STATUS_POLICY_DENIED, "tenants[0].rules" },
		{ "spiffe://d/a", VERB_SIGN, TPM, "web-root", 0, STATUS_POLICY_DENIED, "tenants[0].rules[1]" },
		{ "spiffe://d/a", VERB_VERIFY, TPM, "web-root", 0, STATUS_OK, "tenants[0].rules[0]" },
		{ "spiffe://d/a", VERB_EXPORT_PUBLIC, TPM, "web-", 0, STATUS_OK, "tenants[0].rules[0]" },
		{ "spiffe://d/a", VERB_GENERATE, TPM, "new", 150, STATUS_OK, "tenants[0].rules[2]" },
		{ "spiffe://d/a", VERB_GENERATE, TPM, "new", 151, STATUS_POLICY_DENIED, "tenants[0].rules" },
		{ "spiffe://d/a", VERB_IMPORT, TPM, "new", 0, STATUS_OK, "tenants[0].rules[2]" },
		{ "spiffe://d/a", VERB_DESTROY, TPM, "web-1", 0, STATUS_POLICY_DENIED, "tenants[0].rules" },
		{ "spiffe://d/a", VERB_EXPORT, TPM, "export", 0, STATUS_OK, "tenants[0].rules[3]" },
		{ "spiffe://d/a", VERB_EXPORT, TPM, "expor", 0, STATUS_POLICY_DENIED, "tenants[0].rules" },
		{ "spiffe://d/a", VERB_ATTEST, TPM, "web-1", 0, STATUS_POLICY_DENIED, "tenants[0].rules" },
		/* no key named: only a pattern that covers the empty name */
		{ "spiffe://d/a", VERB_LIST, TENANT_NO_PROVIDER, "", 0, STATUS_POLICY_DENIED, "tenants[0].rules" },
		{ "spiffe://d/d", VERB_LIST, TENANT_NO_PROVIDER, "", 0, STATUS_OK, "tenants[3].rules[0]" },
		{ "spiffe://d/d", VERB_SIGN, TPM, "k", 0, STATUS_POLICY_DENIED, "tenants[3].rules" },
		{ "spiffe://d/b", VERB_LIST, TENANT_NO_PROVIDER, "", 0, STATUS_POLICY_DENIED, "tenants[1].rules[0]" },
		{ "spiffe://d/b", VERB_DESTROY, TPM, "k", 0, STATUS_POLICY_DENIED, "tenants[1].rules[0]" },
		{ "spiffe://d/b", VERB_SIGN, TPM, "k", 0, STATUS_OK, "tenants[1]" },
		{ "spiffe://d/b", VERB_EXPORT, TPM, "k", 0, STATUS_POLICY_DENIED, "tenants[1]" },
		{ "spiffe://d/c", VERB_DESTROY, TPM, "k", 0, STATUS_OK, "tenants[2]" },
		{ "spiffe://d/c", VERB_ATTEST, SOFT, "k", 0, STATUS_OK, "tenants[2]" },
		{ "spiffe://d/c", VERB_EXPORT, TPM, "k", 0, STATUS_POLICY_DENIED, "tenants[2]" },
		/* what cannot be asked */
		{ "spiffe://d/c", VERB_NONE, TPM, "k", 0, STATUS_POLICY_DENIED, "tenants[2]" },
		{ "spiffe://d/c", VERB_COUNT, TPM, "k", 0, STATUS_POLICY_DENIED, "tenants[2]" },
		{ "spiffe://d/c", VERB_SIGN, SOFT2, "k", 0, STATUS_POLICY_PROVIDER, "tenants[2].providers" },
		{ "spiffe://d/c", VERB_SIGN, 99, "k", 0, STATUS_POLICY_PROVIDER, "tenants[2].providers" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct token_facts facts = token(rows[i].age_s, 300);
		struct identity who = spiffe(rows[i].id);
		struct tenant_match match;
		struct decision decision;
		struct status st;

		assert_ok(tenant_find(policy, &who, &facts, &match, &decision));
		st = check(policy, &match, ask(rows[i].verb, rows[i].provider, bytes_from_text(rows[i].key), &facts),
			&decision);
		if (st.code != rows[i].want || strcmp(decision.rule, rows[i].rule) != 0)
			fail_msg("row %zu: %s by %s", i, status_name(st.code), decision.rule);
		assert_int_equal(decision.is_allowed, st.code == STATUS_OK);
	}
}

static void zero_values_are_refused(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(ruled);
	struct tenant_match nobody = { 0 };
	struct token_facts none = { 0 };
	struct decision decision;

	(void)state;
	assert_fails(check(policy, &nobody, ask(VERB_SIGN, TPM, BYTES_LITERAL("k"), &none), &decision), POLICY_DENIED);
	assert_false(decision.is_allowed);
	assert_false(((struct decision){ 0 }).is_allowed);
}

static void a_rule_that_bounds_a_token_does_not_match_without_one(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(ruled);
	struct token_facts fresh = token(0, 300), none = { 0 };
	struct identity who = spiffe("spiffe://d/a");
	struct tenant_match match;
	struct decision decision;

	(void)state;
	assert_ok(tenant_find(policy, &who, &fresh, &match, &decision));
	assert_fails(
		check(policy, &match, ask(VERB_GENERATE, TPM, BYTES_LITERAL("k"), &none), &decision), POLICY_DENIED);
	assert_fails(
		check(policy, &match, ask(VERB_GENERATE, TPM, BYTES_LITERAL("k"), NULL), &decision), POLICY_DENIED);
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = strdup(by);
	assert_non_null(*text);
}

static void a_tree_that_was_not_checked_is_not_compiled(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		AUTO(buf_done) struct buf errors = buf_make(8192);
		AUTO(auto_config) struct config *config = NULL;
		struct policy *policy = NULL;
		struct config_tenant *tenant;

		assert_ok(config_yaml_parse(
			bytes_from_text(HEAD "tenants: [{match: {spiffe: \"spiffe://d/{a}\"}, tenant: \"k/{a}\", "
					     "providers: [soft, tpm]}]\n"),
			"f", &errors, &config));
		tenant = &config->tenants[0];
		if (i == 0)
			replace(&tenant->match.spiffe, "spiffe://d/{a");
		else if (i == 1)
			replace(&tenant->tenant, "k/{b}");
		else if (i == 2)
			replace(&tenant->providers[0], "none");
		else if (i == 3)
			replace(&tenant->providers[1], "soft2"); /* two instances of one type */
		else {
			free(tenant->match.spiffe);
			tenant->match.spiffe = NULL;
		}
		assert_fails(policy_new(config, &policy), CONFIG_SYNTAX);
		assert_null(policy);
	}
}

static void a_reference_outlives_the_configuration_and_the_first_owner(void **state)
{
	struct policy *policy = compile(ruled), *second = policy_ref(policy);
	struct token_facts fresh = token(0, 300);
	struct identity who = spiffe("spiffe://d/c");
	struct tenant_match match;
	struct decision decision;

	(void)state;
	policy_unref(policy);
	assert_ok(tenant_find(second, &who, &fresh, &match, &decision));
	assert_ok(check(second, &match, ask(VERB_SIGN, TPM, BYTES_LITERAL("k"), &fresh), &decision));
	policy_unref(second);
	policy_unref(NULL);
}

/* ---- explaining ---------------------------------------------------------------------------------------------------
 */

static void operations_have_verbs(void **state)
{
	(void)state;
	assert_int_equal(policy_verb("sign"), VERB_SIGN);
	assert_int_equal(policy_verb("PsaSignHash"), VERB_SIGN);
	assert_int_equal(policy_verb("ListKeys"), VERB_LIST);
	assert_int_equal(policy_verb("export-public"), VERB_EXPORT_PUBLIC);
	assert_int_equal(policy_verb("Ping"), VERB_NONE);
	assert_int_equal(policy_verb("use"), VERB_NONE);
	assert_int_equal(policy_verb(""), VERB_NONE);
}

static void an_explanation_says_what_would_have_passed(void **state)
{
	AUTO(auto_unref) struct policy *policy = compile(ruled);
	static const struct {
		const char *id;
		enum verb verb;
		uint32_t provider;
		const char *key;
		int64_t age_s;
		enum status_code want;
		const char *text;
	} rows[] = {
		{ "spiffe://d/a", VERB_GENERATE, TPM, "new", 200, STATUS_POLICY_DENIED,
			"identity: jwt-svid spiffe://d/a\n"
			"token:    lives 300s, is 200s old\n"
			"tenant:   a (tenants[0]), keys of this identity alone\n"
			"decision: deny (POLICY_DENIED: denied by policy)\n"
			"rule:     tenants[0].rules\n"
			"passes:   tenants[0].rules[2]: keys * (covers this one) with a token that is at most 150s "
			"old\n" },
		{ "spiffe://d/a", VERB_SIGN, TPM, "web-root", 0, STATUS_POLICY_DENIED,
			"identity: jwt-svid spiffe://d/a\n"
			"token:    lives 300s, is 0s old\n"
			"tenant:   a (tenants[0]), keys of this identity alone\n"
			"decision: deny (POLICY_DENIED: denied by policy)\n"
			"rule:     tenants[0].rules[1]\n"
			"passes:   nothing, as long as tenants[0].rules[1] denies\n" },
		{ "spiffe://d/c", VERB_SIGN, SOFT2, "k", 0, STATUS_POLICY_PROVIDER,
			"identity: jwt-svid spiffe://d/c\n"
			"token:    lives 300s, is 0s old\n"
			"tenant:   c (tenants[2]), keys of this identity alone\n"
			"decision: deny (POLICY_PROVIDER: provider is not in the tenant's list)\n"
			"rule:     tenants[2].providers\n"
			"passes:   a request to tpm, soft, hsm\n" },
		{ "spiffe://d/c", VERB_SIGN, TPM, "k", 0, STATUS_OK,
			"identity: jwt-svid spiffe://d/c\n"
			"token:    lives 300s, is 0s old\n"
			"tenant:   c (tenants[2]), keys of this identity alone\n"
			"decision: allow\n"
			"rule:     tenants[2]\n" },
		{ "spiffe://d/c", VERB_EXPORT, TPM, "k", 0, STATUS_POLICY_DENIED,
			"identity: jwt-svid spiffe://d/c\n"
			"token:    lives 300s, is 0s old\n"
			"tenant:   c (tenants[2]), keys of this identity alone\n"
			"decision: deny (POLICY_DENIED: denied by policy)\n"
			"rule:     tenants[2]\n"
			"passes:   no rule of this tenant allows export; export is never allowed without a rule\n" },
		{ "spiffe://d/c", VERB_SIGN, TPM, "k", 700, STATUS_TENANT_TOKEN,
			"identity: jwt-svid spiffe://d/c\n"
			"token:    lives 300s, is 700s old\n"
			"decision: deny (TENANT_TOKEN: token refused by the tenant's rule)\n"
			"rule:     tenants[2].token\n"
			"passes:   a token that lives at most 600s, is at most 600s old, is valid by a clock at most "
			"10s off\n" },
		{ "spiffe://e/c", VERB_SIGN, TPM, "k", 0, STATUS_TENANT_NONE,
			"identity: jwt-svid spiffe://e/c\n"
			"token:    lives 300s, is 0s old\n"
			"decision: deny (TENANT_NONE: identity belongs to no tenant)\n"
			"rule:     tenants\n"
			"passes:   an identity that one of the matches covers\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf_done) struct buf text = buf_make(8192);
		struct token_facts facts = token(rows[i].age_s, 300);
		struct identity who = spiffe(rows[i].id);
		struct policy_request rq = ask(rows[i].verb, rows[i].provider, bytes_from_text(rows[i].key), &facts);

		rq.identity = &who;
		assert_status(policy_explain(policy, &rq, &text), rows[i].want);
		buf_put_u8(&text, '\0');
		assert_string_equal((const char *)text.data, rows[i].text);
	}
}

static void an_explanation_names_the_quota(void **state)
{
	static const struct {
		const char *quota, *text;
	} rows[] = {
		{ "{keys: 200, requests: [50/s, 20000/d], in_flight: 16, bytes: 1MiB/s}",
			"quota:    200 keys, 50 requests a second, 20000 a day, 16 at a time, 1 MiB a second (all "
			"identities "
			"of the tenant together)\n" },
		{ "{keys: 0}", "quota:    0 keys (all identities of the tenant together)\n" },
		{ "{bytes: 1500/s}", "quota:    1500 bytes a second (all identities of the tenant together)\n" },
		{ "{}", "" },
	};
	struct identity who = spiffe("spiffe://d/a");
	struct token_facts fresh = token(0, 300);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf_done) struct buf text = buf_make(8192), want = buf_make(8192);
		AUTO(auto_unref) struct policy *policy = NULL;
		char file[1024];
		struct policy_request rq = ask(VERB_SIGN, TENANT_NO_PROVIDER, BYTES_LITERAL("k"), &fresh);

		(void)snprintf(file, sizeof(file),
			"apiVersion: keyreeve/v1\nkind: Agent\nproviders: [{name: soft, type: software}]\n"
			"tenants: [{match: {spiffe: \"spiffe://d/{x}\"}, tenant: \"{x}\", quota: %s}]\n",
			rows[i].quota);
		policy = compile(file);
		rq.identity = &who;
		assert_ok(policy_explain(policy, &rq, &text));
		buf_printf(&want,
			"identity: jwt-svid spiffe://d/a\ntoken:    lives 300s, is 0s old\n"
			"tenant:   a (tenants[0]), keys of this identity alone\n%sdecision: allow\nrule:     "
			"tenants[0]\n",
			rows[i].text);
		assert_bytes(buf_bytes(&text), buf_bytes(&want));
	}
}

/* ---- random policies against an evaluator without index ------------------------------------------------------------
 */

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static const char *const words[] = { "a", "b", "ab", "c" };
static const char *const key_patterns[] = { "*", "a*", "*b", "a*b", "ab", "*a*", "" };
static const char *const verb_words[] = { "sign", "list", "use", "read", "create", "export", "destroy" };

static void random_pattern(struct buf *to, bool *ret_has_rest, unsigned *ret_segments)
{
	*ret_segments = 1 + draw(3);
	buf_printf(to, "spiffe://%s", words[draw(2)]);
	for (unsigned i = 0; i < *ret_segments; i++) {
		if (draw(3) == 0)
			buf_printf(to, "/{p%u}", i);
		else
			buf_printf(to, "/%s", words[draw(3)]);
	}
	*ret_has_rest = draw(4) == 0;
	buf_put_text(to, *ret_has_rest ? "/**" : "");
}

static void random_rules(struct buf *to)
{
	unsigned count = draw(4);

	buf_put_text(to, ", rules: [");
	for (unsigned i = 0; i < count; i++) {
		bool is_deny = draw(3) == 0;

		buf_printf(to, "%s{%s: [%s, %s], keys: [\"%s\"", i > 0 ? ", " : "", is_deny ? "deny" : "allow",
			verb_words[draw(7)], verb_words[draw(7)], key_patterns[draw(6)]);
		buf_printf(to, ", \"%s\"]", key_patterns[draw(6)]);
		if (!is_deny && draw(3) == 0)
			buf_put_text(to, ", token: {max_age: 100s}");
		buf_put_text(to, "}");
	}
	buf_put_text(to, "]");
}

/* A random file; NULL when its tenants shadow each other, which is an error. */
static struct config *random_config(void)
{
	AUTO(buf_done) struct buf text = buf_make(64 * 1024), errors = buf_make(64 * 1024);
	struct config *config = NULL;
	unsigned tenants = 1 + draw(6), segments;
	bool has_rest;

	buf_put_text(&text, HEAD "tenants:\n");
	for (unsigned i = 0; i < tenants; i++) {
		buf_put_text(&text, "  - {match: {spiffe: \"");
		random_pattern(&text, &has_rest, &segments);
		buf_printf(&text, "\"}, tenant: t%u", i);
		random_rules(&text);
		buf_put_text(&text, "}\n");
	}
	if (config_yaml_parse(buf_bytes(&text), "f", &errors, &config).code != STATUS_OK)
		return NULL;
	return config;
}

/* The pattern's text against the name's, character by character, without any structure. */
static bool naive_match(const char *pattern, const char *name)
{
	if (strcmp(pattern, "**") == 0)
		return name[0] != '\0';
	if (pattern[0] == '\0' || name[0] == '\0')
		return pattern[0] == name[0];
	if (pattern[0] == '{') {
		size_t len = strcspn(name, "/");

		return len > 0 && naive_match(strchr(pattern, '}') + 1, name + len);
	}
	return pattern[0] == name[0] && naive_match(pattern + 1, name + 1);
}

static bool naive_key(const char *pattern, const char *key)
{
	if (pattern[0] == '*')
		return naive_key(pattern + 1, key) || (key[0] != '\0' && naive_key(pattern, key + 1));
	return pattern[0] == key[0] && (pattern[0] == '\0' || naive_key(pattern + 1, key + 1));
}

static bool naive_rule(const struct config_rule *rule, const char *key, int64_t age_s)
{
	for (uint32_t i = 0; i < rule->key_count; i++)
		if (naive_key(rule->keys[i], key))
			return rule->token.max_age_s == CONFIG_UNSET || age_s <= rule->token.max_age_s;
	return false;
}

static bool naive_allows(const struct config_tenant *tenant, enum verb verb, const char *key, int64_t age_s)
{
	bool has_allow = false, is_allowed = false;

	for (uint32_t i = 0; i < tenant->rule_count; i++) {
		const struct config_rule *rule = &tenant->rules[i];

		has_allow |= rule->allow != 0;
		if ((rule->deny & VERB_BIT(verb)) != 0 && naive_rule(rule, key, age_s))
			return false;
		is_allowed |= (rule->allow & VERB_BIT(verb)) != 0 && naive_rule(rule, key, age_s);
	}
	return has_allow ? is_allowed : verb != VERB_EXPORT;
}

static void compare_one(const struct config *config, const struct policy *policy)
{
	char id[64], key[8] = "";
	unsigned segments = draw(5);
	int64_t age_s = draw(200);
	enum verb verb = (enum verb)(1 + draw(VERB_COUNT - 1));
	struct token_facts facts = token(age_s, 300);
	struct tenant_match match;
	struct decision decision;
	struct identity who;
	uint32_t want = 0;
	struct status st;

	(void)snprintf(id, sizeof(id), "spiffe://%s", words[draw(3)]);
	for (unsigned i = 0; i < segments; i++)
		(void)snprintf(id + strlen(id), sizeof(id) - strlen(id), "/%s", words[draw(4)]);
	for (unsigned i = draw(4); i > 0; i--)
		(void)snprintf(key + strlen(key), sizeof(key) - strlen(key), "%s", words[draw(3)]);
	who = spiffe(id);
	while (want < config->tenant_count && !naive_match(config->tenants[want].match.spiffe, id))
		want++;
	st = tenant_find(policy, &who, &facts, &match, &decision);
	if (want == config->tenant_count) {
		assert_int_equal(st.code, STATUS_TENANT_NONE);
		return;
	}
	assert_int_equal(st.code, STATUS_OK);
	assert_string_equal(match.name, config->tenants[want].tenant);
	st = check(policy, &match, ask(verb, TPM, bytes_from_text(key), &facts), &decision);
	assert_int_equal(st.code == STATUS_OK, naive_allows(&config->tenants[want], verb, key, age_s));
}

static void random_policies_decide_like_the_naive_evaluator(void **state)
{
	unsigned compared = 0;

	(void)state;
	for (seed = 1; compared < 400; seed++) {
		uint32_t keep = seed;
		AUTO(auto_config) struct config *config = random_config();
		AUTO(auto_unref) struct policy *policy = NULL;

		if (config != NULL) {
			assert_ok(policy_new(config, &policy));
			for (int i = 0; i < 200; i++)
				compare_one(config, policy);
			compared++;
		}
		seed = keep;
	}
}

/* ---- cost ---------------------------------------------------------------------------------------------------------
 */

/* Not the target of 2 us, which a sanitizer build cannot show, but proof that nothing grows with the tenants. */
static void finding_a_tenant_does_not_grow_with_their_number(void **state)
{
	AUTO(buf_done) struct buf text = buf_make(CONFIG_FILE_MAX), errors = buf_make(8192);
	AUTO(auto_config) struct config *config = NULL;
	AUTO(auto_unref) struct policy *policy = NULL;
	struct identity who = spiffe("spiffe://d/ns/n3999/sa/web");
	struct token_facts fresh = token(0, 300);
	struct tenant_match match;
	struct decision decision;
	struct timespec from, to;
	int64_t ns;

	(void)state;
	buf_put_text(&text, HEAD "tenants:\n");
	for (unsigned i = 0; i < 4000; i++)
		buf_printf(&text, "  - {match: {spiffe: \"spiffe://d/ns/n%u/sa/{a}\"}, tenant: t%u}\n", i, i);
	assert_ok(config_yaml_parse(buf_bytes(&text), "f", &errors, &config));
	assert_ok(policy_new(config, &policy));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(tenant_find(policy, &who, &fresh, &match, &decision).code, STATUS_OK);
		assert_int_equal(check(policy, &match, ask(VERB_SIGN, TPM, BYTES_LITERAL("k"), &fresh), &decision).code,
			STATUS_OK);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	ns = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
	assert_string_equal(match.name, "t3999");
	assert_true(ns / 20000 < 20000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_identity_has_the_tenant_of_the_first_match),
	cmocka_unit_test(a_tenant_s_token_bounds_refuse_as_authentication),
	cmocka_unit_test(unix_peers_need_no_token),
	cmocka_unit_test(a_name_that_would_be_too_long_is_no_tenant),
	cmocka_unit_test(a_namespace_is_a_tuple),
	cmocka_unit_test(a_provider_id_means_one_instance),
	cmocka_unit_test(administrators_are_exact),
	cmocka_unit_test(rules_decide_as_written),
	cmocka_unit_test(zero_values_are_refused),
	cmocka_unit_test(a_rule_that_bounds_a_token_does_not_match_without_one),
	cmocka_unit_test(a_tree_that_was_not_checked_is_not_compiled),
	cmocka_unit_test(a_reference_outlives_the_configuration_and_the_first_owner),
	cmocka_unit_test(operations_have_verbs),
	cmocka_unit_test(an_explanation_says_what_would_have_passed),
	cmocka_unit_test(an_explanation_names_the_quota),
	cmocka_unit_test(random_policies_decide_like_the_naive_evaluator),
	cmocka_unit_test(finding_a_tenant_does_not_grow_with_their_number),
};

UNIT_MAIN(tests)
