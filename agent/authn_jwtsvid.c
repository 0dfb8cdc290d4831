/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/agent.h"
#include "agent/authn.h"
#include "base/clock.h"
#include "base/log.h"

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

/* As of the configuration that the request began with. */
static enum config_validation validation_of(const struct request *rq)
{
	return is_issued(rq) ? VALIDATION_LOCAL : (enum config_validation)policy_config(rq->policy)->spiffe.validation;
}

static struct jwtsvid_cache *cache_of(struct agent *agent, const struct request *rq)
{
	return is_issued(rq) ? agent->issued : agent->tokens;
}

static void name_caller(struct request *rq)
{
	rq->caller.who = (struct identity){ .authenticator = AUTHENTICATOR_JWT_SVID,
		.name = spiffe_id_text(&rq->caller.token->id) };
}

/* ---- what the Workload API says ------------------------------------------------------------------------ */

/* Which of the token's audiences is ours: jwtsvid_judge() has found one. */
static struct bytes audience_of(const struct jwtsvid *svid, const struct jwtsvid_rules *rules)
{
	for (size_t i = 0; i < rules->audience_count; i++)
		for (size_t j = 0; j < svid->audience_count; j++)
			if (bytes_equal(rules->audiences[i], svid->audiences[j]))
				return svid->audiences[j];
	return (struct bytes){ 0 };
}

static void raise_alarm(struct request *rq, const char *what)
{
	static struct log_limit limit = { .burst = 10 };
	char hash[2 * JWTSVID_CACHE_HASH_BYTES + 1] = "", detail[160];

	for (size_t i = 0; i < JWTSVID_CACHE_HASH_BYTES; i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", rq->caller.token_key.input[i]);
	(void)snprintf(detail, sizeof(detail), "token %s: %s", hash, what);
	if (log_allowed(&limit))
		log_error("ALARM: local and remote validation disagree: %s", detail);
	audit_event(rq->agent->events, "validation-disagreement", (struct bytes){ 0 }, detail, 0);
}

/* WA-23: "equal the token's own sub".  A verdict that is none refuses, too (WA-22). */
static struct status verdict_of(struct request *rq, enum status_code verdict, struct bytes text)
{
	bool is_both = validation_of(rq) == VALIDATION_BOTH;
	bool is_same = bytes_equal(text, spiffe_id_text(&rq->caller.token->id));

	if (verdict == STATUS_OK && is_same)
		return OK;
	if (verdict == STATUS_OK) {
		raise_alarm(rq, "the Workload API names another identity");
		return FAIL(JWT_DISAGREE);
	}
	if (verdict == STATUS_JWT_REMOTE && is_both) {
		raise_alarm(rq, "its signature and claims are good, the Workload API refuses it");
		return FAIL(JWT_DISAGREE);
	}
	if (verdict == STATUS_JWT_STRANGER)
		return FAIL(JWT_STRANGER);
	return verdict == STATUS_JWT_REMOTE ? FAIL(JWT_REMOTE) : FAIL(JWT_UNDECIDED);
}

static void log_undecided(struct bytes why)
{
	static struct log_limit limit = { .burst = 3 };

	if (log_allowed(&limit))
		log_warning("a token is refused since the Workload API did not decide: %.*s", (int)why.len,
			(const char *)why.data);
}

static void token_decided(struct remote_call *call, enum status_code verdict, struct bytes text)
{
	struct request *rq = request_of(call, remote);
	bool was_answered = request_came_back(rq);
	struct status st;

	if (was_answered) {
		request_settled(rq);
		return;
	}
	st = verdict_of(rq, verdict, text);
	if (st.code == STATUS_JWT_UNDECIDED)
		log_undecided(text);
	if (st.code != STATUS_OK) {
		request_finish(rq->agent, rq, st);
		return;
	}
	name_caller(rq); /* under `remote` only now */
	request_resume(rq);
}

/* The token is good as far as we can tell.  The answer is for this request alone: the Workload API is asked because it
 * may have changed its mind. */
static struct status ask_remote(struct request *rq, const struct jwtsvid_rules *rules)
{
	rq->remote = (struct remote_call){ .done = token_decided };
	TRY(remote_ask(&rq->agent->remote, &rq->remote, audience_of(rq->caller.token, rules), rq->auth));
	rq->waits = true;
	rq->pending++;
	return OK;
}

/* ---- what we say ---------------------------------------------------------------------------------------- */

/* A token whose signature is good: time, age and audience are asked at every use.  It names somebody even when they
 * refuse it, so that its line says whom; under `remote` nobody knows before the Workload API has answered. */
static struct status accept_token(struct agent *agent, struct request *rq)
{
	struct bytes audiences[CONFIG_AUDIENCES_MAX];
	const struct jwtsvid *svid = rq->caller.token;
	int64_t now_s = wall_now_us(&agent->wall) / US_PER_S;
	struct jwtsvid_rules rules;

	rq->caller.facts = (struct token_facts){
		.has_token = true, .start_s = svid->start_s, .expires_s = svid->exp_s, .now_s = now_s
	};
	if (is_issued(rq))
		TRY(authn_issued_rules(rq, audiences, &rules));
	else
		authn_token_rules(agent->config, audiences, &rules);
	if (!is_issued(rq) && validation_of(rq) != VALIDATION_REMOTE)
		name_caller(rq);
	TRY(jwtsvid_judge(svid, &rules, now_s));
	return validation_of(rq) == VALIDATION_LOCAL ? OK : ask_remote(rq, &rules);
}

/* On a compute thread. */
static void verify_token(struct compute_job *job)
{
	struct request *rq = request_of(job, compute);

	if (is_issued(rq))
		rq->computed = authn_issued_verify(rq);
	else if (validation_of(rq) == VALIDATION_REMOTE)
		rq->computed = jwtsvid_read(rq->auth, &rq->caller.token);
	else
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
	/* Its provider may have begun to sign with another key. */
	if (is_issued(rq) && penalty_cause(rq->computed.code) == PENALTY_NO_KEY)
		trust_hasten(&agent->issuers);
	if (rq->computed.code != STATUS_OK) {
		fault_put(&rq->computed_fault);
		request_finish(agent, rq, rq->computed);
		return;
	}
	/* What is asked of a token is the configuration's: one verified under an older one is not kept.  Nor is one
	 * whose signature nobody has verified; jwtsvid_cache_put() would not take it either. */
	if (rq->policy == agent->policy && validation_of(rq) != VALIDATION_REMOTE)
		jwtsvid_cache_put(cache_of(agent, rq), &rq->caller.token_key, rq->caller.token,
			wall_now_us(&agent->wall) / US_PER_S);
	request_resume(rq);
}

bool authn_token_known(struct agent *agent, struct request *rq)
{
	int64_t now_s = wall_now_us(&agent->wall) / US_PER_S;
	struct jwtsvid *known = NULL;

	if (validation_of(rq) != VALIDATION_REMOTE)
		known = jwtsvid_cache_find(cache_of(agent, rq), &rq->caller.token_key, now_s);
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
