/* SPDX-License-Identifier: Apache-2.0
 *
 * From the authentication field to an identity: one function per authentication type, no fallback from one to
 * another.  Wire reference section 4; DESIGN section 1.  The loop's thread only. */
#ifndef AGENT_AUTHN_H
#define AGENT_AUTHN_H

#include "agent/request.h"

/* B1 to B3.  Sets rq->waits when a new token visits a compute thread, which then calls request_resume().
 * Fails: AUTHN_NOT_LISTED, AUTHN_LONG, and the reasons of the authenticator (all 11 on the wire). */
struct status authn_check(struct agent *agent, struct request *rq);

/* A token that nobody knows yet: when it is its turn `run` on a compute thread, then `done` on the loop, which calls
 * authn_turn_done() first.  Sets rq->waits.  Fails: NO_MEMORY. */
struct status authn_queue(
	struct agent *agent, struct request *rq, void (*run)(struct compute_job *job), void (*done)(struct post *post));
void authn_turn_done(struct request *rq);
/* Once in every round of a turn of the loop: whose turn is it? */
void authn_turns(struct agent *agent);
enum { AUTHN_TURN_MS = 10 }; /* how often a throttled uid is looked at */

/* authn_peer.c: Unix peer credentials, and Direct. */
struct status authn_peer(struct request *rq);
struct status authn_direct(struct request *rq);
/* authn_jwtsvid.c; known: it has been verified meanwhile, for another request */
bool authn_jwtsvid_known(struct agent *agent, struct request *rq);
struct status authn_jwtsvid(struct agent *agent, struct request *rq);

/* The daemon's own bounds on every token (DESIGN decision 5); tenants may only tighten them. */
void authn_token_rules(
	const struct config *config, struct bytes audiences[CONFIG_AUDIENCES_MAX], struct jwtsvid_rules *ret_rules);

#endif
