/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/penalty.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"

enum { BUCKETS = 1024, DOUBLINGS = 10 /* then it would be more than PENALTY_LONGEST_S */ };
_Static_assert(PENALTY_FIRST_S << (DOUBLINGS - 1) <= PENALTY_LONGEST_S, "no box is longer than the longest");

/* A process, or a uid (its process is zero). */
struct culprit {
	struct culprit *next;		 /* of the bucket */
	struct culprit *older, *younger; /* by the last failure */
	uint64_t hash;
	struct principal_process process;
	uid_t uid;
	pid_t pid;
	uint32_t failures; /* that count, as of forgets_us */
	bool only_keys;	   /* all of them for want of a key */
	uint32_t knocks;   /* since the last failure of them */
	uint64_t boxed_until_us;
	uint64_t forgets_us; /* the next one counts down from here; not before the box is over */
	uint64_t verify_us;  /* of a throttled uid: its next turn */
};

struct table {
	struct culprit *buckets[BUCKETS];
	struct culprit *oldest, *youngest;
	size_t count, max;
};

struct penalties {
	struct table processes, uids;
	struct hash_seed seed;
	uint32_t after;
};

enum penalty_cause penalty_cause(enum status_code code)
{
	if (code == STATUS_JWT_KEY_UNKNOWN || code == STATUS_JWT_DOMAIN_UNKNOWN)
		return PENALTY_NO_KEY;
	if (code == STATUS_FRAME_MAGIC || code == STATUS_FRAME_HEADER_SIZE || code == STATUS_FRAME_VERSION ||
		code == STATUS_FRAME_RESERVED || code == STATUS_FRAME_BODY_LONG || code == STATUS_FRAME_SHORT ||
		code == STATUS_FRAME_TIMEOUT || code == STATUS_FRAME_CONTENT_TYPE || code == STATUS_FRAME_ACCEPT_TYPE ||
		code == STATUS_FRAME_AUTH_TYPE || code == STATUS_BODY_SYNTAX)
		return PENALTY_FAILURE;
	/* A good token that somebody else came first with: this may be its owner. */
	if (code == STATUS_BIND_SCOPE || code == STATUS_BIND_INSTANCES || code == STATUS_BIND_UNKNOWN ||
		code == STATUS_TOKEN_USED)
		return PENALTY_NONE;
	/* Nor is it the client's fault what the Workload API does not know, or says against us. */
	if (code == STATUS_JWT_UNDECIDED || code == STATUS_JWT_DISAGREE || code == STATUS_JWT_STRANGER)
		return PENALTY_NONE;
	return status_wire(code) == 11 ? PENALTY_FAILURE : PENALTY_NONE;
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

struct status penalty_new(uint32_t after, struct penalties **ret_penalties)
{
	struct penalties *penalties = calloc(1, sizeof(*penalties));
	struct status st;

	ENSURE(penalties != NULL, NO_MEMORY);
	st = hash_seed(&penalties->seed);
	if (st.code != STATUS_OK) {
		free(penalties);
		return st;
	}
	penalties->after = after;
	penalties->processes.max = PENALTY_PROCESSES;
	penalties->uids.max = PENALTY_UIDS;
	*ret_penalties = penalties;
	return OK;
}

void penalty_limit(struct penalties *penalties, uint32_t after)
{
	penalties->after = after;
}

static void age_drop(struct table *table, struct culprit *culprit)
{
	if (culprit->older != NULL)
		culprit->older->younger = culprit->younger;
	else
		table->oldest = culprit->younger;
	if (culprit->younger != NULL)
		culprit->younger->older = culprit->older;
	else
		table->youngest = culprit->older;
}

static void age_put(struct table *table, struct culprit *culprit)
{
	culprit->younger = NULL;
	culprit->older = table->youngest;
	if (table->youngest != NULL)
		table->youngest->younger = culprit;
	else
		table->oldest = culprit;
	table->youngest = culprit;
}

static void culprit_forget(struct table *table, struct culprit *culprit)
{
	struct culprit **link = &table->buckets[culprit->hash % BUCKETS];

	while (*link != culprit)
		link = &(*link)->next;
	*link = culprit->next;
	age_drop(table, culprit);
	table->count--;
	free(culprit);
}

void penalty_free(struct penalties *penalties)
{
	if (penalties == NULL)
		return;
	while (penalties->processes.oldest != NULL)
		culprit_forget(&penalties->processes, penalties->processes.oldest);
	while (penalties->uids.oldest != NULL)
		culprit_forget(&penalties->uids, penalties->uids.oldest);
	free(penalties);
}

static uint64_t process_hash(const struct penalties *penalties, const struct principal_process *process)
{
	const uint64_t words[2] = { process->id, process->start };

	return hash_keyed(&penalties->seed, 0, bytes_of(words, sizeof(words)));
}

static uint64_t uid_hash(const struct penalties *penalties, uid_t uid)
{
	return hash_keyed(&penalties->seed, 1, bytes_of(&uid, sizeof(uid)));
}

static struct culprit *process_find(const struct penalties *penalties, const struct principal_process *process)
{
	struct culprit *culprit;

	if (penalties->processes.count == 0 || !principal_process_known(process))
		return NULL;
	culprit = penalties->processes.buckets[process_hash(penalties, process) % BUCKETS];
	while (culprit != NULL && !principal_process_equal(&culprit->process, process))
		culprit = culprit->next;
	return culprit;
}

static struct culprit *uid_find(const struct penalties *penalties, uid_t uid)
{
	struct culprit *culprit =
		penalties->uids.count == 0 ? NULL : penalties->uids.buckets[uid_hash(penalties, uid) % BUCKETS];

	while (culprit != NULL && culprit->uid != uid)
		culprit = culprit->next;
	return culprit;
}

static struct culprit *culprit_new(struct table *table, uint64_t hash)
{
	struct culprit *culprit = calloc(1, sizeof(*culprit));

	if (culprit == NULL)
		return NULL;
	if (table->count >= table->max)
		culprit_forget(table, table->oldest);
	culprit->hash = hash;
	culprit->only_keys = true;
	culprit->next = table->buckets[hash % BUCKETS];
	table->buckets[hash % BUCKETS] = culprit;
	age_put(table, culprit);
	table->count++;
	return culprit;
}

/* ---- failures --------------------------------------------------------------------------------------------------- */

static bool is_boxed(const struct culprit *culprit, uint64_t now_us)
{
	return now_us < culprit->boxed_until_us;
}

/* What is forgotten by now: `per_minute` of them for every minute that is over. */
static uint32_t failures_now(const struct culprit *culprit, uint32_t per_minute, uint64_t now_us, uint64_t *ret_minutes)
{
	uint64_t forgotten;

	*ret_minutes = now_us <= culprit->forgets_us
			       ? 0
			       : (now_us - culprit->forgets_us) / ((uint64_t)PENALTY_FORGET_S * US_PER_S);
	forgotten = *ret_minutes * per_minute;
	return forgotten >= culprit->failures ? 0 : culprit->failures - (uint32_t)forgotten;
}

/* One more failure, after those of the past are forgotten; no more are remembered than have an effect. */
static void failure_count(
	struct culprit *culprit, uint32_t per_minute, uint32_t most, enum penalty_cause cause, uint64_t now_us)
{
	uint64_t minutes;
	uint32_t failures = failures_now(culprit, per_minute, now_us, &minutes);

	culprit->forgets_us += minutes * PENALTY_FORGET_S * US_PER_S;
	if (failures == 0) {
		culprit->forgets_us = now_us;
		culprit->only_keys = true;
	}
	culprit->failures = failures < most ? failures + 1 : most;
	culprit->only_keys &= cause == PENALTY_NO_KEY;
}

static uint32_t box_length(const struct penalties *penalties, const struct culprit *culprit)
{
	uint32_t doublings = culprit->failures - penalties->after;

	return doublings < DOUBLINGS ? (uint32_t)PENALTY_FIRST_S << doublings : PENALTY_LONGEST_S;
}

/* The youngest of all from now on; NULL: no memory. */
static struct culprit *process_get(struct penalties *penalties, const struct principal *who)
{
	struct culprit *culprit = process_find(penalties, &who->process);

	if (culprit == NULL)
		culprit = culprit_new(&penalties->processes, process_hash(penalties, &who->process));
	if (culprit == NULL)
		return NULL;
	culprit->process = who->process;
	culprit->uid = who->uid;
	culprit->pid = who->pid;
	age_drop(&penalties->processes, culprit);
	age_put(&penalties->processes, culprit);
	return culprit;
}

bool penalty_knock(struct penalties *penalties, const struct principal *who)
{
	struct culprit *culprit = NULL;

	if (!principal_process_known(&who->process))
		return false;
	culprit = process_find(penalties, &who->process);
	/* One knock is no failure: it takes nobody's place in a full table. */
	if (culprit == NULL && penalties->processes.count < penalties->processes.max)
		culprit = process_get(penalties, who);
	if (culprit == NULL || ++culprit->knocks < PENALTY_KNOCKS)
		return false;
	culprit->knocks = 0;
	return true;
}

static struct penalty_news process_fail(
	struct penalties *penalties, const struct principal *who, enum penalty_cause cause, uint64_t now_us)
{
	struct culprit *culprit = process_get(penalties, who);
	struct penalty_news news = { 0 };

	if (culprit == NULL)
		return news;
	failure_count(culprit, 1, penalties->after + DOUBLINGS, cause, now_us);
	news.failures = culprit->failures;
	if (culprit->failures < penalties->after)
		return news;
	news.box_s = box_length(penalties, culprit);
	culprit->boxed_until_us = now_us + (uint64_t)news.box_s * US_PER_S;
	culprit->forgets_us = culprit->boxed_until_us;
	return news;
}

static uint32_t uid_after(const struct penalties *penalties)
{
	return penalties->after * PENALTY_UID_TIMES;
}

static bool is_throttled(const struct penalties *penalties, const struct culprit *culprit, uint64_t now_us)
{
	uint64_t minutes;

	return failures_now(culprit, PENALTY_UID_TIMES, now_us, &minutes) >= uid_after(penalties);
}

/* Is it throttled by this failure?  failures is written in any case. */
static bool uid_fail(struct penalties *penalties, const struct principal *who, enum penalty_cause cause,
	uint64_t now_us, uint32_t *ret_failures)
{
	struct culprit *culprit = uid_find(penalties, who->uid);
	bool was_throttled;

	*ret_failures = 0;
	if (culprit == NULL)
		culprit = culprit_new(&penalties->uids, uid_hash(penalties, who->uid));
	if (culprit == NULL)
		return false;
	culprit->uid = who->uid;
	was_throttled = is_throttled(penalties, culprit, now_us);
	age_drop(&penalties->uids, culprit);
	age_put(&penalties->uids, culprit);
	failure_count(culprit, PENALTY_UID_TIMES, 2 * uid_after(penalties), cause, now_us);
	*ret_failures = culprit->failures;
	return !was_throttled && is_throttled(penalties, culprit, now_us);
}

struct penalty_news penalty_fail(
	struct penalties *penalties, const struct principal *who, enum penalty_cause cause, uint64_t now_us)
{
	struct penalty_news news = { 0 };
	uint32_t of_uid;
	bool throttled;

	if (cause == PENALTY_NONE || penalty_is_boxed(penalties, who, now_us))
		return news;
	if (principal_process_known(&who->process))
		news = process_fail(penalties, who, cause, now_us);
	throttled = uid_fail(penalties, who, cause, now_us, &of_uid);
	news.uid_throttled = throttled;
	if (!principal_process_known(&who->process))
		news.failures = of_uid;
	return news;
}

/* ---- what follows ------------------------------------------------------------------------------------------------ */

bool penalty_is_boxed(const struct penalties *penalties, const struct principal *who, uint64_t now_us)
{
	const struct culprit *culprit = process_find(penalties, &who->process);

	return culprit != NULL && is_boxed(culprit, now_us);
}

bool penalty_may_verify(struct penalties *penalties, uid_t uid, uint64_t now_us)
{
	const uint64_t turn_us = US_PER_S / PENALTY_UID_PER_S, burst_us = (PENALTY_UID_BURST - 1) * turn_us;
	struct culprit *culprit = uid_find(penalties, uid);

	if (culprit == NULL || !is_throttled(penalties, culprit, now_us))
		return true;
	if (culprit->verify_us > now_us + burst_us)
		return false;
	culprit->verify_us = (culprit->verify_us > now_us ? culprit->verify_us : now_us) + turn_us;
	return true;
}

static void keys_forgive(struct table *table)
{
	struct culprit *younger;

	for (struct culprit *culprit = table->oldest; culprit != NULL; culprit = younger) {
		younger = culprit->younger;
		if (culprit->only_keys)
			culprit_forget(table, culprit);
	}
}

void penalty_keys_changed(struct penalties *penalties)
{
	keys_forgive(&penalties->processes);
	keys_forgive(&penalties->uids);
}

/* ---- for administrators -------------------------------------------------------------------------------------------
 */

void penalty_visit(const struct penalties *penalties, uint64_t now_us, penalty_visit_fn *visit, void *context)
{
	for (const struct culprit *culprit = penalties->processes.oldest; culprit != NULL; culprit = culprit->younger)
		if (is_boxed(culprit, now_us))
			visit(context, &(struct penalty_view){ .uid = culprit->uid,
					       .pid = culprit->pid,
					       .failures = culprit->failures,
					       .left_s = (uint32_t)((culprit->boxed_until_us - now_us + US_PER_S - 1) /
								    US_PER_S) });
	for (const struct culprit *culprit = penalties->uids.oldest; culprit != NULL; culprit = culprit->younger)
		if (is_throttled(penalties, culprit, now_us))
			visit(context, &(struct penalty_view){
					       .uid = culprit->uid, .is_uid = true, .failures = culprit->failures });
}

static size_t uid_forgive(struct table *table, uid_t uid)
{
	struct culprit *younger;
	size_t count = 0;

	for (struct culprit *culprit = table->oldest; culprit != NULL; culprit = younger) {
		younger = culprit->younger;
		if (culprit->uid != uid)
			continue;
		culprit_forget(table, culprit);
		count++;
	}
	return count;
}

size_t penalty_forgive(struct penalties *penalties, uid_t uid)
{
	return uid_forgive(&penalties->processes, uid) + uid_forgive(&penalties->uids, uid);
}
