/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"
#include "agent/authn.h"
#include "base/clock.h"

void authn_token_rules(
	const struct config *config, struct bytes audiences[CONFIG_AUDIENCES_MAX], struct jwtsvid_rules *ret_rules)
{
	for (uint32_t i = 0; i < config->spiffe.audience_count; i++)
		audiences[i] = bytes_from_text(config->spiffe.audiences[i]);
	*ret_rules = (struct jwtsvid_rules){ .audiences = audiences,
		.audience_count = config->spiffe.audience_count,
		.leeway_s = CONFIG_TOKEN_LEEWAY_S,
		.max_lifetime_s = CONFIG_TOKEN_LIFETIME_S,
		.max_age_s = CONFIG_TOKEN_AGE_S,
		.need_start = true,
		.refuse_future_start = true };
}

static bool is_issued(const struct request *rq)
{
	return rq->header.auth_type == AUTHENTICATOR_ISSUER;
}

static struct jwtsvid_cache *cache_of(struct agent *agent, const struct request *rq)
{
	return is_issued(rq) ? agent->issued : agent->tokens;
}

/* A token whose signature is good: time, age and audience are asked at every use.  It names somebody even when they
 * refuse it, so that its line says whom. */
static struct status accept_token(struct agent *agent, struct request *rq)
{
	struct bytes audiences[CONFIG_AUDIENCES_MAX];
	const struct jwtsvid *svid = rq->caller.token;
	int64_t now_s = wall_now_us(&agent->wall) / US_PER_S;
	struct jwtsvid_rules rules;

	rq->caller.facts = (struct token_facts){
		.has_token = true, .start_s = svid->start_s, .expires_s = svid->exp_s, .now_s = now_s
	};
	if (is_issued(rq)) {
		TRY(authn_issued_rules(rq, audiences, &rules));
	} else {
		rq->caller.who =
			(struct identity){ .authenticator = AUTHENTICATOR_JWT_SVID, .name = spiffe_id_text(&svid->id) };
		authn_token_rules(agent->config, audiences, &rules);
	}
	return jwtsvid_judge(svid, &rules, now_s);
}

/* On a compute thread. */
static void verify_token(struct compute_job *job)
{
	struct request *rq = request_of(job, compute);

	rq->computed =
		is_issued(rq) ? authn_issued_verify(rq) : jwtsvid_authenticate(rq->auth, rq->keyset, &rq->caller.token);
	fault_take(&rq->computed_fault);
}

static void token_verified(struct post *post)
{
	struct request *rq = request_of(post, compute.post);
	struct agent *agent = rq->agent;
	bool was_answered;

	authn_turn_done(rq);
	was_answered = request_came_back(rq);
	keyset_unref(rq->keyset);
	rq->keyset = NULL;
	if (was_answered) {
		request_settled(rq);
		return;
	}
	if (rq->computed.code != STATUS_OK) {
		fault_put(&rq->computed_fault);
		request_finish(agent, rq, rq->computed);
		return;
	}
	/* What is asked of an issuer's token is the configuration's: one verified under an older one is not kept. */
	if (rq->policy == agent->policy)
		jwtsvid_cache_put(cache_of(agent, rq), &rq->caller.token_key, rq->caller.token,
			wall_now_us(&agent->wall) / US_PER_S);
	request_resume(rq);
}

bool authn_token_known(struct agent *agent, struct request *rq)
{
	struct jwtsvid *known =
		jwtsvid_cache_find(cache_of(agent, rq), &rq->caller.token_key, wall_now_us(&agent->wall) / US_PER_S);

	if (known != NULL)
		rq->caller.token = jwtsvid_ref(known);
	return known != NULL;
}

struct keyset *authn_token_keys(struct agent *agent, const struct request *rq)
{
	return keyset_ref(is_issued(rq) ? agent->issuers.keys : agent->trust.keys);
}

struct status authn_token(struct agent *agent, struct request *rq)
{
	if (rq->caller.token != NULL)
		return accept_token(agent, rq); /* back from the compute thread */
	TRY(jwtsvid_cache_key(cache_of(agent, rq), rq->auth, &rq->caller.token_key));
	rq->caller.has_token_key = true;
	if (authn_token_known(agent, rq))
		return accept_token(agent, rq);
	return authn_queue(agent, rq, verify_token, token_verified);
}
