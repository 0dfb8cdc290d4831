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

/* A token whose signature is good: time, age and audience are asked at every use.  It names somebody even when they
 * refuse it, so that its line says whom. */
static struct status accept_token(struct agent *agent, struct request *rq)
{
	struct bytes audiences[CONFIG_AUDIENCES_MAX];
	const struct jwtsvid *svid = rq->caller.token;
	int64_t now_s = wall_now_us(&agent->wall) / US_PER_S;
	struct jwtsvid_rules rules;

	rq->caller.who =
		(struct identity){ .authenticator = AUTHENTICATOR_JWT_SVID, .name = spiffe_id_text(&svid->id) };
	rq->caller.facts = (struct token_facts){
		.has_token = true, .start_s = svid->start_s, .expires_s = svid->exp_s, .now_s = now_s
	};
	authn_token_rules(agent->config, audiences, &rules);
	return jwtsvid_judge(svid, &rules, now_s);
}

/* On a compute thread. */
static void verify_token(struct compute_job *job)
{
	struct request *rq = request_of(job, compute);

	rq->computed = jwtsvid_authenticate(rq->auth, rq->keyset, &rq->caller.token);
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
	jwtsvid_cache_put(agent->tokens, &rq->caller.token_key, rq->caller.token, wall_now_us(&agent->wall) / US_PER_S);
	request_resume(rq);
}

bool authn_jwtsvid_known(struct agent *agent, struct request *rq)
{
	struct jwtsvid *known =
		jwtsvid_cache_find(agent->tokens, &rq->caller.token_key, wall_now_us(&agent->wall) / US_PER_S);

	if (known != NULL)
		rq->caller.token = jwtsvid_ref(known);
	return known != NULL;
}

struct status authn_jwtsvid(struct agent *agent, struct request *rq)
{
	if (rq->caller.token != NULL)
		return accept_token(agent, rq); /* back from the compute thread */
	TRY(jwtsvid_cache_key(agent->tokens, rq->auth, &rq->caller.token_key));
	rq->caller.has_token_key = true;
	if (authn_jwtsvid_known(agent, rq))
		return accept_token(agent, rq);
	return authn_queue(agent, rq, verify_token, token_verified);
}
