/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/share.h"

#include <stdlib.h>

#include "base/hash.h"

enum { BUCKETS = 1024 };

struct share_process {
	struct share_process *next;	       /* of the bucket */
	struct share_process *before, *behind; /* of the uid */
	struct share_uid *uid;
	struct principal_process process;
	struct share_seat *longest, *shortest; /* quiet */
	size_t count;
};

struct share_uid {
	struct share_uid *next;		   /* of the bucket */
	struct share_uid *before, *behind; /* of all */
	struct shares *shares;
	uid_t uid;
	struct share_process *processes;
	size_t count, quiet;
};

struct shares {
	struct hash_seed seed;
	struct share_process *processes[BUCKETS];
	struct share_uid *uids[BUCKETS];
	struct share_uid *all;
	size_t count, max, uid_max;
	uint64_t moments; /* at which a place became quiet */
};

struct status shares_new(struct shares **ret_shares)
{
	struct shares *shares = calloc(1, sizeof(*shares));
	struct status st;

	ENSURE(shares != NULL, NO_MEMORY);
	st = hash_seed(&shares->seed);
	if (st.code != STATUS_OK) {
		free(shares);
		return st;
	}
	*ret_shares = shares;
	return OK;
}

void shares_limit(struct shares *shares, size_t all, size_t uid)
{
	shares->max = all;
	shares->uid_max = uid;
}

/* ---- who there is ----------------------------------------------------------------------------------------------- */

static struct share_uid **uid_bucket(struct shares *shares, uid_t uid)
{
	return &shares->uids[hash_keyed(&shares->seed, 0, bytes_of(&uid, sizeof(uid))) % BUCKETS];
}

static struct share_process **process_bucket(struct shares *shares, uid_t uid, const struct principal_process *process)
{
	const uint64_t words[3] = { process->id, process->start, uid };

	return &shares->processes[hash_keyed(&shares->seed, 1, bytes_of(words, sizeof(words))) % BUCKETS];
}

static struct share_uid *uid_get(struct shares *shares, uid_t uid)
{
	struct share_uid **bucket = uid_bucket(shares, uid);
	struct share_uid *of = *bucket;

	while (of != NULL && of->uid != uid)
		of = of->next;
	if (of != NULL)
		return of;
	of = calloc(1, sizeof(*of));
	if (of == NULL)
		return NULL;
	of->uid = uid;
	of->shares = shares;
	of->next = *bucket;
	*bucket = of;
	of->behind = shares->all;
	if (shares->all != NULL)
		shares->all->before = of;
	shares->all = of;
	return of;
}

static void uid_drop(struct shares *shares, struct share_uid *of)
{
	struct share_uid **link = uid_bucket(shares, of->uid);

	if (of->processes != NULL)
		return;
	while (*link != of)
		link = &(*link)->next;
	*link = of->next;
	if (of->before != NULL)
		of->before->behind = of->behind;
	else
		shares->all = of->behind;
	if (of->behind != NULL)
		of->behind->before = of->before;
	free(of);
}

static struct share_process *process_get(
	struct shares *shares, struct share_uid *uid, const struct principal_process *process)
{
	struct share_process **bucket = process_bucket(shares, uid->uid, process);
	struct share_process *of = *bucket;

	/* Those that are not known are one. */
	while (of != NULL && !(of->uid == uid && of->process.id == process->id && of->process.start == process->start))
		of = of->next;
	if (of != NULL)
		return of;
	of = calloc(1, sizeof(*of));
	if (of == NULL)
		return NULL;
	of->uid = uid;
	of->process = *process;
	of->next = *bucket;
	*bucket = of;
	of->behind = uid->processes;
	if (uid->processes != NULL)
		uid->processes->before = of;
	uid->processes = of;
	return of;
}

static void process_drop(struct shares *shares, struct share_process *of)
{
	struct share_uid *uid = of->uid;
	struct share_process **link = process_bucket(shares, uid->uid, &of->process);

	if (of->count > 0)
		return;
	while (*link != of)
		link = &(*link)->next;
	*link = of->next;
	if (of->before != NULL)
		of->before->behind = of->behind;
	else
		uid->processes = of->behind;
	if (of->behind != NULL)
		of->behind->before = of->before;
	free(of);
	uid_drop(shares, uid);
}

void shares_free(struct shares *shares)
{
	if (shares == NULL)
		return;
	while (shares->all != NULL) {
		struct share_process *last = shares->all->processes;

		last->count = 0;
		process_drop(shares, last);
	}
	free(shares);
}

/* ---- who has most ----------------------------------------------------------------------------------------------- */

/* Of those with a connection that could leave; NULL: nobody has one. */
static struct share_uid *largest_uid(const struct shares *shares)
{
	struct share_uid *largest = NULL;

	for (struct share_uid *of = shares->all; of != NULL; of = of->behind)
		if (of->quiet > 0 && (largest == NULL || of->count > largest->count))
			largest = of;
	return largest;
}

/* Of processes with as many the one whose oldest has been quiet longest: not who came just now. */
static bool leaves_before(const struct share_process *of, const struct share_process *other)
{
	return of->count > other->count || (of->count == other->count && of->longest->since < other->longest->since);
}

static struct share_process *largest_process(const struct share_uid *uid)
{
	struct share_process *largest = NULL;

	for (struct share_process *of = uid->processes; of != NULL; of = of->behind)
		if (of->longest != NULL && (largest == NULL || leaves_before(of, largest)))
			largest = of;
	return largest;
}

struct share_seat *share_first_to_leave(const struct shares *shares)
{
	const struct share_uid *uid = largest_uid(shares);

	return uid != NULL ? largest_process(uid)->longest : NULL;
}

/* The one whose place a further connection of `mine` may have; NULL: none. */
static struct share_seat *leaves_for(const struct shares *shares, const struct share_process *mine, bool own)
{
	const struct share_uid *uid = mine->uid;
	const struct share_process *of;

	if (uid->count < shares->uid_max) {
		const struct share_uid *other = largest_uid(shares);

		if (other != NULL && other->count > uid->count)
			uid = other;
	}
	of = largest_process(uid);
	if (of == NULL)
		return NULL;
	if (uid != mine->uid || of->count > mine->count)
		return of->longest;
	return own || !principal_process_known(&mine->process) ? mine->longest : NULL;
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static struct status take(struct shares *shares, const struct principal *who, bool own, struct share_seat *seat,
	struct share_seat **ret_leaves)
{
	struct share_uid *uid = uid_get(shares, who->uid);
	struct share_process *process = uid != NULL ? process_get(shares, uid, &who->process) : NULL;
	struct share_seat *leaves = NULL;

	if (uid != NULL && process == NULL)
		uid_drop(shares, uid);
	ENSURE(process != NULL, NO_MEMORY);
	if (uid->count >= shares->uid_max || shares->count >= shares->max) {
		leaves = leaves_for(shares, process, own);
		if (leaves == NULL)
			process_drop(shares, process);
		ENSURE(leaves != NULL, QUEUE_FULL);
	}
	*seat = (struct share_seat){ .of = process };
	process->count++;
	uid->count++;
	shares->count++;
	share_quiet(seat);
	*ret_leaves = leaves;
	return OK;
}

struct status share_take(
	struct shares *shares, const struct principal *who, struct share_seat *seat, struct share_seat **ret_leaves)
{
	return take(shares, who, false, seat, ret_leaves);
}

struct status share_take_own(
	struct shares *shares, const struct principal *who, struct share_seat *seat, struct share_seat **ret_leaves)
{
	return take(shares, who, true, seat, ret_leaves);
}

void share_leave(struct shares *shares, struct share_seat *seat)
{
	struct share_process *process = seat->of;

	if (process == NULL)
		return;
	share_busy(seat);
	process->count--;
	process->uid->count--;
	shares->count--;
	*seat = (struct share_seat){ 0 };
	process_drop(shares, process);
}

void share_busy(struct share_seat *seat)
{
	if (!seat->is_quiet)
		return;
	if (seat->longer != NULL)
		seat->longer->shorter = seat->shorter;
	else
		seat->of->longest = seat->shorter;
	if (seat->shorter != NULL)
		seat->shorter->longer = seat->longer;
	else
		seat->of->shortest = seat->longer;
	seat->longer = seat->shorter = NULL;
	seat->is_quiet = false;
	seat->of->uid->quiet--;
}

void share_quiet(struct share_seat *seat)
{
	struct share_process *of = seat->of;

	if (of == NULL || seat->is_quiet)
		return;
	seat->longer = of->shortest;
	if (of->shortest != NULL)
		of->shortest->shorter = seat;
	else
		of->longest = seat;
	of->shortest = seat;
	seat->is_quiet = true;
	seat->since = ++of->uid->shares->moments;
	of->uid->quiet++;
}
