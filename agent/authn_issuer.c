/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of identity providers that are no SPIFFE ones.  What is asked of them stands in the configuration that the
 * request began with, which lives in its policy: a compute thread reads it there. */
#include "agent/agent.h"
#include "agent/authn.h"

/* The configuration in the words of jwtsvid/. */
struct asked {
	struct jwtsvid_issuer issuer[CONFIG_ISSUERS_MAX];
	struct bytes types[CONFIG_ISSUERS_MAX][CONFIG_TYPES_MAX];
};

static void asked_make(
	const struct config_issuer *from, struct jwtsvid_issuer *to, struct bytes types[CONFIG_TYPES_MAX])
{
	*to = (struct jwtsvid_issuer){ .name = bytes_from_text(from->issuer),
		.types = types,
		.claim = bytes_from_text(from->claim),
		.algorithms = from->algorithms };
	for (uint32_t i = 0; i < from->type_count; i++)
		if (strcmp(from->types[i], "none") == 0)
			to->may_lack_type = true;
		else
			types[to->type_count++] = bytes_from_text(from->types[i]);
}

struct status authn_issued_verify(struct request *rq)
{
	const struct config *config = policy_config(rq->policy);
	struct asked asked;

	for (uint32_t i = 0; i < config->issuer_count; i++)
		asked_make(&config->issuers[i], &asked.issuer[i], asked.types[i]);
	return jwtsvid_authenticate_issued(rq->auth, rq->keyset, asked.issuer, config->issuer_count, &rq->caller.token);
}

struct status authn_issued_rules(
	struct request *rq, struct bytes audiences[CONFIG_AUDIENCES_MAX], struct jwtsvid_rules *ret_rules)
{
	const struct jwtsvid *token = rq->caller.token;
	const struct config_issuer *issuer = config_issuer_find(policy_config(rq->policy), token->issuer);

	ENSURE(issuer != NULL, JWT_ISSUER);
	rq->caller.who = (struct identity){
		.authenticator = AUTHENTICATOR_ISSUER, .name = token->subject, .issuer = token->issuer
	};
	for (uint32_t i = 0; i < issuer->audience_count; i++)
		audiences[i] = bytes_from_text(issuer->audiences[i]);
	*ret_rules = (struct jwtsvid_rules){ .audiences = audiences,
		.audience_count = issuer->audience_count,
		.leeway_s = CONFIG_TOKEN_LEEWAY_S,
		.max_lifetime_s = issuer->max_lifetime_s,
		.max_age_s = issuer->max_age_s,
		.need_start = true,
		.refuse_future_start = true };
	return OK;
}
