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
/* authn_jwtsvid.c: JWT-SVIDs, and tokens of other identity providers; each kind has its own keys and its own cache. */
struct status authn_token(struct agent *agent, struct request *rq);
/* It has been verified meanwhile, for another request. */
bool authn_token_known(struct agent *agent, struct request *rq);
/* The keys that count for it now; a reference. */
struct keyset *authn_token_keys(struct agent *agent, const struct request *rq);

/* authn_issuer.c: the half that differs between a JWT-SVID and the token of another identity provider. */
struct status authn_issued_verify(struct request *rq);
/* Whom it names, and the bounds and audiences of its issuer.  Fails: JWT_ISSUER (not configured any more). */
struct status authn_issued_rules(
	struct request *rq, struct bytes audiences[CONFIG_AUDIENCES_MAX], struct jwtsvid_rules *ret_rules);

/* The daemon's own bounds on every token (DESIGN decision 5); tenants may only tighten them. */
void authn_token_rules(
	const struct config *config, struct bytes audiences[CONFIG_AUDIENCES_MAX], struct jwtsvid_rules *ret_rules);

#endif
