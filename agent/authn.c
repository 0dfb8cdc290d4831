/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/authn.h"

#include "agent/agent.h"
#include "base/clock.h"

static bool is_served(const struct listener *listener, uint8_t type)
{
	for (size_t i = 0; i < listener->authenticator_count; i++)
		if (listener->authenticators[i] == type)
			return true;
	return false;
}

/* Who it is, whether anybody may be that, is asked at every use. */
static struct status check_revoked(struct agent *agent, struct request *rq)
{
	const struct jwtsvid *token = rq->caller.token;
	struct revoke_credential credential = { .authenticator = rq->caller.who.authenticator,
		.name = rq->caller.who.name };
	struct status st;

	if (token != NULL) {
		credential.domain = jwtsvid_domain(token);
		credential.kid = bytes_from_text(token->kid);
		credential.jti_hash = token->has_jti ? token->jti_hash : NULL;
		credential.token_hash = rq->caller.token_key.input;
		credential.has_start = token->has_start;
		credential.start_s = token->start_s;
	}
	st = revocations_ask(agent->revoked, &credential, wall_now_us(&agent->wall) / US_PER_S, NULL);
	if (st.code == STATUS_OK)
		return OK;
	rq->is_decided = true;
	rq->decision = (struct decision){ .rule = "revoked" };
	return st;
}

static struct status establish(struct agent *agent, struct request *rq)
{
	switch ((enum config_authenticator)rq->header.auth_type) {
	case AUTHENTICATOR_DIRECT:
		return authn_direct(rq);
	case AUTHENTICATOR_UNIX_PEER:
		return authn_peer(rq);
	case AUTHENTICATOR_JWT_SVID:
	case AUTHENTICATOR_ISSUER:
		return authn_token(agent, rq);
	case AUTHENTICATOR_NONE:
		break;
	}
	return FAIL(AUTHN_NOT_LISTED);
}

struct status authn_check(struct agent *agent, struct request *rq)
{
	uint8_t type = rq->header.auth_type;

	if (type == AUTHENTICATOR_NONE || rq->caller.who.authenticator != 0)
		return OK; /* nobody, or known since before the visit to a compute thread */
	ENSURE(is_served(rq->conn->listener, type), AUTHN_NOT_LISTED);
	ENSURE(rq->auth.len <= FRAME_AUTH_MAX, AUTHN_LONG);
	TRY(establish(agent, rq));
	return rq->waits ? OK : check_revoked(agent, rq);
}

/* ---- unknown tokens wait for their turn ------------------------------------------------------------------------- */

struct status authn_queue(
	struct agent *agent, struct request *rq, void (*run)(struct compute_job *job), void (*done)(struct post *post))
{
	TRY(turns_submit(agent->turns, &rq->turn, &rq->conn->peer));
	rq->compute = (struct compute_job){ .run = run, .post.done = done };
	rq->waits = true;
	rq->pending++;
	return OK;
}

void authn_turn_done(struct request *rq)
{
	turns_done(rq->agent->turns, &rq->turn);
}

static bool may_verify(void *context, uid_t uid)
{
	struct agent *agent = context;

	return penalty_may_verify(agent->penalties, uid, agent->loop.now_us);
}

/* Not looked at: its deadline has passed, its process was boxed, or the same token was verified meanwhile. */
static bool needs_no_look(struct agent *agent, struct request *rq, bool *ret_boxed)
{
	*ret_boxed = penalty_is_boxed(agent->penalties, &rq->conn->peer, agent->loop.now_us);
	return rq->is_finished || *ret_boxed || authn_token_known(agent, rq);
}

static void turn_take(struct agent *agent, struct request *rq)
{
	bool is_boxed;

	if (!needs_no_look(agent, rq, &is_boxed)) {
		rq->keyset = authn_token_keys(agent, rq); /* those of now, not of when it came */
		compute_submit(agent->compute, &rq->compute);
		return;
	}
	authn_turn_done(rq);
	if (request_came_back(rq))
		request_settled(rq);
	else if (is_boxed)
		request_finish(agent, rq, FAIL(PENALTY_BOXED));
	else
		request_resume(rq);
}

static void next_turn(struct deadline *deadline)
{
	(void)deadline; /* a turn of the loop is all that it is for */
}

void authn_turns(struct agent *agent)
{
	struct turn *turn;

	while ((turn = turns_next(agent->turns, may_verify, agent)) != NULL)
		turn_take(agent, request_of(turn, turn));
	if (turns_waiting(agent->turns) == 0 || agent->next_turn.armed)
		return;
	agent->next_turn.expired = next_turn;
	deadline_arm(&agent->loop, &agent->next_turn, DEADLINE_TURN);
}
