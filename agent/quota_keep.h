/* SPDX-License-Identifier: Apache-2.0
 *
 * The days' counts of the quotas as facts in the key store, so that a restart does not begin a day anew: what changed
 * is written every QUOTA_KEEP_S seconds, a batch at a time, and all of it at the stop.  A crash loses what was counted
 * since, a few seconds' worth.  The loop's thread only. */
#ifndef AGENT_QUOTA_KEEP_H
#define AGENT_QUOTA_KEEP_H

#include "agent/durable.h"
#include "agent/quota.h"

enum { QUOTA_KEEP_S = 5, QUOTA_KEEP_BATCH = 256 };

struct quota_batch;
struct quota_keep {
	struct quota *quota;	     /* borrowed */
	struct durable *durable;     /* borrowed */
	struct quota_batch *batches; /* under way */
	uint64_t next_us;
	size_t left; /* of what had changed when this round began */
};

/* Once a second. */
void quota_keep_second(struct quota_keep *keep, uint64_t now_us);
/* Hand over all that has changed; durable_stop() then waits for it. */
void quota_keep_stop(struct quota_keep *keep);
/* After durable_stop(). */
void quota_keep_done(struct quota_keep *keep);

#endif
