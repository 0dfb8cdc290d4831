/* SPDX-License-Identifier: Apache-2.0
 *
 * What failing costs: time, of the one who fails.  A failure is an answer 11 (not to a
 * good token that somebody else came first with: this may be its owner), a malformed frame, or a frame that did
 * not arrive in time; it counts for the process that connected, and for its uid.  So do PENALTY_KNOCKS connections that
 * ended without a byte, together: one may be somebody's test whether we are there.
 *
 * A process is boxed at its n-th failure (limits.failures): for one second, twice as long at each further failure, ten
 * minutes at most.  While it is boxed nothing of it is served, and nothing that it began before counts.  Its count
 * falls by one for every minute outside of the box; a success changes nothing.  A uid, which pods share, is never
 * boxed: after ten times as many failures it is throttled, that is, its unknown tokens are looked at PENALTY_UID_PER_S
 * times a second at most, while who is known to be good is served as before.  So is a process that the kernel does not
 * tell us apart. Failures for want of a key are forgiven when keys change: they may have been ours.
 *
 * Both tables are bounded, and the one whose last failure is oldest goes first; who only knocked takes nobody's place.
 * Time is an argument; no I/O.  The loop's thread only.  Security-design 2.1; OpenSSH's PerSourcePenalties. */
#ifndef AGENT_PENALTY_H
#define AGENT_PENALTY_H

#include "agent/principal.h"

enum {
	PENALTY_PROCESSES = 4096,
	PENALTY_UIDS = 1024,
	PENALTY_FIRST_S = 1,
	PENALTY_LONGEST_S = 600,
	PENALTY_FORGET_S = 60,	 /* of good behaviour for one failure of a process, or PENALTY_UID_TIMES of a uid */
	PENALTY_KNOCKS = 64,	 /* connections for nothing are one failure */
	PENALTY_UID_TIMES = 10,	 /* as many failures as a process */
	PENALTY_UID_PER_S = 500, /* unknown tokens of a throttled uid: what 1024 connections bring waits 2 s */
	PENALTY_UID_BURST = 5,	 /* of them at once */
};

/* Why it failed, as far as it matters here. */
enum penalty_cause { PENALTY_NONE = 0, PENALTY_FAILURE, PENALTY_NO_KEY };
enum penalty_cause penalty_cause(enum status_code code);

struct penalties;

/* after: limits.failures.  Fails: NO_MEMORY, RANDOM_FAILED. */
struct status penalty_new(uint32_t after, struct penalties **ret_penalties);
void penalty_free(struct penalties *penalties);
void penalty_limit(struct penalties *penalties, uint32_t after);

/* What a failure led to; zero: nothing yet. */
struct penalty_news {
	uint32_t box_s;	    /* the process is boxed from now on, for so long */
	bool uid_throttled; /* the uid is throttled from now on */
	uint32_t failures;  /* that count, of the process or, where that is not known, of the uid */
};
/* Fails: nothing; what has no memory is not counted. */
struct penalty_news penalty_fail(
	struct penalties *penalties, const struct principal *who, enum penalty_cause cause, uint64_t now_us);

/* A connection of a process ended without a byte: is that one failure more?  Then it is the caller's to count. */
bool penalty_knock(struct penalties *penalties, const struct principal *who);

bool penalty_is_boxed(const struct penalties *penalties, const struct principal *who, uint64_t now_us);
/* May an unknown token of this uid be looked at now?  Yes uses up a turn of a throttled uid. */
bool penalty_may_verify(struct penalties *penalties, uid_t uid, uint64_t now_us);

/* Other keys are in force: who failed for want of one only is as if it had not. */
void penalty_keys_changed(struct penalties *penalties);

/* For administrators: everyone who is boxed or throttled. */
struct penalty_view {
	uid_t uid;
	pid_t pid;	   /* for display; 0: a uid, or not known */
	bool is_uid;	   /* throttled; else a boxed process */
	uint32_t failures; /* that count */
	uint32_t left_s;   /* of the box, rounded up */
};
typedef void penalty_visit_fn(void *context, const struct penalty_view *view);
void penalty_visit(const struct penalties *penalties, uint64_t now_us, penalty_visit_fn *visit, void *context);
/* An administrator's pardon for a uid and all of its processes; the number of entries that were forgotten. */
size_t penalty_forgive(struct penalties *penalties, uid_t uid);

#endif
