/* SPDX-License-Identifier: Apache-2.0
 *
 * A decision in words, for `keyreeve policy explain`: the same functions decide, this only tells. */
#include "agent/policy_parts.h"

/* clang-format off */
static const struct {
	const char *operation;
	enum verb verb;
} operations[] = {
	{ "PsaSignHash", VERB_SIGN }, { "PsaSignMessage", VERB_SIGN },
	{ "PsaVerifyHash", VERB_VERIFY }, { "PsaVerifyMessage", VERB_VERIFY },
	{ "PsaAsymmetricEncrypt", VERB_ENCRYPT }, { "PsaAeadEncrypt", VERB_ENCRYPT }, { "PsaCipherEncrypt", VERB_ENCRYPT },
	{ "PsaAsymmetricDecrypt", VERB_DECRYPT }, { "PsaAeadDecrypt", VERB_DECRYPT }, { "PsaCipherDecrypt", VERB_DECRYPT },
	{ "PsaRawKeyAgreement", VERB_AGREE }, { "PsaMacCompute", VERB_MAC }, { "PsaMacVerify", VERB_MAC },
	{ "ListKeys", VERB_LIST }, { "PsaExportPublicKey", VERB_EXPORT_PUBLIC }, { "CanDoCrypto", VERB_CAN_DO },
	{ "PsaGenerateKey", VERB_GENERATE }, { "PsaImportKey", VERB_IMPORT }, { "PsaDestroyKey", VERB_DESTROY },
	{ "PsaExportKey", VERB_EXPORT }, { "AttestKey", VERB_ATTEST }, { "PrepareKeyAttestation", VERB_ATTEST },
};
/* clang-format on */

enum verb policy_verb(const char *operation)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(operations[i].operation, operation) == 0)
			return operations[i].verb;
	return config_verb_from_name(operation);
}

static void text_put(struct buf *to, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_put_u8(to, text.data[i] < 0x20 || text.data[i] == 0x7f ? '?' : text.data[i]);
}

/* " that lives at most 600s, is at most 150s old" */
static void bounds_put(struct buf *to, const struct config_token *bounds)
{
	const char *separator = " that ";

	if (bounds->max_lifetime_s != CONFIG_UNSET) {
		buf_printf(to, "%slives at most %us", separator, bounds->max_lifetime_s);
		separator = ", ";
	}
	if (bounds->max_age_s != CONFIG_UNSET) {
		buf_printf(to, "%sis at most %us old", separator, bounds->max_age_s);
		separator = ", ";
	}
	if (bounds->leeway_s != CONFIG_UNSET)
		buf_printf(to, "%sis valid by a clock at most %us off", separator, bounds->leeway_s);
}

static void token_put(struct buf *to, const struct token_facts *token)
{
	if (token != NULL && token->has_token)
		buf_printf(to, "token:    lives %llds, is %llds old\n", (long long)(token->expires_s - token->start_s),
			(long long)(token->now_s - token->start_s));
}

static void names_put(struct buf *to, const struct config *tree, const struct tenant_match *match)
{
	const char *separator = "";

	for (uint32_t i = 0; i < tree->provider_count; i++) {
		if (!tenant_has_provider(match, i))
			continue;
		buf_printf(to, "%s%s", separator, tree->providers[i].name);
		separator = ", ";
	}
}

/* Rules that speak of the verb and the key: what would have to be otherwise. */
static void passing_put(struct buf *to, const struct tenant *tenant, enum verb verb, struct bytes key)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < tenant->rule_count; i++) {
		const struct rule *rule = &tenant->rules[i];

		if ((rule->allow & VERB_BIT(verb)) == 0)
			continue;
		buf_printf(to, "%s%s: keys ", found++ == 0 ? "passes:   " : "          ", rule->name);
		for (uint32_t k = 0; k < rule->key_count; k++) {
			buf_put_text(to, k > 0 ? ", " : "");
			text_put(to, rule->keys[k]);
		}
		for (uint32_t k = 0; k < rule->key_count; k++)
			if (pattern_key(rule->keys[k], key)) {
				buf_put_text(to, " (covers this one)");
				break;
			}
		if (rule->token.max_lifetime_s != CONFIG_UNSET || rule->token.max_age_s != CONFIG_UNSET ||
			rule->token.leeway_s != CONFIG_UNSET)
			buf_put_text(to, " with a token");
		bounds_put(to, &rule->token);
		buf_put_text(to, "\n");
	}
	if (found == 0)
		buf_printf(to, "passes:   no rule of this tenant allows %s%s\n", config_verb_name(verb),
			!tenant->has_allow && verb == VERB_EXPORT ? "; export is never allowed without a rule" : "");
}

static void denial_put(struct buf *to, const struct policy *policy, const struct tenant_match *match,
	enum status_code code, enum verb verb, struct bytes key, const struct decision *decision)
{
	const struct tenant *tenant = match->tenant;

	for (uint32_t i = 0; i < tenant->rule_count; i++)
		if (decision->rule == tenant->rules[i].name) {
			buf_printf(to, "passes:   nothing, as long as %s denies\n", decision->rule);
			return;
		}
	if (code == STATUS_POLICY_PROVIDER) {
		buf_put_text(to, "passes:   a request to ");
		names_put(to, policy->tree, match);
		buf_put_text(to, "\n");
		return;
	}
	passing_put(to, tenant, verb, key);
}

static void refusal_put(struct buf *to, const struct policy *policy, const struct identity *identity, struct status st)
{
	struct token_facts fresh = { .has_token = true, .expires_s = 1 };
	struct tenant_match match;
	struct decision ignored;

	if (st.code != STATUS_TENANT_TOKEN) {
		buf_put_text(to, "passes:   an identity that one of the matches covers\n");
		return;
	}
	if (tenant_find(policy, identity, &fresh, &match, &ignored).code == STATUS_OK) {
		buf_put_text(to, "passes:   a token");
		bounds_put(to, &match.tenant->token);
		buf_put_text(to, "\n");
	}
}

struct status policy_explain(const struct policy *policy, const struct identity *identity, enum verb verb,
	uint32_t provider, struct bytes key, const struct token_facts *token, struct buf *to)
{
	struct tenant_match match;
	struct decision decision;
	struct status st = tenant_find(policy, identity, token, &match, &decision);
	bool has_tenant = st.code == STATUS_OK;

	buf_printf(to, "identity: %s ", config_authenticator_name(identity->authenticator));
	text_put(to, identity->name);
	buf_put_text(to, "\n");
	token_put(to, token);
	if (has_tenant) {
		buf_put_text(to, "tenant:   ");
		text_put(to, bytes_of(match.name, match.name_len));
		buf_printf(to, " (%s), keys %s\n", match.tenant->name,
			match.tenant->is_shared ? "shared by the tenant" : "of this identity alone");
		st = policy_check(policy, &match, verb, provider, key, token, &decision);
	}
	buf_printf(to, "decision: %s", decision.is_allowed ? "allow" : "deny");
	if (!decision.is_allowed)
		buf_printf(to, " (%s: %s)", status_name(st.code), status_text(st.code));
	buf_printf(to, "\nrule:     %s\n", decision.rule);
	if (!decision.is_allowed && has_tenant)
		denial_put(to, policy, &match, st.code, verb, key, &decision);
	else if (!decision.is_allowed)
		refusal_put(to, policy, identity, st);
	return st;
}
