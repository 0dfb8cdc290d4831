/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include "agent/policy_parts.h"
#include "base/own.h"

/* ---- compiling ------------------------------------------------------------------------------------------------ */

static void rule_done(struct rule *rule)
{
	free(rule->keys);
	free(rule->subjects);
}

static void policy_free(struct policy *policy)
{
	for (uint32_t i = 0; policy->tenants != NULL && i < policy->tenant_count; i++) {
		struct tenant *tenant = &policy->tenants[i];

		for (uint32_t k = 0; k < tenant->rule_count; k++)
			rule_done(&tenant->rules[k]);
		free(tenant->rules);
		free(tenant->heads);
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

const struct config *policy_config(const struct policy *policy)
{
	return policy->tree;
}

/* ---- deciding ------------------------------------------------------------------------------------------------- */

static bool head_covers_key(const struct rule_head *head, struct bytes key)
{
	if (head->is_whole ? key.len != head->prefix_len : key.len < head->prefix_len)
		return false;
	return head->prefix_len == 0 || memcmp(head->prefix, key.data, head->prefix_len) == 0;
}

static bool rule_covers_key(const struct rule *rule, struct bytes key)
{
	for (uint32_t i = 0; i < rule->key_count; i++)
		if (pattern_key(rule->keys[i], key))
			return true;
	return false;
}

static struct status deny(struct decision *decision, const char *rule)
{
	*decision = (struct decision){ .rule = rule };
	return FAIL(POLICY_DENIED);
}

static struct status allow(struct decision *decision, const char *rule)
{
	*decision = (struct decision){ .is_allowed = true, .rule = rule };
	return OK;
}

static bool creates(enum verb verb)
{
	return verb == VERB_GENERATE || verb == VERB_IMPORT;
}

/* All that a rule asks beyond verb, key and sets. */
static enum answer rule_ask(const struct rule *rule, const struct policy_request *rq)
{
	enum answer all = condition_rest(rule, rq);

	if (all == ANSWER_NO || !rule->limits_created || !creates(rq->verb))
		return all;
	if (rq->attributes == NULL)
		return ANSWER_UNKNOWN;
	return condition_created_fits(&rule->from->created, rq->attributes) ? all : ANSWER_NO;
}

static enum answer head_ask(const struct rule_head *head, const struct set_facts *facts)
{
	enum answer all = ANSWER_YES;

	for (unsigned set = 0; set < SET_COUNT; set++) {
		enum answer one = condition_set((enum set)set, head->set[set], facts);

		if (one == ANSWER_NO)
			return ANSWER_NO;
		if (one == ANSWER_UNKNOWN)
			all = ANSWER_UNKNOWN;
	}
	return all;
}

/* NO: this rule is not about the request. */
static enum answer ask(
	const struct tenant *tenant, uint32_t i, const struct policy_request *rq, const struct set_facts *facts)
{
	const struct rule_head *head = &tenant->heads[i];
	const struct rule *rule = &tenant->rules[i];
	enum answer sets, rest;

	if (!head->is_whole && !head->covers_any && !rule_covers_key(rule, rq->key))
		return ANSWER_NO;
	sets = tenant->has_sets ? head_ask(head, facts) : ANSWER_YES;
	if (sets == ANSWER_NO || !head->asks_more)
		return sets;
	rest = rule_ask(rule, rq);
	return rest == ANSWER_NO || sets == ANSWER_YES ? rest : sets;
}

/* The first rule that denies; else the first that allows. */
struct found {
	const struct rule *denying, *allowing;
	bool is_uncertain; /* the denial is, or an allowing rule fell out for what is not known */
};

static struct found rules_find(const struct tenant *tenant, const struct policy_request *rq)
{
	struct found found = { 0 };
	struct set_facts facts = { 0 };

	if (tenant->has_sets)
		condition_facts(rq, &facts);
	for (uint32_t i = 0; i < tenant->rule_count; i++) {
		const struct rule_head *head = &tenant->heads[i];
		const struct rule *rule = &tenant->rules[i];
		bool denies = (head->deny & VERB_BIT(rq->verb)) != 0;
		enum answer answer;

		if (((head->allow | head->deny) & VERB_BIT(rq->verb)) == 0 || !head_covers_key(head, rq->key))
			continue;
		if (!denies && found.allowing != NULL)
			continue;
		answer = ask(tenant, i, rq, &facts);
		if (answer == ANSWER_NO)
			continue;
		if (denies)
			return (struct found){ .denying = rule, .is_uncertain = answer == ANSWER_UNKNOWN };
		found.is_uncertain |= answer == ANSWER_UNKNOWN;
		if (answer == ANSWER_YES)
			found.allowing = rule;
	}
	return found;
}

static struct status rules_check(const struct tenant *tenant, const struct policy_request *rq,
	struct decision *decision, const struct rule **ret_allowing)
{
	struct found found = rules_find(tenant, rq);
	const char *rule = tenant->rules_name;

	*ret_allowing = found.allowing;
	if (found.denying == NULL && found.allowing != NULL)
		return allow(decision, found.allowing->name);
	if (found.denying != NULL)
		rule = found.denying->name;
	else if (!tenant->has_allow && rq->verb != VERB_EXPORT)
		return allow(decision, tenant->name);
	else if (!tenant->has_allow)
		rule = tenant->name;
	*decision = (struct decision){ .rule = rule, .is_uncertain = found.is_uncertain };
	return FAIL(POLICY_DENIED);
}

/* "Expiry after which it only verifies": and can still be found, and got rid of. */
static bool is_expired(const struct policy_request *rq)
{
	static const uint32_t still = VERB_BIT(VERB_VERIFY) | VERB_BIT(VERB_EXPORT_PUBLIC) | VERB_BIT(VERB_LIST) |
				      VERB_BIT(VERB_CAN_DO) | VERB_BIT(VERB_DESTROY);

	return rq->key_expires_s != 0 && (rq->now_s <= 0 || rq->now_s >= rq->key_expires_s) &&
	       (still & VERB_BIT(rq->verb)) == 0;
}

/* The shorter of what the tenant and the allowing rule say; 0 for never. */
static uint32_t life_s(const struct tenant *tenant, const struct rule *allowing)
{
	uint32_t shorter = tenant->created->expires_after_s;

	if (allowing != NULL && allowing->from->created.expires_after_s < shorter)
		shorter = allowing->from->created.expires_after_s; /* not stated is the highest number */
	return shorter == CONFIG_UNSET ? 0 : shorter;
}

struct status policy_check(const struct policy *policy, const struct tenant_match *match,
	const struct policy_request *rq, struct decision *decision)
{
	const struct tenant *tenant = match->tenant;
	const struct rule *allowing;

	*decision = (struct decision){ .rule = "tenants" };
	ENSURE(policy != NULL && tenant != NULL, POLICY_DENIED);
	decision->rule = tenant->name;
	ENSURE(rq->verb > VERB_NONE && rq->verb < VERB_COUNT, POLICY_DENIED);
	if (rq->provider != TENANT_NO_PROVIDER && !tenant_has_provider(match, rq->provider)) {
		decision->rule = tenant->providers_name;
		return FAIL(POLICY_PROVIDER);
	}
	if (creates(rq->verb) && tenant->limits_created && !condition_created_fits(tenant->created, rq->attributes)) {
		*decision = (struct decision){ .rule = tenant->created_name, .is_uncertain = rq->attributes == NULL };
		return FAIL(POLICY_DENIED);
	}
	TRY(rules_check(tenant, rq, decision, &allowing));
	if (is_expired(rq))
		return deny(decision, "created.expires_after");
	if (creates(rq->verb))
		decision->expires_after_s = life_s(tenant, allowing);
	return OK;
}

struct policy_request policy_suppose(const struct tenant_match *match, const struct policy_request *request)
{
	struct policy_request usual = *request;

	if (match->tenant->authenticator != AUTHENTICATOR_JWT_SVID &&
		match->tenant->authenticator != AUTHENTICATOR_ISSUER)
		return usual;
	if (usual.binding == 0)
		usual.binding = BINDING_BIT(match->tenant->bind->binding);
	if (usual.principals == 0)
		usual.principals = 1;
	return usual;
}

struct bytes policy_provider_name(const struct policy *policy, uint32_t instance)
{
	if (instance >= policy->tree->provider_count)
		return (struct bytes){ 0 };
	return bytes_from_text(policy->tree->providers[instance].name);
}

uint32_t policy_provider_find(const struct policy *policy, struct bytes name)
{
	for (uint32_t i = 0; i < policy->tree->provider_count; i++)
		if (bytes_equal(bytes_from_text(policy->tree->providers[i].name), name))
			return i;
	return TENANT_NO_PROVIDER;
}

const struct config_admin *policy_admin(const struct policy *policy, const struct identity *identity)
{
	const struct config *tree = policy->tree;

	for (uint32_t i = 0; i < tree->admin_count; i++) {
		const struct config_match *match = &tree->admins[i].match;
		uint32_t uid = match->user != NULL ? match->user_uid : match->uid;

		if (identity->authenticator == AUTHENTICATOR_UNIX_PEER && uid != CONFIG_UNSET && identity->uid == uid)
			return &tree->admins[i];
		if (identity->authenticator == AUTHENTICATOR_JWT_SVID && match->spiffe != NULL &&
			bytes_equal(identity->name, bytes_from_text(match->spiffe)))
			return &tree->admins[i];
		if (identity->authenticator == AUTHENTICATOR_ISSUER && match->issuer != NULL &&
			bytes_equal(identity->issuer, bytes_from_text(match->issuer)) &&
			bytes_equal(identity->name, bytes_from_text(match->subject)))
			return &tree->admins[i];
	}
	return NULL;
}

bool policy_is_admin(const struct policy *policy, const struct identity *identity)
{
	return policy_admin(policy, identity) != NULL;
}
