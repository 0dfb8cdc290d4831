/* SPDX-License-Identifier: Apache-2.0
 *
 * The conditions of a rule, one row each: whether the file states it, whether a request meets it, how it reads, and
 * whether one rule's is no narrower than another's. */
#include "agent/policy_parts.h"

#include "crypto/psa.h"

enum { DAY_MIN = 24 * 60, DAY_S = 86400, EPOCH_WEEKDAY = 3 /* 1970-01-01 was a Thursday; Monday is 0 */ };

/* ---- what a request is about ----------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	uint8_t pair, public, family;
	uint32_t bits; /* 0: any */
	enum key_type type;
} key_types[] = {
	{ PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 192, KEY_TYPE_ECC_P192 },
	{ PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 224, KEY_TYPE_ECC_P224 },
	{ PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 256, KEY_TYPE_ECC_P256 },
	{ PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 384, KEY_TYPE_ECC_P384 },
	{ PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 521, KEY_TYPE_ECC_P521 },
	{ PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_K1, 256, KEY_TYPE_ECC_SECP256K1 },
	{ PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_NONE,    0,   KEY_TYPE_ECC_OTHER },
	{ PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE, 1024, KEY_TYPE_RSA_1024 },
	{ PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE, 2048, KEY_TYPE_RSA_2048 },
	{ PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE, 3072, KEY_TYPE_RSA_3072 },
	{ PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE, 4096, KEY_TYPE_RSA_4096 },
	{ PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE, 0,    KEY_TYPE_RSA_OTHER },
	{ PSA_KEY_AES, PSA_KEY_AES, 0, 0, KEY_TYPE_AES }, { PSA_KEY_HMAC, PSA_KEY_HMAC, 0, 0, KEY_TYPE_HMAC },
	{ PSA_KEY_DERIVE, PSA_KEY_DERIVE, 0, 0, KEY_TYPE_DERIVE }, { PSA_KEY_CHACHA20, PSA_KEY_CHACHA20, 0, 0, KEY_TYPE_CHACHA20 },
	{ PSA_KEY_CAMELLIA, PSA_KEY_CAMELLIA, 0, 0, KEY_TYPE_CAMELLIA }, { PSA_KEY_DES, PSA_KEY_DES, 0, 0, KEY_TYPE_DES },
	{ PSA_KEY_ARC4, PSA_KEY_ARC4, 0, 0, KEY_TYPE_ARC4 }, { PSA_KEY_RAW_DATA, PSA_KEY_RAW_DATA, 0, 0, KEY_TYPE_RAW_DATA },
	{ PSA_KEY_DH_PAIR, PSA_KEY_DH_PUBLIC, 0, 0, KEY_TYPE_DH },
};
/* clang-format on */
enum { KEY_TYPES = sizeof(key_types) / sizeof(key_types[0]) };

/* A row with bits 0 takes what no row before it took. */
uint32_t condition_type_bit(const struct psa_key_attributes *key)
{
	for (size_t i = 0; i < KEY_TYPES; i++)
		if ((key->kind == key_types[i].pair || key->kind == key_types[i].public) &&
			(key_types[i].bits == 0 ||
				(key->bits == key_types[i].bits && key->family == key_types[i].family)))
			return KEY_TYPE_BIT(key_types[i].type);
	return 0;
}

bool condition_type_key(uint32_t bit, struct psa_key_attributes *key)
{
	for (size_t i = 0; i < KEY_TYPES; i++)
		if (bit == KEY_TYPE_BIT(key_types[i].type)) {
			key->kind = key_types[i].pair;
			key->family = key_types[i].family;
			key->bits = key_types[i].bits;
			return true;
		}
	return false;
}

static const struct psa_alg *alg_of(const struct policy_request *rq)
{
	if (rq->alg != NULL)
		return rq->alg;
	return rq->attributes != NULL ? &rq->attributes->alg : NULL;
}

static uint32_t alg_bit(struct psa_alg alg)
{
	return alg.kind > PSA_ALG_NONE && alg.kind < PSA_ALG_KIND_COUNT ? 1u << alg.kind : 0;
}

/* 0: an algorithm without hash.  One that takes whatever was hashed leaves it open. */
static uint32_t hash_bit(struct psa_alg alg)
{
	if (alg.hash == PSA_HASH_ANY || alg.kind == PSA_ALG_ECDSA_ANY || alg.kind == PSA_ALG_RSA_PKCS1V15_SIGN_RAW)
		return HASH_BIT_ANY;
	return alg.hash > PSA_HASH_NONE && alg.hash < PSA_HASH_COUNT ? 1u << alg.hash : 0;
}

static enum answer answer_of(bool is_met)
{
	return is_met ? ANSWER_YES : ANSWER_NO;
}

static bool within(uint64_t value, uint32_t min, uint32_t max)
{
	return (min == CONFIG_UNSET || value >= min) && (max == CONFIG_UNSET || value <= max);
}

/* ---- does the request meet it? --------------------------------------------------------------------------------- */

static enum answer subjects_ask(const struct rule *rule, const struct policy_request *rq)
{
	struct bytes domain, path;

	if (rq->identity == NULL)
		return ANSWER_UNKNOWN;
	if (!tenant_name_split(rq->identity, &domain, &path))
		return ANSWER_NO;
	for (uint32_t i = 0; i < rule->from->subject_count; i++)
		if (pattern_matches(&rule->subjects[i], domain, path))
			return ANSWER_YES;
	return ANSWER_NO;
}

/* The key's algorithm is known, and in no set. */
#define BIT_NONE (1u << 31)

void condition_facts(const struct policy_request *rq, struct set_facts *ret_facts)
{
	const struct psa_alg *alg = alg_of(rq);
	uint32_t algorithm = alg != NULL ? alg_bit(*alg) : 0, hash = algorithm != 0 ? hash_bit(*alg) : 0;

	*ret_facts = (struct set_facts){ {
		[SET_TYPES] = rq->attributes != NULL ? condition_type_bit(rq->attributes) : 0,
		[SET_ALGORITHMS] = algorithm,
		[SET_HASHES] = algorithm != 0 && hash == 0 ? BIT_NONE : hash,
		[SET_PROVIDERS] = rq->provider < CONFIG_PROVIDERS_MAX ? 1u << rq->provider : 0,
		[SET_AUTHENTICATORS] = rq->identity != NULL && rq->identity->authenticator <= AUTHENTICATOR_JWT_SVID
					       ? 1u << rq->identity->authenticator
					       : 0,
	} };
}

enum answer condition_set(enum set set, uint32_t stated, const struct set_facts *facts)
{
	uint32_t bit = facts->bit[set];

	if (stated == 0 || (stated & bit) != 0)
		return ANSWER_YES;
	/* a hash that is left open may turn out to be each of them */
	return bit == 0 || (set == SET_HASHES && bit == HASH_BIT_ANY) ? ANSWER_UNKNOWN : ANSWER_NO;
}

uint32_t condition_set_stated(const struct rule *rule, enum set set)
{
	switch (set) {
	case SET_TYPES:
		return rule->from->types;
	case SET_ALGORITHMS:
		return rule->from->algorithms;
	case SET_HASHES:
		return rule->from->hashes;
	case SET_PROVIDERS:
		return rule->providers;
	case SET_AUTHENTICATORS:
		return rule->from->authenticators;
	case SET_COUNT:
		break;
	}
	return 0;
}

static enum answer set_ask(const struct rule *rule, enum set set, const struct policy_request *rq)
{
	struct set_facts facts;

	condition_facts(rq, &facts);
	return condition_set(set, condition_set_stated(rule, set), &facts);
}

static enum answer types_ask(const struct rule *rule, const struct policy_request *rq)
{
	return set_ask(rule, SET_TYPES, rq);
}

static enum answer algorithms_ask(const struct rule *rule, const struct policy_request *rq)
{
	return set_ask(rule, SET_ALGORITHMS, rq);
}

static enum answer hashes_ask(const struct rule *rule, const struct policy_request *rq)
{
	return set_ask(rule, SET_HASHES, rq);
}

static enum answer providers_ask(const struct rule *rule, const struct policy_request *rq)
{
	return set_ask(rule, SET_PROVIDERS, rq);
}

static enum answer authenticators_ask(const struct rule *rule, const struct policy_request *rq)
{
	return set_ask(rule, SET_AUTHENTICATORS, rq);
}

static enum answer size_ask(const struct rule *rule, const struct policy_request *rq)
{
	if (rq->attributes == NULL || rq->attributes->bits == 0)
		return ANSWER_UNKNOWN;
	return answer_of(within(rq->attributes->bits, rule->min_bits, rule->max_bits));
}

static enum answer key_age_ask(const struct rule *rule, const struct policy_request *rq)
{
	/* no key yet, or a clock that went back */
	if (rq->key_created_s <= 0 || rq->now_s < rq->key_created_s)
		return ANSWER_UNKNOWN;
	return answer_of(within((uint64_t)(rq->now_s - rq->key_created_s), rule->min_key_age_s, rule->max_key_age_s));
}

/* A window over midnight belongs to the day on which it began. */
static bool clock_fits(const struct config_time *time, int64_t now_s)
{
	uint32_t minute = (uint32_t)(now_s % DAY_S / 60), from = time->from_min, until = time->until_min;
	uint32_t weekday = (uint32_t)((now_s / DAY_S + EPOCH_WEEKDAY) % 7);
	bool is_next_day = false;

	if (from != CONFIG_UNSET && until != CONFIG_UNSET) {
		is_next_day = until <= from && minute < until;
		if (!is_next_day && (minute < from || (until > from && minute >= until)))
			return false;
	}
	if (is_next_day)
		weekday = (weekday + 6) % 7;
	return time->days == 0 || (time->days >> weekday & 1) != 0;
}

static enum answer time_ask(const struct rule *rule, const struct policy_request *rq)
{
	const struct config_time *time = &rule->time;

	if (rq->now_s <= 0)
		return ANSWER_UNKNOWN;
	return answer_of(
		within((uint64_t)rq->now_s, time->not_before_s, time->not_after_s) && clock_fits(time, rq->now_s));
}

static enum answer binding_ask(const struct rule *rule, const struct policy_request *rq)
{
	return rq->binding == 0 ? ANSWER_UNKNOWN : answer_of((rule->binding & rq->binding) != 0);
}

static enum answer principals_ask(const struct rule *rule, const struct policy_request *rq)
{
	return rq->principals == 0 ? ANSWER_UNKNOWN : answer_of(rq->principals <= rule->max_principals);
}

static enum answer token_ask(const struct rule *rule, const struct policy_request *rq)
{
	return answer_of(tenant_token_fits(&rule->token, rq->token));
}

bool condition_created_fits(const struct config_created *limits, const struct psa_key_attributes *key)
{
	uint32_t hash;

	if (key == NULL)
		return !condition_limits_created(limits);
	hash = hash_bit(key->alg);
	return (limits->types == 0 || (limits->types & condition_type_bit(key)) != 0) &&
	       within(key->bits, limits->min_bits, limits->max_bits) &&
	       (limits->algorithms == 0 || (limits->algorithms & alg_bit(key->alg)) != 0) &&
	       (limits->hashes == 0 || hash == 0 || (limits->hashes & hash) != 0) &&
	       (limits->usages == 0 || (key->usage & ~limits->usages) == 0) &&
	       (limits->may_export || (key->usage & PSA_USAGE_EXPORT) == 0);
}

bool condition_limits_created(const struct config_created *limits)
{
	return limits->types != 0 || limits->min_bits != CONFIG_UNSET || limits->max_bits != CONFIG_UNSET ||
	       limits->algorithms != 0 || limits->hashes != 0 || limits->usages != 0 || !limits->may_export;
}

/* ---- does the file state it? ----------------------------------------------------------------------------------- */

static bool has_subjects(const struct config_rule *rule)
{
	return rule->subject_count > 0;
}

static bool has_types(const struct config_rule *rule)
{
	return rule->types != 0;
}

static bool has_size(const struct config_rule *rule)
{
	return rule->min_bits != CONFIG_UNSET || rule->max_bits != CONFIG_UNSET;
}

static bool has_algorithms(const struct config_rule *rule)
{
	return rule->algorithms != 0;
}

static bool has_hashes(const struct config_rule *rule)
{
	return rule->hashes != 0;
}

static bool has_providers(const struct config_rule *rule)
{
	return rule->provider_count > 0;
}

static bool has_key_age(const struct config_rule *rule)
{
	return rule->min_key_age_s != CONFIG_UNSET || rule->max_key_age_s != CONFIG_UNSET;
}

static bool has_authenticators(const struct config_rule *rule)
{
	return rule->authenticators != 0;
}

static bool has_time(const struct config_rule *rule)
{
	const struct config_time *time = &rule->time;

	return time->days != 0 || time->from_min != CONFIG_UNSET || time->until_min != CONFIG_UNSET ||
	       time->not_before_s != CONFIG_UNSET || time->not_after_s != CONFIG_UNSET;
}

static bool has_binding(const struct config_rule *rule)
{
	return rule->binding != 0;
}

static bool has_principals(const struct config_rule *rule)
{
	return rule->max_principals != CONFIG_UNSET;
}

static bool has_token(const struct config_rule *rule)
{
	return condition_bounds_token(&rule->token);
}

bool condition_bounds_token(const struct config_token *token)
{
	return token->max_lifetime_s != CONFIG_UNSET || token->max_age_s != CONFIG_UNSET ||
	       token->leeway_s != CONFIG_UNSET || token->min_remaining_s != CONFIG_UNSET;
}

/* ---- the rows -------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	bool (*is_stated)(const struct config_rule *rule);
	enum answer (*ask)(const struct rule *rule, const struct policy_request *rq);
} conditions[CONDITION_COUNT] = {
	[CONDITION_SUBJECTS]       = { has_subjects,       subjects_ask },
	[CONDITION_TYPES]          = { has_types,          types_ask },
	[CONDITION_SIZE]           = { has_size,           size_ask },
	[CONDITION_ALGORITHMS]     = { has_algorithms,     algorithms_ask },
	[CONDITION_HASHES]         = { has_hashes,         hashes_ask },
	[CONDITION_PROVIDERS]      = { has_providers,      providers_ask },
	[CONDITION_KEY_AGE]        = { has_key_age,        key_age_ask },
	[CONDITION_AUTHENTICATORS] = { has_authenticators, authenticators_ask },
	[CONDITION_TIME]           = { has_time,           time_ask },
	[CONDITION_BINDING]        = { has_binding,        binding_ask },
	[CONDITION_PRINCIPALS]     = { has_principals,     principals_ask },
	[CONDITION_TOKEN]          = { has_token,          token_ask },
};
/* clang-format on */

uint32_t condition_stated(const struct config_rule *rule)
{
	uint32_t stated = 0;

	for (unsigned i = 0; i < CONDITION_COUNT; i++)
		if (conditions[i].is_stated(rule))
			stated |= 1u << i;
	return stated;
}

void condition_compile(const struct config_rule *from, struct rule *to)
{
	to->from = from;
	to->conditions = condition_stated(from);
	to->min_bits = from->min_bits;
	to->max_bits = from->max_bits;
	to->min_key_age_s = from->min_key_age_s;
	to->max_key_age_s = from->max_key_age_s;
	to->time = from->time;
	to->token = from->token;
	to->binding = from->binding;
	to->max_principals = from->max_principals;
	to->limits_created = condition_limits_created(&from->created);
}

enum answer condition_ask(const struct rule *rule, enum condition condition, const struct policy_request *rq)
{
	return conditions[condition].ask(rule, rq);
}

enum answer condition_rest(const struct rule *rule, const struct policy_request *rq)
{
	enum answer all = ANSWER_YES;

	for (uint32_t left = rule->conditions & ~CONDITION_SETS; left != 0; left &= left - 1) {
		enum answer one = conditions[__builtin_ctz(left)].ask(rule, rq);

		if (one == ANSWER_NO)
			return ANSWER_NO;
		if (one == ANSWER_UNKNOWN)
			all = ANSWER_UNKNOWN;
	}
	return all;
}
