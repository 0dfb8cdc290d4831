/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyreeve-idp and the agent say to each other, over struct ipc on the socket "agent".  When the socket is
 * replaced, idp says everything that is in force again, and what was asked over the old one is not answered.  The
 * documents are undecoded foreign bytes. */
#ifndef SPIFFE_IDP_MSG_H
#define SPIFFE_IDP_MSG_H

enum {
	IDP_VALIDATIONS_MAX = 64, /* asked and not answered: more are answered at once, as undecided */
	IDP_VALIDATE_MS = 2000,	  /* from the question to the answer */
	IDP_AUDIENCE_MAX = 1024,
};

enum idp_message {
	IDP_NONE = 0,
	IDP_HELLO,     /* both ways; part 0: build id; first on every socket */
	IDP_BUNDLES,   /* part 0: who said it, in words; part 1: a complete snapshot, pairs of sized values: map key,
			  document (spiffe/workload.h) */
	IDP_CONFIRMED, /* the snapshot was received once more, the same */
	IDP_WITHDRAWN, /* part 0: why; forget every snapshot, at once */
	IDP_STATE,     /* part 0: text for log and status; id: enum workload_state */
	IDP_VALIDATE,  /* from the agent; id, answered once, at the latest by deadline_us; part 0 audience, part 1 token
			*/
	/* status OK: part 0 the SPIFFE ID that the Workload API says; JWT_REMOTE: it refuses, JWT_UNDECIDED: it did not
	 * say, JWT_STRANGER: it was not asked, since another account serves the socket; part 0 why */
	IDP_VERDICT,
};

#endif
