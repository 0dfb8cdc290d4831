/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants: each by itself, and two by two. */
#include <stdio.h>

#include "agent/config_check_parts.h"
#include "agent/pattern.h"
#include "agent/policy_parts.h"
#include "base/own.h"
#include "crypto/psa.h"

#define report config_check_report

enum { PAIR_TEXT_MAX = 8 * 1024 };

/* ---- tenants, one by one -------------------------------------------------------------------------------------- */

/* A tenant's match and template, taken apart. */
struct parsed {
	struct pattern match, template;
	bool is_good;
};

static void match_parse(struct check *c, uint32_t i, struct parsed *parsed)
{
	const struct config_match *match = &c->config->tenants[i].match;
	const char *why = NULL;

	if (config_check_match(match) != 1) {
		report(c, "needs exactly one of spiffe, uid, user and direct, or issuer with subject",
			"tenants[%u].match", i);
		return;
	}
	if (match->issuer != NULL || match->subject != NULL) {
		SENTENCE(path, "tenants[%u].match", i);
		config_check_issuer(c, match, path);
		if (match->issuer == NULL || match->subject == NULL)
			return;
	}
	parsed->is_good = pattern_of_match(match, &parsed->match, &why).code == STATUS_OK;
	if (!parsed->is_good)
		report(c, why, "tenants[%u].match.%s", i,
			match->spiffe != NULL	? "spiffe"
			: match->direct != NULL ? "direct"
						: "subject");
	if (match->user != NULL && !config_check_account(match->user))
		report(c, "is not the name of an account", "tenants[%u].match.user", i);
}

static void template_parse(struct check *c, uint32_t i, struct parsed *parsed)
{
	const char *why;

	if (pattern_template(bytes_from_text(c->config->tenants[i].tenant), &parsed->template, &why).code !=
		STATUS_OK) {
		report(c, why, "tenants[%u].tenant", i);
		parsed->is_good = false;
		return;
	}
	for (uint32_t k = 0; parsed->is_good && k < parsed->template.count; k++) {
		struct bytes name = parsed->template.segment[k].text;

		if (!parsed->template.segment[k].is_placeholder || pattern_placeholder(&parsed->match, name) >= 0)
			continue;
		SENTENCE(text, "has {%.*s}, which the match does not have", (int)name.len, (const char *)name.data);
		report(c, text, "tenants[%u].tenant", i);
		parsed->is_good = false;
	}
}

static void tenant_providers_check(struct check *c, uint32_t i)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	const char *of_type[PROVIDER_TPM + 1] = { NULL };

	for (uint32_t k = 0; k < tenant->provider_count; k++) {
		const struct config_provider *provider = config_check_provider(c->config, tenant->providers[k]);

		if (provider == NULL) {
			report(c, "names no provider of this file", "tenants[%u].providers[%u]", i, k);
		} else if (of_type[provider->type] != NULL) {
			SENTENCE(text,
				"is of type %s, as '%s' is: a client's request names the type only, so a tenant has "
				"one of each",
				config_provider_type_name(provider->type), of_type[provider->type]);
			report(c, text, "tenants[%u].providers[%u]", i, k);
		} else {
			of_type[provider->type] = provider->name;
		}
	}
}

static void tighter(struct check *c, uint32_t i, uint32_t k, const char *field, bool is_looser)
{
	if (is_looser)
		report(c, "is looser than the tenant's own bound, so it does nothing", "tenants[%u].rules[%u].token.%s",
			i, k, field);
}

static bool both(uint32_t a, uint32_t b)
{
	return a != CONFIG_UNSET && b != CONFIG_UNSET;
}

static bool has_token(const struct config_match *match)
{
	uint8_t authenticator = pattern_authenticator(match);

	return authenticator == AUTHENTICATOR_JWT_SVID || authenticator == AUTHENTICATOR_ISSUER;
}

static void rule_token_check(struct check *c, uint32_t i, uint32_t k)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	const struct config_token *of = &tenant->token.bounds, *own = &tenant->rules[k].token;

	if (!condition_bounds_token(own))
		return;
	if (!has_token(&tenant->match))
		report(c, "bounds a token, but this tenant has none: its match is no spiffe or issuer",
			"tenants[%u].rules[%u].token", i, k);
	else if (tenant->rules[k].deny != 0)
		report(c, "would let an older token pass this denial: bound the rule that allows",
			"tenants[%u].rules[%u].token", i, k);
	tighter(c, i, k, "max_lifetime",
		both(own->max_lifetime_s, of->max_lifetime_s) && own->max_lifetime_s > of->max_lifetime_s);
	tighter(c, i, k, "max_age", both(own->max_age_s, of->max_age_s) && own->max_age_s > of->max_age_s);
	tighter(c, i, k, "leeway", both(own->leeway_s, of->leeway_s) && own->leeway_s > of->leeway_s);
	tighter(c, i, k, "min_remaining",
		both(own->min_remaining_s, of->min_remaining_s) && own->min_remaining_s < of->min_remaining_s);
}

static bool has_pattern(const struct config_match *match)
{
	return pattern_authenticator(match) != AUTHENTICATOR_UNIX_PEER;
}

static void subjects_check(struct check *c, const struct parsed *parsed, uint32_t i, uint32_t k)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	const struct config_rule *rule = &tenant->rules[k];
	const char *why = NULL;

	if (rule->subject_count > 0 && !has_pattern(&tenant->match))
		report(c, "names subjects, but this tenant is one account", "tenants[%u].rules[%u].subjects", i, k);
	if (!has_pattern(&tenant->match))
		return;
	for (uint32_t n = 0; n < rule->subject_count; n++) {
		struct bytes text = bytes_from_text(rule->subjects[n]);
		struct pattern pattern;
		struct status st = pattern_like(&tenant->match, text, &pattern, &why);

		if (st.code != STATUS_OK)
			report(c, why, "tenants[%u].rules[%u].subjects[%u]", i, k, n);
		else if (parsed->is_good && !pattern_meet(&parsed->match, &pattern, NULL))
			report(c, "is no identity that the tenant's match covers", "tenants[%u].rules[%u].subjects[%u]",
				i, k, n);
	}
}

static bool tenant_lists(const struct config_tenant *tenant, const char *provider)
{
	for (uint32_t i = 0; i < tenant->provider_count; i++)
		if (same(tenant->providers[i], provider))
			return true;
	return tenant->provider_count == 0;
}

static void rule_providers_check(struct check *c, uint32_t i, uint32_t k)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	const struct config_rule *rule = &tenant->rules[k];

	for (uint32_t n = 0; n < rule->provider_count; n++)
		if (config_check_provider(c->config, rule->providers[n]) == NULL)
			report(c, "names no provider of this file", "tenants[%u].rules[%u].providers[%u]", i, k, n);
		else if (!tenant_lists(tenant, rule->providers[n]))
			report(c, "is not in the tenant's list", "tenants[%u].rules[%u].providers[%u]", i, k, n);
}

static void time_check(struct check *c, uint32_t i, uint32_t k)
{
	const struct config_time *time = &c->config->tenants[i].rules[k].time;

	if ((time->from_min == CONFIG_UNSET) != (time->until_min == CONFIG_UNSET))
		report(c, "needs both from and until", "tenants[%u].rules[%u].time", i, k);
	if (both(time->not_before_s, time->not_after_s) && time->not_before_s > time->not_after_s)
		report(c, "ends before it begins", "tenants[%u].rules[%u].time.not_after", i, k);
}

/* path: "tenants[0]" or "tenants[0].rules[1]". */
static void created_check(struct check *c, const struct config_created *created, const char *path)
{
	if (both(created->min_bits, created->max_bits) && created->min_bits > created->max_bits)
		report(c, "is more than max_bits", "%s.created.min_bits", path);
	if (!created->may_export && (created->usages & PSA_USAGE_EXPORT) != 0)
		report(c, "takes back what usages lists: export", "%s.created.exportable", path);
}

static const uint32_t creating = VERB_BIT(VERB_GENERATE) | VERB_BIT(VERB_IMPORT);

static void rule_created_check(struct check *c, uint32_t i, uint32_t k)
{
	const struct config_rule *rule = &c->config->tenants[i].rules[k];
	SENTENCE(path, "tenants[%u].rules[%u]", i, k);

	created_check(c, &rule->created, path);
	if (!condition_limits_created(&rule->created) && rule->created.expires_after_s == CONFIG_UNSET)
		return;
	if (rule->deny != 0)
		report(c, "limits what is created, but this rule denies: limit the rule that allows", "%s.created",
			path);
	else if ((rule->allow & creating) == 0)
		report(c, "limits what is created, but this rule allows neither generate nor import", "%s.created",
			path);
}

static void rule_key_check(struct check *c, uint32_t i, uint32_t k)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	const struct config_rule *rule = &tenant->rules[k];
	uint8_t authenticator = pattern_authenticator(&tenant->match);

	if (both(rule->min_bits, rule->max_bits) && rule->min_bits > rule->max_bits)
		report(c, "is more than max_bits", "tenants[%u].rules[%u].min_bits", i, k);
	if (both(rule->min_key_age_s, rule->max_key_age_s) && rule->min_key_age_s > rule->max_key_age_s)
		report(c, "is more than max_key_age", "tenants[%u].rules[%u].min_key_age", i, k);
	if ((rule->min_key_age_s != CONFIG_UNSET || rule->max_key_age_s != CONFIG_UNSET) &&
		((rule->allow | rule->deny) & creating) != 0)
		report(c, "asks the age of a key that is only to be created: write a rule of its own for create",
			"tenants[%u].rules[%u].%s", i, k,
			rule->min_key_age_s != CONFIG_UNSET ? "min_key_age" : "max_key_age");
	if (rule->authenticators != 0 && (rule->authenticators >> authenticator & 1) == 0) {
		SENTENCE(text, "never holds: identities of this tenant come by %s",
			config_authenticator_name(authenticator));
		report(c, text, "tenants[%u].rules[%u].authenticators", i, k);
	}
}

static void rule_bind_check(struct check *c, uint32_t i, uint32_t k)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	const struct config_rule *rule = &tenant->rules[k];
	const uint32_t binding = tenant->token.bind.binding;

	if (rule->binding == 0 && rule->max_principals == CONFIG_UNSET)
		return;
	if (!has_token(&tenant->match))
		report(c, "asks about a token, but this tenant has none: its match is no spiffe or issuer",
			"tenants[%u].rules[%u].%s", i, k, rule->binding != 0 ? "binding" : "max_principals");
	else if (rule->binding != 0 && (rule->binding & BINDING_BIT(binding)) == 0)
		report(c, "never holds: the tenant's token.binding is another", "tenants[%u].rules[%u].binding", i, k);
	else if (rule->max_principals != CONFIG_UNSET && binding == BINDING_NONE)
		report(c, "cannot be known: nobody is counted under binding: none",
			"tenants[%u].rules[%u].max_principals", i, k);
}

static void rule_check(struct check *c, const struct parsed *parsed, uint32_t i, uint32_t k)
{
	const struct config_rule *rule = &c->config->tenants[i].rules[k];

	if ((rule->allow != 0) == (rule->deny != 0))
		report(c, "needs exactly one of allow and deny", "tenants[%u].rules[%u]", i, k);
	for (uint32_t n = 0; n < rule->key_count; n++)
		if (strlen(rule->keys[n]) > 255)
			report(c, "is longer than a key's name can be", "tenants[%u].rules[%u].keys[%u]", i, k, n);
	subjects_check(c, parsed, i, k);
	rule_key_check(c, i, k);
	rule_providers_check(c, i, k);
	time_check(c, i, k);
	rule_token_check(c, i, k);
	rule_bind_check(c, i, k);
	rule_created_check(c, i, k);
}

/* Who may present tokens.  path: "tenants[0].token" or "admins[0]". */
void config_check_declared(struct check *c, const struct config_principal *declared, uint32_t count, const char *path)
{
	for (uint32_t n = 0; n < count; n++) {
		const struct config_principal *one = &declared[n];

		if (one->uid == CONFIG_UNSET && one->gid == CONFIG_UNSET && one->cgroup == NULL && one->label == NULL)
			report(c, "is everybody: give uid, gid, cgroup or label", "%s.declared[%u]", path, n);
	}
}

static void bind_check(struct check *c, uint32_t i)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	const struct config_bind *bind = &tenant->token.bind;
	const bool has_tokens = has_token(&tenant->match), is_declared = bind->binding == BINDING_DECLARED;
	SENTENCE(path, "tenants[%u].token", i);

	if (!has_tokens &&
		(bind->binding != BINDING_FIRST_USE || bind->instances != CONFIG_UNSET || bind->declared_count > 0))
		report(c, "binds a token, but this tenant has none: its match is no spiffe or issuer", "%s", path);
	if (has_tokens && is_declared && bind->declared_count == 0)
		report(c, "is declared, but nobody is: list principals in declared", "%s.binding", path);
	if (!is_declared && bind->declared_count > 0)
		report(c, "is asked by binding: declared only", "%s.declared", path);
	if (has_tokens && bind->instances != CONFIG_UNSET && bind->binding != BINDING_FIRST_USE)
		report(c, "narrows binding: first-use only", "%s.instances", path);
	if (bind->instance != INSTANCE_PROCESS && bind->instances == CONFIG_UNSET)
		report(c, "says what instances counts, which is not given", "%s.instance", path);
	config_check_declared(c, bind->declared, bind->declared_count, path);
}

static void tenant_check(struct check *c, uint32_t i, struct parsed *parsed)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	SENTENCE(path, "tenants[%u]", i);

	match_parse(c, i, parsed);
	template_parse(c, i, parsed);
	tenant_providers_check(c, i);
	if (!has_token(&tenant->match) && condition_bounds_token(&tenant->token.bounds))
		report(c, "bounds a token, but this tenant has none: its match is no spiffe or issuer",
			"tenants[%u].token", i);
	bind_check(c, i);
	created_check(c, &tenant->created, path);
	for (uint32_t k = 0; k < tenant->rule_count; k++)
		rule_check(c, parsed, i, k);
}

/* ---- tenants, two by two -------------------------------------------------------------------------------------- */

static bool same_authenticator(const struct config_match *a, const struct config_match *b)
{
	return pattern_authenticator(a) == pattern_authenticator(b);
}

static bool covers(
	const struct config_match *a, const struct parsed *pa, const struct config_match *b, const struct parsed *pb)
{
	if (!same_authenticator(a, b))
		return false;
	if (has_pattern(a))
		return pattern_covers(&pa->match, &pb->match);
	return (a->uid != CONFIG_UNSET && a->uid == b->uid) || same(a->user, b->user);
}

/* Keys of a shared namespace belong to (authenticator, domain, tenant): two entries that reach one tuple join their
 * identities.  Meant, where both write the same name made of the same parts of the identity; else an error. */
static bool joins(
	const struct config_tenant *a, const struct parsed *pa, const struct config_tenant *b, const struct parsed *pb)
{
	if (a->namespace_kind != NAMESPACE_TENANT || b->namespace_kind != NAMESPACE_TENANT)
		return false;
	if (!same_authenticator(&a->match, &b->match) || !bytes_equal(pa->match.domain, pb->match.domain))
		return false;
	return pattern_templates_meet(&pa->template, &pb->template) &&
	       !pattern_same_tenant(&pa->match, &pa->template, &pb->match, &pb->template);
}

/* An identity of the one whose tenant's name can be the other's: a placeholder takes the literal it meets there. */
static void member_put(struct buf *to, const struct parsed *of, const struct parsed *other)
{
	struct pattern member = of->match;

	for (uint32_t i = 0; i < of->template.count; i++) {
		const struct pattern_segment *own = &of->template.segment[i], *met = &other->template.segment[i];
		int at = own->is_placeholder && !met->is_placeholder ? pattern_placeholder(&of->match, own->text) : -1;

		if (at >= 0)
			member.segment[at] = *met;
	}
	(void)pattern_meet(&member, &member, to);
}

static const char *text_of(struct buf *text, const char *otherwise)
{
	buf_put_u8(text, '\0');
	return buf_check(text).code == STATUS_OK ? (const char *)text->data : otherwise;
}

static void pair_check(struct check *c, const struct parsed *parsed, uint32_t j, uint32_t i)
{
	const struct config_tenant *earlier = &c->config->tenants[j], *later = &c->config->tenants[i];
	AUTO(buf_done) struct buf text = buf_make(PAIR_TEXT_MAX);

	if (covers(&earlier->match, &parsed[j], &later->match, &parsed[i])) {
		buf_printf(&text, "is never reached: tenants[%u] matches all of it", j);
		if (has_pattern(&later->match)) {
			buf_put_text(&text, ", for example ");
			(void)pattern_meet(&parsed[j].match, &parsed[i].match, &text);
		}
		buf_put_text(&text, ", and the first match wins");
		report(c, text_of(&text, "is never reached"), "tenants[%u].match", i);
	} else if (joins(earlier, &parsed[j], later, &parsed[i])) {
		buf_printf(&text,
			"'%.100s' can be the same tenant as '%.100s' of tenants[%u], and both share their keys: "
			"identities of one could use the keys of the other",
			later->tenant, earlier->tenant, j);
		if (has_pattern(&later->match)) {
			buf_put_text(&text, ", for example ");
			member_put(&text, &parsed[i], &parsed[j]);
			buf_put_text(&text, " those of ");
			member_put(&text, &parsed[j], &parsed[i]);
		}
		report(c, text_of(&text, "can be another tenant's"), "tenants[%u].tenant", i);
	}
}

/* Under strict the group of the Direct listener is one tenant: claimed names must not choose among several. */
static void direct_tenants_check(struct check *c, const struct parsed *parsed)
{
	const struct config *config = c->config;
	const char *first = NULL;

	if (config->posture != POSTURE_STRICT || config_check_accepted(config, "DOC-33"))
		return;
	for (uint32_t i = 0; i < config->tenant_count; i++) {
		bool has_placeholder = false;

		if (config->tenants[i].match.direct == NULL)
			continue;
		for (uint32_t k = 0; k < parsed[i].template.count; k++)
			has_placeholder |= parsed[i].template.segment[k].is_placeholder;
		if (has_placeholder || (first != NULL && !same(first, config->tenants[i].tenant)))
			report(c,
				"lets a claimed name choose its tenant: under strict all of direct is one tenant "
				"(DOC-33)",
				"tenants[%u].tenant", i);
		first = config->tenants[i].tenant;
	}
}

void config_check_tenants(struct check *c)
{
	uint32_t count = c->config->tenant_count;
	AUTO(own_free) struct parsed *parsed = calloc(count + 1, sizeof(*parsed));

	if (parsed == NULL) {
		report(c, "could not be checked: out of memory", "tenants");
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		tenant_check(c, i, &parsed[i]);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; parsed[i].is_good && j < i; j++)
			if (parsed[j].is_good)
				pair_check(c, parsed, j, i);
	direct_tenants_check(c, parsed);
}
