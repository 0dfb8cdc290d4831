/* SPDX-License-Identifier: Apache-2.0
 *
 * What each tenant uses of what it may use: requests a second and a day, requests at a time, bytes a second.  (Names of
 * keys are counted where they are taken, in keyindex.h.)  A tenant is a namespace without its identity: authenticator,
 * trust domain and name, so that all its identities, and all entries of the file that yield it, share one count, while
 * tenants of equal names in two trust domains have their own.
 *
 * A request is counted once its tenant is known, and costs the same whatever becomes of it; what is refused here costs
 * nothing.  Per second: a bucket that holds a second's worth.  Days are UTC, and a clock that steps back does not begin
 * one anew.  The table is bounded: a tenant is forgotten only when nothing of its use counts any more, and when there
 * is no room for another, that one is refused.
 *
 * Time is an argument.  No I/O: quota_keep.h makes the days' counts durable.  The loop's thread only. */
#ifndef AGENT_QUOTA_H
#define AGENT_QUOTA_H

#include "agent/config.h"
#include "keystore/keystore.h"

enum {
	QUOTA_TENANTS_MAX = 65536, /* that used something today or just now */
	QUOTA_SWEEP = 64,	   /* tenants looked at, to be forgotten, per second and when there is no room */
	QUOTA_VALUE_BYTES = 16,	   /* of a fact */
};

struct quota;
struct quota_use; /* of one tenant */

struct quota_time {
	uint64_t mono_us;
	int64_t wall_s; /* since 1970, UTC */
};

/* max: tenants at a time.  Fails: NO_MEMORY, RANDOM_FAILED. */
struct status quota_new(size_t max, struct quota **ret_quota);
void quota_free(struct quota *quota);

/* A request comes in, `bytes` long.  Its tenant is `space` without the identity; `limits` are those of the entry that
 * it matched.  ret_use is given back with quota_leave(); NULL where nothing is counted.
 * Fails: QUOTA_IN_FLIGHT, QUOTA_DAY, QUOTA_RATE, QUOTA_BYTES, QUOTA_TENANTS (no room), NO_MEMORY. */
struct status quota_enter(struct quota *quota, const struct namespace_name *space, const struct config_quota *limits,
	size_t bytes, const struct quota_time *now, struct quota_use **ret_use);
/* It is over, and its answer was `bytes` long.  NULL is accepted. */
void quota_leave(struct quota_use *use, const struct config_quota *limits, size_t bytes, const struct quota_time *now);

/* Once a second: forget some of those whose use does not count any more. */
void quota_second(struct quota *quota, const struct quota_time *now);

/* One count of a day that changed, or a tenant that was forgotten, since the last call; false: none.  The id in
 * ret_fact is borrowed until the next call of this module, the value lies in `value`. */
bool quota_changed(struct quota *quota, uint8_t value[QUOTA_VALUE_BYTES], struct fact *ret_fact, bool *ret_is_out);
size_t quota_changed_count(const struct quota *quota);
/* What quota_changed() handed out may not be durable: hand out all counts once more. */
void quota_keep_again(struct quota *quota);
/* At the start: a count that was kept.  Fails: RECORD_CORRUPT (no such value), QUOTA_TENANTS, NO_MEMORY. */
struct status quota_restore(struct quota *quota, const struct fact *fact);

/* For administrators: the use of every tenant that is remembered, as of now. */
struct quota_view {
	struct namespace_name tenant; /* borrowed for the call; no identity */
	struct config_quota limits;   /* of the entry that its last request matched; what was restored has none */
	uint32_t in_flight;
	int64_t day;	   /* since 1970, UTC, that the count is of */
	uint64_t requests; /* in that day; 0 where a day has no limit */
	/* Of a second's worth, what was used and has not come back; 0 without such a limit.  Bytes may be beyond it. */
	uint64_t requests_second, bytes_second;
};
typedef void quota_visit_fn(void *context, const struct quota_view *view);
void quota_visit(const struct quota *quota, const struct quota_time *now, quota_visit_fn *visit, void *context);
/* Is the tenant of that namespace among them? */
bool quota_remembers(const struct quota *quota, const struct namespace_name *space);

#endif
