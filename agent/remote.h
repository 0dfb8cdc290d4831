/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's side of ValidateJWTSVID: ask keyreeve-idp what the Workload API says of a token, hear it later.  Every
 * question is told its end, at the latest by its deadline; no answer is a verdict of its own, which lets nobody in
 * (WA-22).  Nothing is asked twice and no answer is kept.  The loop's thread only. */
#ifndef AGENT_REMOTE_H
#define AGENT_REMOTE_H

#include "agent/trust.h"

/* A question, owned by whoever asks, and left alone by him until done(). */
struct remote_call {
	struct remote_call *next;
	uint64_t id, deadline_us;
	/* OK: text is the SPIFFE ID that the Workload API names; JWT_REMOTE: it refuses the token; JWT_UNDECIDED: it
	 * did not say; JWT_STRANGER: it was not asked, since another account serves its socket.  text is borrowed for
	 * the call, else why. */
	void (*done)(struct remote_call *call, enum status_code verdict, struct bytes text);
};

struct remote {
	struct trust *trust; /* borrowed: has the socket */
	struct remote_call *waiting;
	unsigned count;
	uint64_t next_id;
};

void remote_init(struct remote *remote, struct trust *trust);
/* Ask about a token, for one audience; both are copied.  done() is called once, and never before this returns OK.
 * Fails, and then it is not called: JWT_UNDECIDED (no keyreeve-idp, or too many questions under way). */
struct status remote_ask(struct remote *remote, struct remote_call *call, struct bytes audience, struct bytes token);
/* What trust.c hears from keyreeve-idp: a verdict, or its end. */
struct status remote_verdict(struct remote *remote, const struct ipc_message *message);
void remote_gone(struct remote *remote);
/* Once a second: those whose deadline passed long ago, since keyreeve-idp hangs. */
void remote_second(struct remote *remote, uint64_t now_us);

#endif
