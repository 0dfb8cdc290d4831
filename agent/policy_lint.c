/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings about a policy that is no error: for `keyreeve policy check`.  Whatever is reported is so; not everything
 * that is so is reported: two rules are compared by their key patterns and by whether they ask for more at all. */
#include <stdio.h>

#include "agent/config_check_parts.h"
#include "agent/pattern.h"
#include "agent/policy_parts.h"
#include "base/own.h"
#include "crypto/psa.h"

#define report config_check_report

enum { LINT_TEXT_MAX = 8 * 1024 };
static const uint32_t creating = VERB_BIT(VERB_GENERATE) | VERB_BIT(VERB_IMPORT);

/* ---- rules of one tenant --------------------------------------------------------------------------------------- */

/* Every name that `narrow` covers, one pattern of `wide` covers: a '*' of the narrow one can only be met by one. */
static bool keys_cover(const struct config_rule *wide, const char *narrow)
{
	for (uint32_t i = 0; i < wide->key_count; i++)
		if (pattern_key(bytes_from_text(wide->keys[i]), bytes_from_text(narrow)))
			return true;
	return false;
}

static bool all_keys_covered(const struct config_rule *wide, const struct config_rule *narrow)
{
	for (uint32_t i = 0; i < narrow->key_count; i++)
		if (!keys_cover(wide, narrow->keys[i]))
			return false;
	return true;
}

/* It asks for no more than verb and key. */
static bool is_plain(const struct config_rule *rule)
{
	return condition_stated(rule) == 0 && !condition_limits_created(&rule->created);
}

/* Every verb that the rule allows, some plain rule denies for all of its keys; the last of them in ret_by. */
static bool is_denied_wholly(const struct config_tenant *tenant, const struct config_rule *rule, uint32_t *ret_by)
{
	uint32_t left = rule->allow;

	for (uint32_t k = 0; k < tenant->rule_count && left != 0; k++) {
		const struct config_rule *other = &tenant->rules[k];

		if ((other->deny & left) == 0 || !is_plain(other) || !all_keys_covered(other, rule))
			continue;
		left &= ~other->deny;
		*ret_by = k;
	}
	return left == 0;
}

/* An earlier plain rule of the same kind says all that this one does.  One that gives its keys a life of their own
 * says more. */
static bool is_shadowed(const struct config_tenant *tenant, uint32_t k, uint32_t *ret_by)
{
	const struct config_rule *rule = &tenant->rules[k];

	for (uint32_t j = 0; j < k; j++) {
		const struct config_rule *earlier = &tenant->rules[j];

		if ((rule->allow & ~earlier->allow) == 0 && (rule->deny & ~earlier->deny) == 0 && is_plain(earlier) &&
			all_keys_covered(earlier, rule)) {
			*ret_by = j;
			return true;
		}
	}
	return false;
}

struct type_fact {
	enum key_type type;
	uint32_t min_bits, max_bits; /* of keys of the type */
	uint32_t algorithms;	     /* that such a key can have */
};

#define ALG(name) (1u << PSA_ALG_##name)
#define ECC_ALGS (ALG(ECDSA) | ALG(ECDSA_ANY) | ALG(DETERMINISTIC_ECDSA) | ALG(KEY_AGREEMENT))
#define RSA_ALGS \
	(ALG(RSA_PKCS1V15_SIGN) | ALG(RSA_PKCS1V15_SIGN_RAW) | ALG(RSA_PSS) | ALG(RSA_PKCS1V15_CRYPT) | ALG(RSA_OAEP))
static const struct type_fact facts[] = {
	{ KEY_TYPE_ECC_P192, 192, 192, ECC_ALGS },
	{ KEY_TYPE_ECC_P224, 224, 224, ECC_ALGS },
	{ KEY_TYPE_ECC_P256, 256, 256, ECC_ALGS },
	{ KEY_TYPE_ECC_P384, 384, 384, ECC_ALGS },
	{ KEY_TYPE_ECC_P521, 521, 521, ECC_ALGS },
	{ KEY_TYPE_ECC_SECP256K1, 256, 256, ECC_ALGS },
	{ KEY_TYPE_ECC_OTHER, 1, CONFIG_BITS_MAX, ECC_ALGS },
	{ KEY_TYPE_RSA_1024, 1024, 1024, RSA_ALGS },
	{ KEY_TYPE_RSA_2048, 2048, 2048, RSA_ALGS },
	{ KEY_TYPE_RSA_3072, 3072, 3072, RSA_ALGS },
	{ KEY_TYPE_RSA_4096, 4096, 4096, RSA_ALGS },
	{ KEY_TYPE_RSA_OTHER, 1, CONFIG_BITS_MAX, RSA_ALGS },
};

/* Some key has one of the types, a size within the bounds and one of the algorithms; 0 and CONFIG_UNSET: any. */
static bool some_key_fits(uint32_t types, uint32_t min_bits, uint32_t max_bits, uint32_t algorithms)
{
	uint32_t known = 0;

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		const struct type_fact *fact = &facts[i];

		known |= KEY_TYPE_BIT(fact->type);
		if ((types & KEY_TYPE_BIT(fact->type)) != 0 &&
			(min_bits == CONFIG_UNSET || min_bits <= fact->max_bits) && max_bits >= fact->min_bits &&
			(algorithms == 0 || (algorithms & fact->algorithms) != 0))
			return true;
	}
	return types == 0 || (types & ~known) != 0;
}

/* What a key that both let pass would have to be; false where there is none. */
static bool limits_meet(const struct config_created *a, const struct config_created *b)
{
	uint32_t min = a->min_bits, max = a->max_bits < b->max_bits ? a->max_bits : b->max_bits;

	if (b->min_bits != CONFIG_UNSET && (min == CONFIG_UNSET || b->min_bits > min))
		min = b->min_bits;
	if ((a->types != 0 && b->types != 0 && (a->types & b->types) == 0) ||
		(a->algorithms != 0 && b->algorithms != 0 && (a->algorithms & b->algorithms) == 0) ||
		(a->hashes != 0 && b->hashes != 0 && (a->hashes & b->hashes) == 0) ||
		(min != CONFIG_UNSET && min > max))
		return false;
	return some_key_fits(a->types != 0 && b->types != 0 ? a->types & b->types : a->types | b->types, min, max,
		a->algorithms != 0 && b->algorithms != 0 ? a->algorithms & b->algorithms
							 : a->algorithms | b->algorithms);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b; /* not stated is the highest number */
}

/* Why the rule can never allow, by what itself and its tenant say; NULL. */
static const char *contradiction(
	const struct config *config, const struct config_tenant *tenant, const struct config_rule *rule)
{
	const struct config_issuer *issuer =
		config_issuer_find(config, bytes_from_text(tenant->match.issuer != NULL ? tenant->match.issuer : ""));
	struct config_created asked = { rule->types, rule->min_bits, rule->max_bits, rule->algorithms, rule->hashes, 0,
		true, CONFIG_UNSET };
	uint32_t life_s = least(least(rule->token.max_lifetime_s, tenant->token.bounds.max_lifetime_s),
		issuer != NULL ? issuer->max_lifetime_s : CONFIG_TOKEN_LIFETIME_S);

	if (!some_key_fits(rule->types, rule->min_bits, rule->max_bits, rule->algorithms))
		return "no key has one of its types, its size and one of its algorithms";
	if (rule->token.min_remaining_s != CONFIG_UNSET && rule->token.min_remaining_s > life_s)
		return "no token that may be presented has so much time left";
	if ((rule->allow & ~creating) == 0 &&
		(!limits_meet(&rule->created, &tenant->created) || !limits_meet(&asked, &tenant->created) ||
			!limits_meet(&asked, &rule->created)))
		return "no key is within all the limits of what may be created";
	return NULL;
}

static void rule_lint(struct check *c, uint32_t i, uint32_t k)
{
	const struct config_tenant *tenant = &c->config->tenants[i];
	const struct config_rule *rule = &tenant->rules[k];
	const char *why = rule->allow != 0 ? contradiction(c->config, tenant, rule) : NULL;
	uint32_t by = 0;

	if (why != NULL) {
		SENTENCE(text, "can never allow: %s", why);
		report(c, text, "tenants[%u].rules[%u]", i, k);
	} else if (rule->deny != 0 && !some_key_fits(rule->types, rule->min_bits, rule->max_bits, rule->algorithms)) {
		report(c, "can never deny: no key has one of its types, its size and one of its algorithms",
			"tenants[%u].rules[%u]", i, k);
	} else if (rule->allow != 0 && is_denied_wholly(tenant, rule, &by)) {
		SENTENCE(text, "can never allow: rules[%u] denies what is left of it", by);
		report(c, text, "tenants[%u].rules[%u]", i, k);
	} else if (is_shadowed(tenant, k, &by)) {
		SENTENCE(text, "is never reached: rules[%u] says all of it before", by);
		report(c, text, "tenants[%u].rules[%u]", i, k);
	}
}

/* ---- tenants two by two ---------------------------------------------------------------------------------------- */

/* Two matches that cross: each covers identities that the other does not, and some that it does.  A narrow match before
 * a wide one is how exceptions are written. */
static void overlap_lint(
	struct check *c, const struct pattern *earlier, const struct pattern *later, uint32_t j, uint32_t i)
{
	AUTO(buf_done) struct buf text = buf_make(LINT_TEXT_MAX);

	if (pattern_covers(later, earlier) || !pattern_meet(earlier, later, NULL))
		return;
	buf_printf(&text, "overlaps tenants[%u].match: both match ", j);
	(void)pattern_meet(earlier, later, &text);
	buf_printf(&text, ", which is tenants[%u]'s since the first match wins", j);
	buf_put_u8(&text, '\0');
	report(c, buf_check(&text).code == STATUS_OK ? (const char *)text.data : "overlaps another match",
		"tenants[%u].match", i);
}

unsigned policy_lint(const struct config *config, config_visit_fn *visit, void *context)
{
	struct check c = { .config = config, .visit = visit, .context = context };
	uint32_t count = config->tenant_count;
	AUTO(own_free) struct pattern *patterns = calloc(count + 1, sizeof(*patterns));

	if (patterns == NULL) {
		report(&c, "could not be checked: out of memory", "tenants");
		return c.findings;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct config_match *match = &config->tenants[i].match;
		const char *why;

		for (uint32_t k = 0; k < config->tenants[i].rule_count; k++)
			rule_lint(&c, i, k);
		if (pattern_of_match(match, &patterns[i], &why).code != STATUS_OK ||
			patterns[i].authenticator == AUTHENTICATOR_UNIX_PEER)
			continue;
		for (uint32_t j = 0; j < i; j++)
			overlap_lint(&c, &patterns[j], &patterns[i], j, i);
	}
	return c.findings;
}
