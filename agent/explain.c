/* SPDX-License-Identifier: Apache-2.0
 *
 * A decision in words, for `keyreeve policy explain`: the same functions decide, this only tells. */
#include "agent/policy_parts.h"

#include "crypto/psa.h"

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
	if (bounds->leeway_s != CONFIG_UNSET) {
		buf_printf(to, "%sis valid by a clock at most %us off", separator, bounds->leeway_s);
		separator = ", ";
	}
	if (bounds->min_remaining_s != CONFIG_UNSET)
		buf_printf(to, "%shas at least %us left", separator, bounds->min_remaining_s);
}

/* ---- conditions ------------------------------------------------------------------------------------------------ */

/* Groups first, then what they leave. */
static void bits_put(struct buf *to, const char *name, const struct config_word *words, uint32_t bits)
{
	const char *separator = name;

	for (int is_single = 0; is_single < 2; is_single++)
		for (const struct config_word *word = words; word->word != NULL; word++) {
			bool is_group = (word->value & (word->value - 1)) != 0;

			if (is_group == (is_single == 1) || (word->value & ~bits) != 0 || (word->value & bits) == 0)
				continue;
			buf_printf(to, "%s%s", separator, word->word);
			bits &= ~word->value;
			separator = ", ";
		}
}

static void texts_put(struct buf *to, const char *name, char *const *texts, uint32_t count)
{
	buf_put_text(to, name);
	for (uint32_t i = 0; i < count; i++) {
		buf_put_text(to, i > 0 ? ", " : "");
		text_put(to, bytes_from_text(texts[i]));
	}
}

static void size_put(struct buf *to, uint32_t min_bits, uint32_t max_bits)
{
	buf_put_text(to, "size");
	if (min_bits != CONFIG_UNSET)
		buf_printf(to, " at least %u bits", min_bits);
	if (max_bits != CONFIG_UNSET)
		buf_printf(to, "%s at most %u bits", min_bits != CONFIG_UNSET ? "," : "", max_bits);
}

static void key_age_put(struct buf *to, const struct config_rule *rule)
{
	buf_put_text(to, "key age");
	if (rule->min_key_age_s != CONFIG_UNSET) {
		buf_put_text(to, " at least ");
		config_span_put(to, rule->min_key_age_s);
	}
	if (rule->max_key_age_s != CONFIG_UNSET) {
		buf_put_text(to, rule->min_key_age_s != CONFIG_UNSET ? ", at most " : " at most ");
		config_span_put(to, rule->max_key_age_s);
	}
}

static void authenticators_put(struct buf *to, uint32_t authenticators)
{
	const char *separator = "authenticators ";

	for (uint32_t i = 0; i <= AUTHENTICATOR_JWT_SVID; i++)
		if (authenticators >> i & 1) {
			buf_printf(to, "%s%s", separator, config_authenticator_name(i));
			separator = ", ";
		}
}

static void time_put(struct buf *to, const struct config_time *time)
{
	static const char *const names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

	buf_put_text(to, "time");
	for (uint32_t i = 0; i < 7; i++)
		if (time->days >> i & 1)
			buf_printf(to, " %s", names[i]);
	if (time->from_min != CONFIG_UNSET && time->until_min != CONFIG_UNSET)
		buf_printf(to, " %02u:%02u to %02u:%02u", time->from_min / 60, time->from_min % 60,
			time->until_min / 60, time->until_min % 60);
	if (time->not_before_s != CONFIG_UNSET) {
		buf_put_text(to, " not before ");
		config_moment_put(to, time->not_before_s);
	}
	if (time->not_after_s != CONFIG_UNSET) {
		buf_put_text(to, " not after ");
		config_moment_put(to, time->not_after_s);
	}
	buf_put_text(to, " UTC");
}

static void binding_put(struct buf *to, uint32_t binding)
{
	static const char *const names[] = { "none", "watch", "first-use", "declared" };
	const char *separator = "binding ";

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (binding >> i & 1) {
			buf_printf(to, "%s%s", separator, names[i]);
			separator = ", ";
		}
}

/* The token has its own words. */
static void condition_put(struct buf *to, const struct config_rule *rule, enum condition condition)
{
	switch (condition) {
	case CONDITION_SUBJECTS:
		texts_put(to, "subjects ", rule->subjects, rule->subject_count);
		return;
	case CONDITION_TYPES:
		bits_put(to, "types ", config_key_types, rule->types);
		return;
	case CONDITION_SIZE:
		size_put(to, rule->min_bits, rule->max_bits);
		return;
	case CONDITION_ALGORITHMS:
		bits_put(to, "algorithms ", config_algorithms, rule->algorithms);
		return;
	case CONDITION_HASHES:
		bits_put(to, "hashes ", config_hashes, rule->hashes);
		return;
	case CONDITION_PROVIDERS:
		texts_put(to, "providers ", rule->providers, rule->provider_count);
		return;
	case CONDITION_KEY_AGE:
		key_age_put(to, rule);
		return;
	case CONDITION_AUTHENTICATORS:
		authenticators_put(to, rule->authenticators);
		return;
	case CONDITION_TIME:
		time_put(to, &rule->time);
		return;
	case CONDITION_BINDING:
		binding_put(to, rule->binding);
		return;
	case CONDITION_PRINCIPALS:
		buf_printf(to, "principals at most %u", rule->max_principals);
		return;
	case CONDITION_TOKEN:
	case CONDITION_COUNT:
		return;
	}
}

static const char *answer_text(enum answer answer)
{
	return answer == ANSWER_YES ? "met" : answer == ANSWER_NO ? "not met" : "not known";
}

static void conditions_put(struct buf *to, const struct rule *rule, const struct policy_request *rq)
{
	for (uint32_t i = 0; i < CONDITION_COUNT; i++) {
		if ((rule->conditions >> i & 1) == 0 || i == CONDITION_TOKEN)
			continue;
		buf_put_text(to, "; ");
		condition_put(to, rule->from, (enum condition)i);
		buf_printf(to, ": %s", answer_text(condition_ask(rule, (enum condition)i, rq)));
	}
}

static void limits_put(struct buf *to, const struct config_created *limits)
{
	const char *separator = "";

	if (limits->types != 0) {
		bits_put(to, "types ", config_key_types, limits->types);
		separator = ", ";
	}
	if (limits->min_bits != CONFIG_UNSET || limits->max_bits != CONFIG_UNSET) {
		buf_put_text(to, separator);
		size_put(to, limits->min_bits, limits->max_bits);
		separator = ", ";
	}
	if (limits->algorithms != 0) {
		buf_put_text(to, separator);
		bits_put(to, "algorithms ", config_algorithms, limits->algorithms);
		separator = ", ";
	}
	if (limits->hashes != 0) {
		buf_put_text(to, separator);
		bits_put(to, "hashes ", config_hashes, limits->hashes);
		separator = ", ";
	}
	if (limits->usages != 0) {
		buf_put_text(to, separator);
		bits_put(to, "usages ", config_usages, limits->usages);
		separator = ", ";
	}
	if (!limits->may_export)
		buf_printf(to, "%snot exportable", separator);
}

/* ---- what would have passed ------------------------------------------------------------------------------------ */

static void token_put(struct buf *to, const struct token_facts *token)
{
	if (token != NULL && token->has_token)
		buf_printf(to, "token:    lives %llds, is %llds old\n", (long long)(token->expires_s - token->start_s),
			(long long)(token->now_s - token->start_s));
}

static void quota_number(struct buf *to, const char **separator, uint32_t number, const char *what)
{
	buf_printf(to, "%s%u %s", *separator, number, what);
	*separator = ", ";
}

/* What may be used, not how much of it is left: that only the daemon knows. */
static void quota_put(struct buf *to, const struct config_quota *quota)
{
	const char *separator = "quota:    ";
	bool whole_mib = quota->bytes_per_s % (1024 * 1024) == 0;

	if (quota->keys != CONFIG_UNSET)
		quota_number(to, &separator, quota->keys, "keys");
	if (quota->requests.per_s != 0)
		quota_number(to, &separator, quota->requests.per_s, "requests a second");
	if (quota->requests.per_d != 0)
		quota_number(to, &separator, quota->requests.per_d, "a day");
	if (quota->in_flight != CONFIG_UNSET)
		quota_number(to, &separator, quota->in_flight, "at a time");
	if (quota->bytes_per_s != CONFIG_UNSET)
		quota_number(to, &separator, whole_mib ? quota->bytes_per_s >> 20 : quota->bytes_per_s,
			whole_mib ? "MiB a second" : "bytes a second");
	if (separator[0] == ',')
		buf_put_text(to, " (all identities of the tenant together)\n");
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

static void rule_put(struct buf *to, const struct rule *rule, const struct policy_request *rq)
{
	buf_printf(to, "%s: keys ", rule->name);
	for (uint32_t k = 0; k < rule->key_count; k++) {
		buf_put_text(to, k > 0 ? ", " : "");
		text_put(to, rule->keys[k]);
	}
	for (uint32_t k = 0; k < rule->key_count; k++)
		if (pattern_key(rule->keys[k], rq->key)) {
			buf_put_text(to, " (covers this one)");
			break;
		}
	if (rule->conditions >> CONDITION_TOKEN & 1)
		buf_put_text(to, " with a token");
	bounds_put(to, &rule->from->token);
	conditions_put(to, rule, rq);
	if (rule->limits_created && (rq->verb == VERB_GENERATE || rq->verb == VERB_IMPORT)) {
		buf_put_text(to, "; created: ");
		limits_put(to, &rule->from->created);
		buf_printf(to, ": %s",
			rq->attributes == NULL					       ? "not known"
			: condition_created_fits(&rule->from->created, rq->attributes) ? "met"
										       : "not met");
	}
	buf_put_text(to, "\n");
}

/* Rules that speak of the verb: what would have to be otherwise. */
static void passing_put(struct buf *to, const struct tenant *tenant, const struct policy_request *rq)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < tenant->rule_count; i++) {
		const struct rule *rule = &tenant->rules[i];

		if ((rule->from->allow & VERB_BIT(rq->verb)) == 0)
			continue;
		buf_put_text(to, found++ == 0 ? "passes:   " : "          ");
		rule_put(to, rule, rq);
	}
	if (found == 0)
		buf_printf(to, "passes:   no rule of this tenant allows %s%s\n", config_verb_name(rq->verb),
			!tenant->has_allow && rq->verb == VERB_EXPORT ? "; export is never allowed without a rule"
								      : "");
}

static void denial_put(struct buf *to, const struct policy *policy, const struct tenant_match *match,
	enum status_code code, const struct policy_request *rq, const struct decision *decision)
{
	const struct tenant *tenant = match->tenant;

	for (uint32_t i = 0; i < tenant->rule_count; i++) {
		const struct rule *rule = &tenant->rules[i];

		if (decision->rule != rule->name)
			continue;
		buf_printf(to, "passes:   nothing, as long as %s denies", rule->name);
		conditions_put(to, rule, rq);
		buf_put_text(to, "\n");
		return;
	}
	if (code == STATUS_POLICY_PROVIDER) {
		buf_put_text(to, "passes:   a request to ");
		names_put(to, policy->tree, match);
		buf_put_text(to, "\n");
	} else if (decision->rule == tenant->created_name) {
		buf_put_text(to, "passes:   a key of ");
		limits_put(to, tenant->created);
		buf_put_text(to, "\n");
	} else if (rq->key_expires_s != 0 && strcmp(decision->rule, "created.expires_after") == 0) {
		buf_put_text(to, "passes:   another key; this one only verifies since ");
		config_moment_put(to, (uint32_t)rq->key_expires_s);
		buf_put_text(to, "\n");
	} else {
		passing_put(to, tenant, rq);
	}
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

struct status policy_explain(const struct policy *policy, const struct policy_request *rq, struct buf *to)
{
	struct tenant_match match;
	struct decision decision;
	struct policy_request usual = *rq;
	struct status st = tenant_find(policy, rq->identity, rq->token, &match, &decision);
	bool has_tenant = st.code == STATUS_OK;

	buf_printf(to, "identity: %s ", config_authenticator_name(rq->identity->authenticator));
	if (rq->identity->issuer.len > 0) {
		text_put(to, rq->identity->issuer);
		buf_put_text(to, " ");
	}
	text_put(to, rq->identity->name);
	buf_put_text(to, "\n");
	token_put(to, rq->token);
	if (has_tenant) {
		buf_put_text(to, "tenant:   ");
		text_put(to, bytes_of(match.name, match.name_len));
		buf_printf(to, " (%s), keys %s\n", match.tenant->name,
			match.tenant->is_shared ? "shared by the tenant" : "of this identity alone");
		quota_put(to, match.tenant->quota);
		usual = policy_suppose(&match, rq);
		st = policy_check(policy, &match, &usual, &decision);
	}
	buf_printf(to, "decision: %s", decision.is_allowed ? "allow" : "deny");
	if (!decision.is_allowed)
		buf_printf(to, " (%s: %s)", status_name(st.code), status_text(st.code));
	buf_printf(to, "\nrule:     %s\n", decision.rule);
	if (decision.expires_after_s != 0) {
		buf_put_text(to, "expires:  ");
		config_span_put(to, decision.expires_after_s);
		buf_put_text(to, " after its creation\n");
	}
	if (decision.is_uncertain)
		buf_put_text(to, "          what is not known denies: say more of the request\n");
	if (!decision.is_allowed && has_tenant)
		denial_put(to, policy, &match, st.code, &usual, &decision);
	else if (!decision.is_allowed)
		refusal_put(to, policy, rq->identity, st);
	return st;
}
