/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tenant.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/policy_parts.h"

#define NOBODY UINT32_MAX

/* ---- compiling ------------------------------------------------------------------------------------------------ */

static uint32_t instance_find(const struct config *tree, const char *name)
{
	for (uint32_t i = 0; i < tree->provider_count; i++)
		if (strcmp(tree->providers[i].name, name) == 0)
			return i;
	return TENANT_NO_PROVIDER;
}

static struct status instances_compile(const struct config *tree, const struct config_tenant *from, struct tenant *to)
{
	for (size_t type = 0; type <= PROVIDER_TPM; type++)
		to->instance[type] = TENANT_NO_PROVIDER;
	for (uint32_t i = 0; i < from->provider_count; i++) {
		uint32_t instance = instance_find(tree, from->providers[i]);
		uint32_t *slot = instance == TENANT_NO_PROVIDER ? NULL : &to->instance[tree->providers[instance].type];

		ENSURE(slot != NULL && *slot == TENANT_NO_PROVIDER, CONFIG_SYNTAX);
		*slot = instance;
	}
	for (uint32_t i = 0; from->provider_count == 0 && i < tree->provider_count; i++) {
		uint32_t *slot = &to->instance[tree->providers[i].type];

		if (*slot == TENANT_NO_PROVIDER)
			*slot = i;
	}
	return OK;
}

static struct status name_compile(const struct config_tenant *from, struct tenant *to)
{
	struct pattern match, template;
	const char *why;

	TRY(pattern_of_match(&from->match, &match, &why));
	TRY(pattern_template(bytes_from_text(from->tenant), &template, &why));
	for (uint32_t i = 0; i < template.count; i++) {
		const struct pattern_segment *segment = &template.segment[i];
		int at = segment->is_placeholder ? pattern_placeholder(&match, segment->text) : 0;

		ENSURE(at >= 0, CONFIG_SYNTAX);
		to->parts[i] = (struct name_part){ segment->text, (uint32_t)at, segment->is_placeholder };
	}
	to->part_count = template.count;
	return OK;
}

static uint32_t tightest(uint32_t stated, uint32_t bound)
{
	return stated < bound ? stated : bound; /* not stated is the highest number */
}

/* What all names have in common that the patterns cover, as far as it has room. */
static void head_compile(const struct rule *rule, struct rule_head *to)
{
	struct bytes prefix = rule->key_count > 0 ? rule->keys[0] : (struct bytes){ 0 };

	*to = (struct rule_head){ .allow = rule->from->allow, .deny = rule->from->deny };
	for (uint32_t i = 0; i < rule->key_count; i++) {
		const uint8_t *star = memchr(rule->keys[i].data, '*', rule->keys[i].len);
		size_t len = star == NULL ? rule->keys[i].len : (size_t)(star - rule->keys[i].data);

		prefix.len = len < prefix.len ? len : prefix.len;
		for (size_t k = 0; k < prefix.len; k++)
			if (rule->keys[i].data[k] != prefix.data[k])
				prefix.len = k;
	}
	to->is_whole = rule->key_count == 1 && prefix.len == rule->keys[0].len && prefix.len <= RULE_PREFIX_BYTES;
	to->covers_any = rule->key_count == 1 && prefix.len + 1 == rule->keys[0].len && prefix.len <= RULE_PREFIX_BYTES;
	to->asks_more = (rule->conditions & ~CONDITION_SETS) != 0 || rule->limits_created;
	for (unsigned set = 0; set < SET_COUNT; set++)
		to->set[set] = condition_set_stated(rule, (enum set)set);
	to->prefix_len = (uint8_t)(prefix.len < RULE_PREFIX_BYTES ? prefix.len : RULE_PREFIX_BYTES);
	if (to->prefix_len > 0)
		memcpy(to->prefix, prefix.data, to->prefix_len);
}

static struct status subjects_compile(const struct config_rule *from, const struct config_match *match, struct rule *to)
{
	const char *why;

	if (from->subject_count == 0)
		return OK;
	to->subjects = calloc(from->subject_count, sizeof(*to->subjects));
	ENSURE(to->subjects != NULL, NO_MEMORY);
	for (uint32_t i = 0; i < from->subject_count; i++)
		TRY(pattern_like(match, bytes_from_text(from->subjects[i]), &to->subjects[i], &why));
	return OK;
}

static struct status rule_compile(const struct config *tree, const struct config_rule *from,
	const struct config_match *match, const char *name, struct rule *to)
{
	condition_compile(from, to);
	(void)snprintf(to->name, sizeof(to->name), "%s", name);
	to->keys = calloc(from->key_count + 1, sizeof(*to->keys));
	ENSURE(to->keys != NULL, NO_MEMORY);
	for (; to->key_count < from->key_count; to->key_count++)
		to->keys[to->key_count] = bytes_from_text(from->keys[to->key_count]);
	for (uint32_t i = 0; i < from->provider_count; i++) {
		uint32_t instance = instance_find(tree, from->providers[i]);

		ENSURE(instance != TENANT_NO_PROVIDER, CONFIG_SYNTAX);
		to->providers |= 1u << instance;
	}
	return subjects_compile(from, match, to);
}

static struct status rules_compile(
	const struct config *tree, const struct config_tenant *from, uint32_t number, struct tenant *to)
{
	char name[RULE_NAME_BYTES];

	to->rules = aligned_alloc(_Alignof(struct rule), (from->rule_count + 1) * sizeof(*to->rules));
	to->heads = aligned_alloc(sizeof(*to->heads), (from->rule_count + 1) * sizeof(*to->heads));
	ENSURE(to->rules != NULL && to->heads != NULL, NO_MEMORY);
	for (uint32_t i = 0; i < from->rule_count; i++) {
		to->rules[i] = (struct rule){ 0 };
		to->rule_count++; /* first, so that a half-compiled rule is freed */
		(void)snprintf(name, sizeof(name), "tenants[%u].rules[%u]", number, i);
		TRY(rule_compile(tree, &from->rules[i], &from->match, name, &to->rules[i]));
		head_compile(&to->rules[i], &to->heads[i]);
		to->has_sets |= (to->rules[i].conditions & CONDITION_SETS) != 0;
		to->has_allow |= from->rules[i].allow != 0;
	}
	return OK;
}

/* The daemon's bounds, or what the file gives the issuer in writing, and the tenant's where they are tighter. */
static struct status token_compile(const struct config *tree, const struct config_tenant *from, struct tenant *to)
{
	uint32_t lifetime_s = CONFIG_TOKEN_LIFETIME_S, age_s = CONFIG_TOKEN_AGE_S;

	to->token =
		(struct config_token){ CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET, from->token.bounds.min_remaining_s };
	if (to->authenticator != AUTHENTICATOR_JWT_SVID && to->authenticator != AUTHENTICATOR_ISSUER)
		return OK;
	if (to->authenticator == AUTHENTICATOR_ISSUER) {
		const struct config_issuer *issuer = config_issuer_find(tree, bytes_from_text(from->match.issuer));

		ENSURE(issuer != NULL, CONFIG_SYNTAX);
		lifetime_s = issuer->max_lifetime_s;
		age_s = issuer->max_age_s;
	}
	to->token.max_lifetime_s = tightest(from->token.bounds.max_lifetime_s, lifetime_s);
	to->token.max_age_s = tightest(from->token.bounds.max_age_s, age_s);
	to->token.leeway_s = tightest(from->token.bounds.leeway_s, CONFIG_TOKEN_LEEWAY_S);
	return OK;
}

struct status tenant_compile(struct policy *policy, uint32_t i)
{
	const struct config_tenant *from = &policy->tree->tenants[i];
	struct tenant *to = &policy->tenants[i];

	to->authenticator = pattern_authenticator(&from->match);
	ENSURE(to->authenticator != AUTHENTICATOR_UNIX_PEER || from->match.user != NULL ||
			from->match.uid != CONFIG_UNSET,
		CONFIG_SYNTAX);
	to->is_shared = from->namespace_kind == NAMESPACE_TENANT;
	to->bind = &from->token.bind;
	to->created = &from->created;
	to->limits_created = condition_limits_created(&from->created);
	TRY(token_compile(policy->tree, from, to));
	(void)snprintf(to->name, sizeof(to->name), "tenants[%u]", i);
	to->quota = &from->quota;
	(void)snprintf(to->quota_name, sizeof(to->quota_name), "tenants[%u].quota", i);
	(void)snprintf(to->token_name, sizeof(to->token_name), "tenants[%u].token", i);
	(void)snprintf(to->providers_name, sizeof(to->providers_name), "tenants[%u].providers", i);
	(void)snprintf(to->rules_name, sizeof(to->rules_name), "tenants[%u].rules", i);
	(void)snprintf(to->created_name, sizeof(to->created_name), "tenants[%u].created", i);
	TRY(instances_compile(policy->tree, from, to));
	TRY(name_compile(from, to));
	return rules_compile(policy->tree, from, i, to);
}

/* ---- the index ------------------------------------------------------------------------------------------------ */

/* FNV-1a over the segment, begun at the node.  Only the file fills the table, so that no client can make it slow. */
static uint32_t edge_hash(uint32_t from, struct bytes segment)
{
	uint32_t hash = 2166136261u ^ (from * 2654435761u);

	for (size_t i = 0; i < segment.len; i++)
		hash = (hash ^ segment.data[i]) * 16777619u;
	return hash;
}

/* The edge, or the free place where it would be. */
static struct tenant_edge *edge_find(const struct policy *policy, uint32_t from, struct bytes segment)
{
	uint32_t at = edge_hash(from, segment) & policy->edge_mask;

	for (;; at = (at + 1) & policy->edge_mask) {
		struct tenant_edge *edge = &policy->edges[at];

		if (edge->to == 0 || (edge->from == from && bytes_equal(edge->segment, segment)))
			return edge;
	}
}

/* Room was counted beforehand: one node per segment of the file, and the root. */
static uint32_t node_new(struct policy *policy)
{
	policy->nodes[policy->node_count] = (struct tenant_node){ NOBODY, NOBODY, 0, NOBODY };
	return policy->node_count++;
}

static uint32_t child_get(struct policy *policy, uint32_t from, struct bytes segment)
{
	struct tenant_edge *edge = edge_find(policy, from, segment);

	if (edge->to == 0)
		*edge = (struct tenant_edge){ from, node_new(policy), segment };
	return edge->to;
}

static uint32_t any_get(struct policy *policy, uint32_t from)
{
	if (policy->nodes[from].any == 0)
		policy->nodes[from].any = node_new(policy);
	return policy->nodes[from].any;
}

static void lower(uint32_t *number, uint32_t to)
{
	if (to < *number)
		*number = to;
}

/* Names of issuers have a root of their own: one of them may read like a trust domain. */
static uint32_t root_of(uint8_t authenticator)
{
	return authenticator == AUTHENTICATOR_ISSUER ? ROOT_ISSUED : ROOT_NAMES;
}

static void pattern_insert(struct policy *policy, const struct pattern *pattern, uint32_t tenant)
{
	uint32_t at = child_get(policy, root_of(pattern->authenticator), pattern->domain);

	lower(&policy->nodes[at].first, tenant);
	for (uint32_t i = 0; i < pattern->count; i++) {
		at = pattern->segment[i].is_placeholder ? any_get(policy, at)
							: child_get(policy, at, pattern->segment[i].text);
		lower(&policy->nodes[at].first, tenant);
	}
	lower(pattern->has_rest ? &policy->nodes[at].rest : &policy->nodes[at].here, tenant);
}

static int uid_order(const void *a, const void *b)
{
	const struct tenant_uid *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->tenant < y->tenant ? -1 : x->tenant > y->tenant;
}

static struct status index_room(struct policy *policy)
{
	struct pattern pattern;
	uint32_t places = 16;
	const char *why;

	policy->node_room = ROOTS;
	/* as many nodes as there are segments, and as many edges at most */
	for (uint32_t i = 0; i < policy->tenant_count; i++) {
		TRY(pattern_of_match(&policy->tree->tenants[i].match, &pattern, &why));
		policy->node_room += pattern.count + 1;
	}
	while (places < 2 * policy->node_room)
		places *= 2;
	policy->nodes = calloc(policy->node_room, sizeof(*policy->nodes));
	policy->edges = calloc(places, sizeof(*policy->edges));
	policy->uids = calloc(policy->tenant_count + 1, sizeof(*policy->uids));
	policy->edge_mask = places - 1;
	ENSURE(policy->nodes != NULL && policy->edges != NULL && policy->uids != NULL, NO_MEMORY);
	for (int root = 0; root < ROOTS; root++)
		(void)node_new(policy);
	return OK;
}

struct status tenant_index(struct policy *policy)
{
	struct pattern pattern;
	const char *why;

	TRY(index_room(policy));
	for (uint32_t i = 0; i < policy->tenant_count; i++) {
		const struct config_match *match = &policy->tree->tenants[i].match;

		TRY(pattern_of_match(match, &pattern, &why));
		if (pattern.authenticator != AUTHENTICATOR_UNIX_PEER)
			pattern_insert(policy, &pattern, i);
		else
			policy->uids[policy->uid_count++] =
				(struct tenant_uid){ match->user != NULL ? match->user_uid : match->uid, i };
	}
	qsort(policy->uids, policy->uid_count, sizeof(*policy->uids), uid_order);
	return OK;
}

/* ---- finding -------------------------------------------------------------------------------------------------- */

static uint32_t uid_find(const struct policy *policy, uint32_t uid)
{
	uint32_t low = 0, high = policy->uid_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (policy->uids[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return uid != CONFIG_UNSET && low < policy->uid_count && policy->uids[low].uid == uid ? policy->uids[low].tenant
											      : NOBODY;
}

/* The lowest tenant below a node that matches what is left.  As deep as the file's patterns, CONFIG_SEGMENTS_MAX. */
static void node_search(const struct policy *policy, uint32_t at, struct bytes left, uint32_t *best)
{
	const struct tenant_node *node = &policy->nodes[at];
	struct bytes segment;
	uint32_t child;

	if (node->first >= *best)
		return;
	if (left.len == 0) {
		lower(best, node->here);
		return;
	}
	lower(best, node->rest);
	if (!pattern_next(&left, &segment))
		return;
	child = edge_find(policy, at, segment)->to;
	if (child != 0)
		node_search(policy, child, left, best);
	if (node->any != 0)
		node_search(policy, node->any, left, best);
}

static uint32_t name_find(const struct policy *policy, uint32_t root, struct bytes domain, struct bytes path)
{
	uint32_t best = NOBODY, at = edge_find(policy, root, domain)->to;

	/* A name that ends in '/' or has "//" is nobody's, also where a rest would swallow it. */
	if (path.len == 0 || path.data[path.len - 1] == '/' || path.data[0] == '/' ||
		memmem(path.data, path.len, "//", 2) != NULL)
		return NOBODY;
	if (at != 0)
		node_search(policy, at, path, &best);
	return best;
}

bool tenant_name_split(const struct identity *identity, struct bytes *ret_domain, struct bytes *ret_path)
{
	if (identity->authenticator == AUTHENTICATOR_JWT_SVID)
		return pattern_split(identity->name, ret_domain, ret_path);
	*ret_domain = identity->authenticator == AUTHENTICATOR_ISSUER ? identity->issuer : (struct bytes){ 0 };
	*ret_path = identity->name;
	return identity->authenticator == AUTHENTICATOR_DIRECT || identity->authenticator == AUTHENTICATOR_ISSUER;
}

static uint32_t tenant_number(const struct policy *policy, const struct identity *identity)
{
	struct bytes domain, path;

	if (identity->authenticator == AUTHENTICATOR_UNIX_PEER)
		return uid_find(policy, identity->uid);
	return tenant_name_split(identity, &domain, &path)
		       ? name_find(policy, root_of(identity->authenticator), domain, path)
		       : NOBODY;
}

static bool name_append(struct tenant_match *match, struct bytes part)
{
	bool is_first = match->name_len == 0;

	if (part.len == 0 || part.len + !is_first > KEYSTORE_TENANT_MAX - match->name_len)
		return false;
	if (!is_first)
		match->name[match->name_len++] = '/';
	memcpy(match->name + match->name_len, part.data, part.len);
	match->name_len += part.len;
	return true;
}

/* Write the tenant's name; false if it would be too long. */
static bool name_expand(const struct tenant *tenant, const struct identity *identity, struct tenant_match *match)
{
	struct bytes segments[CONFIG_SEGMENTS_MAX] = { 0 }, domain, left;

	if (tenant_name_split(identity, &domain, &left))
		for (size_t i = 0; i < CONFIG_SEGMENTS_MAX && pattern_next(&left, &segments[i]); i++)
			continue;
	for (uint32_t i = 0; i < tenant->part_count; i++) {
		const struct name_part *part = &tenant->parts[i];

		if (!name_append(match, part->is_segment ? segments[part->segment] : part->literal))
			return false;
	}
	match->name[match->name_len] = '\0';
	return match->name_len > 0;
}

/* start = iat, else nbf; lifetime = exp - start; age = max(0, now - start): DESIGN decision 5.  Times far from now
 * saturate instead of overflowing. */
static int64_t minus(int64_t a, int64_t b)
{
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return a < b ? INT64_MIN : INT64_MAX;
	return difference;
}

bool tenant_token_fits(const struct config_token *bounds, const struct token_facts *token)
{
	if (!condition_bounds_token(bounds))
		return true;
	if (token == NULL || !token->has_token)
		return false;
	if (bounds->max_lifetime_s != CONFIG_UNSET && minus(token->expires_s, token->start_s) > bounds->max_lifetime_s)
		return false;
	if (bounds->max_age_s != CONFIG_UNSET && minus(token->now_s, token->start_s) > bounds->max_age_s)
		return false;
	if (bounds->min_remaining_s != CONFIG_UNSET && minus(token->expires_s, token->now_s) < bounds->min_remaining_s)
		return false;
	return bounds->leeway_s == CONFIG_UNSET || (minus(token->start_s, token->now_s) <= bounds->leeway_s &&
							   minus(token->now_s, token->expires_s) < bounds->leeway_s);
}

struct status tenant_find(const struct policy *policy, const struct identity *identity, const struct token_facts *token,
	struct tenant_match *ret_match, struct decision *decision)
{
	struct tenant_match match;
	uint32_t number;

	*decision = (struct decision){ .rule = "tenants" };
	number = tenant_number(policy, identity);
	ENSURE(number != NOBODY, TENANT_NONE);
	match.tenant = &policy->tenants[number];
	ENSURE(match.tenant->authenticator == identity->authenticator, TENANT_NONE); /* whatever the index says */
	match.name_len = 0;
	decision->rule = match.tenant->name;
	ENSURE(name_expand(match.tenant, identity, &match), TENANT_NONE);
	decision->rule = match.tenant->token_name;
	ENSURE(tenant_token_fits(&match.tenant->token, token), TENANT_TOKEN);

	*ret_match = match;
	*decision = (struct decision){ .is_allowed = true, .rule = match.tenant->name };
	return OK;
}

struct status tenant_named(const struct policy *policy, const struct identity *identity, struct tenant_match *ret_match)
{
	uint32_t number = tenant_number(policy, identity);

	ENSURE(number != NOBODY, TENANT_NONE);
	*ret_match = (struct tenant_match){ .tenant = &policy->tenants[number] };
	ENSURE(name_expand(ret_match->tenant, identity, ret_match), TENANT_NONE);
	return OK;
}

const struct config_bind *tenant_bind(const struct tenant_match *match, const char **ret_rule)
{
	*ret_rule = match->tenant->token_name;
	return match->tenant->bind;
}

void tenant_space(const struct tenant_match *match, const struct identity *identity, struct namespace_name *ret_space)
{
	struct bytes domain = { 0 }, path;

	(void)tenant_name_split(identity, &domain, &path); /* Unix peers have neither */
	*ret_space = (struct namespace_name){
		.authenticator = identity->authenticator,
		.domain = domain,
		.tenant = bytes_of(match->name, match->name_len),
		.identity = match->tenant->is_shared ? bytes_of(NULL, 0) : identity->name,
	};
}

const struct config_quota *tenant_quota(const struct tenant_match *match, const char **ret_rule)
{
	*ret_rule = match->tenant->quota_name;
	return match->tenant->quota;
}

uint32_t tenant_provider(const struct tenant_match *match, uint32_t type)
{
	return type > PROVIDER_TPM ? TENANT_NO_PROVIDER : match->tenant->instance[type];
}

bool tenant_has_provider(const struct tenant_match *match, uint32_t instance)
{
	for (uint32_t type = 0; instance != TENANT_NO_PROVIDER && type <= PROVIDER_TPM; type++)
		if (match->tenant->instance[type] == instance)
			return true;
	return false;
}
