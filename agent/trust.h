/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose tokens are believed: takes the key documents that keyreeve-idp streams, has them compiled on a compute thread
 * (an RSA key takes milliseconds) and publishes the newest set; a withdrawal is in force at once.  A document that
 * cannot be used leaves the last good set in force, and so does a connection that breaks (WA-05, WA-06).  The loop's
 * thread only. */
#ifndef AGENT_TRUST_H
#define AGENT_TRUST_H

#include "agent/compute.h"
#include "base/ipc.h"
#include "jwtsvid/cache.h"

struct remote;

struct trust {
	struct loop *loop;	      /* borrowed */
	struct compute *compute;      /* borrowed */
	struct jwtsvid_cache *tokens; /* borrowed: verified tokens end with their keys */
	struct ipc *idp;	      /* owned; NULL while there is no keyreeve-idp */
	struct watch watch;
	struct remote *remote; /* borrowed: hears what keyreeve-idp says of tokens; NULL: nobody asks */
	struct keyset *keys;   /* in force; one reference; never NULL */
	uint64_t keys_at_us;   /* monotonic: when they came into force */
	bool is_heard;	       /* keys came, or the reason why there are none */
	struct keyset *nobody; /* made at the start, so that a withdrawal needs no memory */
	/* one compilation at a time; of what came meanwhile the newest */
	struct compute_job job;
	bool is_busy, is_stale; /* stale: withdrawn meanwhile */
	struct buf list, waiting;
	bool has_waiting;
	struct keyset *compiled; /* what the compute thread made */
	struct status result;
	struct fault fault;
};

/* Trusts nobody.  Fails: NO_MEMORY. */
struct status trust_init(struct trust *trust, struct loop *loop, struct compute *compute, struct jwtsvid_cache *tokens);
/* After the compute threads have ended. */
void trust_done(struct trust *trust);
/* A (new) keyreeve-idp; takes the descriptor over.  Fails: NO_MEMORY, IO. */
struct status trust_connect(struct trust *trust, int fd);
/* A message for keyreeve-idp.  Fails: LANE_DOWN (there is none), and as ipc_send(). */
struct status trust_send(struct trust *trust, const struct ipc_message *message);

#endif
