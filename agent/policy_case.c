/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_case.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/policy_parts.h"
#include "crypto/psa.h"

#define AT(member) .offset = offsetof(struct policy_case, member)
#define BOUNDS(low, high) .min = (low), .max = (high)

/* clang-format off */
static const struct config_word expects[] = { { "allow", EXPECT_ALLOW, false }, { "deny", EXPECT_DENY, false }, { 0 } };

static const struct config_field case_fields[] = {
	{ .name = "name", .type = CONFIG_TYPE_TEXT, AT(name), BOUNDS(1, 255), .text = "What the case shows; stands in the finding." },
	{ .name = "as", .type = CONFIG_TYPE_TEXT, .is_required = true, AT(as), BOUNDS(1, CONFIG_TEXT_MAX), .text = "Who asks: `spiffe://...`, `issuer:ISSUER SUBJECT`, `uid:NUMBER` or `direct:NAME`." },
	{ .name = "op", .type = CONFIG_TYPE_TEXT, .is_required = true, AT(op), BOUNDS(1, 64), .text = "A verb, or a name such as `PsaSignHash`." },
	{ .name = "key", .type = CONFIG_TYPE_TEXT, AT(key), BOUNDS(1, 255), .text = "The key's name; without, the operation names none." },
	{ .name = "provider", .type = CONFIG_TYPE_TEXT, AT(provider), BOUNDS(1, CONFIG_PROVIDER_NAME_MAX), .text = "The provider's name in the configuration." },
	{ .name = "type", .type = CONFIG_TYPE_BITS, AT(type), .words = config_key_types, .text = "The key's type, of the one that is used or the one to be created. What is not given of `type`, `algorithm`, `key_age` is not known, and denies where a rule asks for it." },
	{ .name = "bits", .type = CONFIG_TYPE_NUMBER, AT(bits), BOUNDS(1, CONFIG_BITS_MAX), .text = "Its size, where the type does not say it." },
	{ .name = "algorithm", .type = CONFIG_TYPE_BITS, AT(algorithm), .words = config_algorithms, .text = "The algorithm asked for, or the new key's." },
	{ .name = "hash", .type = CONFIG_TYPE_BITS, AT(hash), .words = config_hashes, .text = "Its hash; without, it is left open." },
	{ .name = "usages", .type = CONFIG_TYPE_BITS, AT(usages), .words = config_usages, .text = "The new key's usage flags." },
	{ .name = "key_age", .type = CONFIG_TYPE_SECONDS, AT(key_age_s), BOUNDS(0, CONFIG_KEY_AGE_S), .text = "Time since the key's creation." },
	{ .name = "expired", .type = CONFIG_TYPE_BOOL, AT(is_expired), .standard = "false", .text = "The key is past its expiry." },
	{ .name = "at", .type = CONFIG_TYPE_MOMENT, AT(at_s), BOUNDS(1, UINT32_MAX - 1), .standard = "2026-01-05T12:00:00Z", .text = "When it is asked; a Monday noon unless said otherwise." },
	{ .name = "lifetime", .type = CONFIG_TYPE_SECONDS, AT(lifetime_s), BOUNDS(0, CONFIG_KEY_AGE_S), .standard = "5m", .text = "The token's life." },
	{ .name = "age", .type = CONFIG_TYPE_SECONDS, AT(age_s), BOUNDS(0, CONFIG_KEY_AGE_S), .standard = "0s", .text = "The token's age." },
	{ .name = "principals", .type = CONFIG_TYPE_NUMBER, AT(principals), BOUNDS(1, CONFIG_PRINCIPALS_MAX), .standard = "1", .text = "How many principals present tokens of this identity." },
	{ .name = "expect", .type = CONFIG_TYPE_WORD, .is_required = true, AT(expect), .words = expects, .text = "The decision; `deny` is also who has no tenant." },
	{ .name = "rule", .type = CONFIG_TYPE_TEXT, AT(rule), BOUNDS(1, 64), .text = "The rule that makes it, as the audit log names it: `tenants[0].rules[1]`." },
	{ 0 } };
const struct config_shape policy_case_shape = { "cases", sizeof(struct policy_case), case_fields };

static const struct config_field cases_fields[] = {
	{ .name = "apiVersion", .type = CONFIG_TYPE_TEXT, .is_required = true, .offset = offsetof(struct policy_cases, api_version), BOUNDS(1, 32),
	  .text = "`keyreeve/v1`." },
	{ .name = "kind", .type = CONFIG_TYPE_TEXT, .is_required = true, .offset = offsetof(struct policy_cases, kind), BOUNDS(1, 32), .text = "`PolicyTest`." },
	{ .name = "policy", .type = CONFIG_TYPE_TEXT, .is_required = true, .offset = offsetof(struct policy_cases, policy), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "The configuration that is tested: a path, seen from this file." },
	{ .name = "cases", .type = CONFIG_TYPE_LIST, .is_required = true, .offset = offsetof(struct policy_cases, cases),
	  .count_offset = offsetof(struct policy_cases, case_count), BOUNDS(1, POLICY_CASES_MAX), .shape = &policy_case_shape,
	  .text = "Requests, and what is decided." },
	{ 0 } };
const struct config_shape policy_cases_shape = { "", sizeof(struct policy_cases), cases_fields };
/* clang-format on */

static bool number_parse(const char *text, uint32_t *ret_number)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value >= UINT32_MAX)
		return false;
	*ret_number = (uint32_t)value;
	return true;
}

/* An issuer has no space, so that the first one ends it. */
static bool issuer_split(struct bytes text, struct bytes *ret_issuer, struct bytes *ret_subject)
{
	const uint8_t *space = text.len > 0 ? memchr(text.data, ' ', text.len) : NULL;

	if (space == NULL || space == text.data)
		return false;
	*ret_issuer = bytes_of(text.data, (size_t)(space - text.data));
	*ret_subject = bytes_of(space + 1, text.len - ret_issuer->len - 1);
	return true;
}

bool policy_identity_parse(const char *as, struct identity *ret_identity)
{
	static const struct {
		const char *prefix;
		uint8_t authenticator;
		size_t drop;
	} rows[] = {
		{ "spiffe://", AUTHENTICATOR_JWT_SVID, 0 },
		{ "jwt-svid:", AUTHENTICATOR_JWT_SVID, 9 },
		{ "uid:", AUTHENTICATOR_UNIX_PEER, 4 },
		{ "unix:", AUTHENTICATOR_UNIX_PEER, 5 },
		{ "direct:", AUTHENTICATOR_DIRECT, 7 },
		{ "issuer:", AUTHENTICATOR_ISSUER, 7 },
		{ "jwt:", AUTHENTICATOR_ISSUER, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity identity = { .authenticator = rows[i].authenticator };

		if (strncmp(as, rows[i].prefix, strlen(rows[i].prefix)) != 0)
			continue;
		identity.name = bytes_from_text(as + rows[i].drop);
		if (identity.authenticator == AUTHENTICATOR_UNIX_PEER &&
			!number_parse(as + rows[i].drop, &identity.uid))
			return false;
		if (identity.authenticator == AUTHENTICATOR_ISSUER &&
			!issuer_split(identity.name, &identity.issuer, &identity.name))
			return false;
		*ret_identity = identity;
		return identity.name.len > 0;
	}
	return false;
}

static bool is_one(uint32_t bits)
{
	return (bits & (bits - 1)) == 0;
}

static bool provider_find(const struct config *config, const char *name, uint32_t *ret_provider)
{
	*ret_provider = TENANT_NO_PROVIDER;
	for (uint32_t i = 0; name != NULL && i < config->provider_count; i++)
		if (strcmp(config->providers[i].name, name) == 0)
			*ret_provider = i;
	return name == NULL || *ret_provider != TENANT_NO_PROVIDER;
}

/* What the case does not say of an algorithm's hash is left open. */
static void alg_make(const struct policy_case *asked, struct psa_alg *to)
{
	if (asked->algorithm == 0)
		return;
	to->kind = (uint8_t)__builtin_ctz(asked->algorithm);
	if (asked->hash == HASH_BIT_ANY || asked->hash == 0)
		to->hash = PSA_HASH_ANY;
	else
		to->hash = (uint8_t)__builtin_ctz(asked->hash);
	if (to->kind == PSA_ALG_AEAD || to->kind == PSA_ALG_CIPHER || to->kind == PSA_ALG_CMAC ||
		to->kind == PSA_ALG_CBC_MAC)
		to->hash = PSA_HASH_NONE;
}

/* Why the words cannot be meant together; NULL. */
static const char *words_fault(const struct policy_case *asked)
{
	if (!is_one(asked->type))
		return "type is several: name one, as ecc-p256";
	if (!is_one(asked->algorithm) || !is_one(asked->hash))
		return "algorithm and hash are one each";
	if (asked->hash != 0 && asked->algorithm == 0)
		return "hash needs algorithm";
	if (asked->type == 0 && (asked->bits != CONFIG_UNSET || asked->usages != 0))
		return "bits and usages need type";
	return NULL;
}

static void times_make(const struct policy_case *asked, struct policy_question *to)
{
	int64_t now_s = asked->at_s;

	to->token.has_token = to->identity.authenticator == AUTHENTICATOR_JWT_SVID ||
			      to->identity.authenticator == AUTHENTICATOR_ISSUER;
	to->token.now_s = now_s;
	to->token.start_s = now_s - asked->age_s;
	to->token.expires_s = to->token.start_s + asked->lifetime_s;
	to->request.now_s = now_s;
	if (asked->key_age_s != CONFIG_UNSET)
		to->request.key_created_s = now_s - asked->key_age_s;
	if (asked->is_expired)
		to->request.key_expires_s = now_s;
}

bool policy_question_make(const struct policy_case *asked, const struct config *config, struct policy_question *to,
	char ret_text[CONFIG_TEXT_BYTES])
{
	const char *fault = words_fault(asked);

	*to = (struct policy_question){ 0 };
	to->request.verb = policy_verb(asked->op);
	if (!policy_identity_parse(asked->as, &to->identity))
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES,
			"'%.100s' is no identity: spiffe://..., issuer:ISSUER SUBJECT, uid:NUMBER or direct:NAME",
			asked->as);
	else if (to->request.verb == VERB_NONE)
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "no rule speaks of '%.64s'", asked->op);
	else if (!provider_find(config, asked->provider, &to->request.provider))
		(void)snprintf(
			ret_text, CONFIG_TEXT_BYTES, "the configuration has no provider '%.32s'", asked->provider);
	else if (fault != NULL)
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "%s", fault);
	else
		ret_text[0] = '\0';
	if (ret_text[0] != '\0')
		return false;
	alg_make(asked, &to->alg);
	times_make(asked, to);
	to->request.key = bytes_from_text(asked->key != NULL ? asked->key : "");
	to->request.identity = &to->identity;
	to->request.token = &to->token;
	to->request.principals = asked->principals;
	to->request.alg = asked->algorithm != 0 ? &to->alg : NULL;
	if (asked->type != 0 && condition_type_key(asked->type, &to->attributes)) {
		if (asked->bits != CONFIG_UNSET)
			to->attributes.bits = asked->bits;
		to->attributes.usage = (uint16_t)asked->usages;
		to->attributes.alg = to->alg;
		to->request.attributes = &to->attributes;
	}
	return true;
}

struct status policy_question_ask(
	const struct policy *policy, const struct policy_request *request, struct decision *ret_decision)
{
	struct tenant_match match;
	struct policy_request usual;

	TRY(tenant_find(policy, request->identity, request->token, &match, ret_decision));
	usual = policy_suppose(&match, request);
	return request->verb == VERB_NONE ? OK : policy_check(policy, &match, &usual, ret_decision);
}
