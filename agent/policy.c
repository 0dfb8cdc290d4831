/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include "agent/policy_parts.h"
#include "base/own.h"

/* ---- compiling ------------------------------------------------------------------------------------------------ */

static void policy_free(struct policy *policy)
{
	for (uint32_t i = 0; policy->tenants != NULL && i < policy->tenant_count; i++) {
		struct tenant *tenant = &policy->tenants[i];

		for (uint32_t k = 0; k < tenant->rule_count; k++)
			free(tenant->rules[k].keys);
		free(tenant->rules);
	}
	free(policy->tenants);
	free(policy->nodes);
	free(policy->edges);
	free(policy->uids);
	config_free(policy->tree);
	free(policy);
}

/* A tree of our own, through its binary form: one copy routine less, and the table's bounds once more. */
static struct status tree_copy(const struct config *config, struct config **ret_copy)
{
	AUTO(buf_done) struct buf encoded = buf_make(CONFIG_TREE_MAX);

	TRY(config_put(&encoded, config));
	return config_get(buf_bytes(&encoded), ret_copy);
}

static void auto_unref(struct policy **policy)
{
	policy_unref(*policy);
}

struct status policy_new(const struct config *config, struct policy **ret_policy)
{
	AUTO(auto_unref) struct policy *policy = calloc(1, sizeof(*policy));

	ENSURE(policy != NULL, NO_MEMORY);
	atomic_init(&policy->references, 1);
	TRY(tree_copy(config, &policy->tree));
	policy->tenant_count = policy->tree->tenant_count;
	policy->tenants = calloc(policy->tenant_count + 1, sizeof(*policy->tenants));
	ENSURE(policy->tenants != NULL, NO_MEMORY);
	for (uint32_t i = 0; i < policy->tenant_count; i++)
		TRY(tenant_compile(policy, i));
	TRY(tenant_index(policy));
	*ret_policy = TAKE(policy);
	return OK;
}

struct policy *policy_ref(struct policy *policy)
{
	atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
	return policy;
}

void policy_unref(struct policy *policy)
{
	if (policy != NULL && atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) == 1)
		policy_free(policy);
}

/* ---- deciding ------------------------------------------------------------------------------------------------- */

static bool rule_covers_key(const struct rule *rule, struct bytes key)
{
	for (uint32_t i = 0; i < rule->key_count; i++)
		if (pattern_key(rule->keys[i], key))
			return true;
	return false;
}

static struct status deny(struct decision *decision, const char *rule)
{
	*decision = (struct decision){ false, rule };
	return FAIL(POLICY_DENIED);
}

static struct status allow(struct decision *decision, const char *rule)
{
	*decision = (struct decision){ true, rule };
	return OK;
}

static struct status rules_check(const struct tenant *tenant, enum verb verb, struct bytes key,
	const struct token_facts *token, struct decision *decision)
{
	const char *allowing = NULL;

	for (uint32_t i = 0; i < tenant->rule_count; i++) {
		const struct rule *rule = &tenant->rules[i];

		if (((rule->allow | rule->deny) & VERB_BIT(verb)) == 0 || !rule_covers_key(rule, key))
			continue;
		if (rule->deny & VERB_BIT(verb))
			return deny(decision, rule->name);
		if (allowing == NULL && tenant_token_fits(&rule->token, token))
			allowing = rule->name;
	}
	if (allowing != NULL)
		return allow(decision, allowing);
	if (tenant->has_allow)
		return deny(decision, tenant->rules_name);
	return verb == VERB_EXPORT ? deny(decision, tenant->name) : allow(decision, tenant->name);
}

struct status policy_check(const struct policy *policy, const struct tenant_match *match, enum verb verb,
	uint32_t provider, struct bytes key, const struct token_facts *token, struct decision *decision)
{
	*decision = (struct decision){ false, "tenants" };
	ENSURE(policy != NULL && match->tenant != NULL, POLICY_DENIED);
	decision->rule = match->tenant->name;
	ENSURE(verb > VERB_NONE && verb < VERB_COUNT, POLICY_DENIED);
	if (provider != TENANT_NO_PROVIDER && !tenant_has_provider(match, provider)) {
		decision->rule = match->tenant->providers_name;
		return FAIL(POLICY_PROVIDER);
	}
	return rules_check(match->tenant, verb, key, token, decision);
}

bool policy_is_admin(const struct policy *policy, const struct identity *identity)
{
	const struct config *tree = policy->tree;

	for (uint32_t i = 0; i < tree->admin_count; i++) {
		const struct config_match *match = &tree->admins[i].match;
		uint32_t uid = match->user != NULL ? match->user_uid : match->uid;

		if (identity->authenticator == AUTHENTICATOR_UNIX_PEER && uid != CONFIG_UNSET && identity->uid == uid)
			return true;
		if (identity->authenticator == AUTHENTICATOR_JWT_SVID && match->spiffe != NULL &&
			bytes_equal(identity->name, bytes_from_text(match->spiffe)))
			return true;
	}
	return false;
}
