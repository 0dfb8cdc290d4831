/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/authn.h"

#include "agent/agent.h"

static bool is_served(const struct listener *listener, uint8_t type)
{
	for (size_t i = 0; i < listener->authenticator_count; i++)
		if (listener->authenticators[i] == type)
			return true;
	return false;
}

struct status authn_check(struct agent *agent, struct request *rq)
{
	uint8_t type = rq->header.auth_type;

	if (type == AUTHENTICATOR_NONE || rq->caller.who.authenticator != 0)
		return OK; /* nobody, or known since before the visit to a compute thread */
	ENSURE(is_served(rq->conn->listener, type), AUTHN_NOT_LISTED);
	ENSURE(rq->auth.len <= FRAME_AUTH_MAX, AUTHN_LONG);
	switch ((enum config_authenticator)type) {
	case AUTHENTICATOR_DIRECT:
		return authn_direct(rq);
	case AUTHENTICATOR_UNIX_PEER:
		return authn_peer(rq);
	case AUTHENTICATOR_JWT_SVID:
		return authn_jwtsvid(agent, rq);
	case AUTHENTICATOR_NONE:
	case AUTHENTICATOR_ISSUER:
		break;
	}
	return FAIL(AUTHN_NOT_LISTED);
}
