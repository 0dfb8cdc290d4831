/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration, hostile: the bytes once as YAML and once as an encoded tree.  What loads must encode, decode to
 * the same bytes, and, when it came through the checks, compile. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/config_yaml.h"
#include "agent/policy.h"
#include "agent/policy_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct config *config)
{
	struct buf once = buf_make(CONFIG_TREE_MAX), twice = buf_make(CONFIG_TREE_MAX);
	struct config *copy = NULL;

	if (config_put(&once, config).code == STATUS_OK) {
		if (config_get(buf_bytes(&once), &copy).code != STATUS_OK ||
			config_put(&twice, copy).code != STATUS_OK || !bytes_equal(buf_bytes(&once), buf_bytes(&twice)))
			abort();
	}
	config_free(copy);
	buf_done(&once);
	buf_done(&twice);
}

static void compile(const struct config *config, bool was_checked)
{
	struct identity who = { .authenticator = AUTHENTICATOR_JWT_SVID,
		.name = BYTES_LITERAL("spiffe://prod.example/ns/a/sa/b") };
	struct token_facts token = { true, 0, 1, 0 };
	struct policy *policy = NULL;
	struct status st = policy_new(config, &policy);
	struct tenant_match match;
	struct psa_key_attributes key = { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_USAGE_SIGN_HASH, 256,
		{ PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } };
	struct policy_request rq = { .key = BYTES_LITERAL("web"), .identity = &who, .token = &token, .now_s = 1 };
	struct decision decision;

	if (st.code != STATUS_OK) {
		if (was_checked && st.code == STATUS_CONFIG_SYNTAX)
			abort();
		return;
	}
	/* each verb with nothing known of the key, and with everything */
	for (int verb = VERB_SIGN; verb < 2 * VERB_COUNT; verb++) {
		rq.verb = (enum verb)(verb % VERB_COUNT);
		if (verb >= VERB_COUNT) {
			rq.attributes = &key;
			rq.key_created_s = 1;
			rq.binding = 1;
			rq.principals = 1;
		}
		if (tenant_find(policy, &who, &token, &match, &decision).code == STATUS_OK)
			(void)!policy_check(policy, &match, &rq, &decision).code;
	}
	policy_unref(policy);
}

static void ignore(void *context, const char *path, const char *text, bool is_later)
{
	(void)context;
	(void)path;
	(void)text;
	(void)is_later;
}

static void cases_run(void *context, const void *base, config_visit_fn *visit, void *visit_context)
{
	const struct policy_cases *cases = base;
	const struct config nothing = { 0 };

	(void)context;
	(void)visit;
	(void)visit_context;
	for (uint32_t i = 0; i < cases->case_count; i++) {
		struct policy_question question;
		char why[CONFIG_TEXT_BYTES];

		(void)policy_question_make(&cases->cases[i], &nothing, &question, why);
	}
}

/* The same bytes as cases of a policy test. */
static void as_cases(struct bytes text, struct buf *errors)
{
	static const struct config_yaml_checker checker = { .run = cases_run };
	struct policy_cases cases = { 0 };

	(void)!config_yaml_read(text, "f", errors, &policy_cases_shape, &checker, &cases).code;
	config_shape_done(&policy_cases_shape, &cases);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf errors = buf_make(64 * 1024);
	struct config *config = NULL;

	as_cases(bytes_of(data, size), &errors);
	buf_clear(&errors);
	if (config_yaml_parse(bytes_of(data, size), "f", &errors, &config).code == STATUS_OK) {
		same_again(config);
		compile(config, true);
		(void)policy_lint(config, ignore, NULL);
	}
	config_free(config);
	config = NULL;
	if (config_get(bytes_of(data, size), &config).code == STATUS_OK) {
		same_again(config);
		compile(config, false);
	}
	config_free(config);
	buf_done(&errors);
	return 0;
}
