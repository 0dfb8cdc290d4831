/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/quota.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { BUCKETS = 4096, ID_MAX = KEYSTORE_FACT_ID_MAX, NS_PER_US = 1000, DAY_S = 86400 };
#define NS_PER_S UINT64_C(1000000000)

struct quota_use {
	struct quota_use *next; /* of the bucket; of those gone */
	struct quota_use *changed_next;
	size_t at; /* in quota->uses */
	uint64_t hash;
	struct bytes id; /* the encoded namespace; owned, behind the use */
	struct config_quota limits;
	/* Buckets as the moment at which they will be empty again: what is used moves it by its share of a second, so
	 * that entries with different limits can share one. */
	uint64_t rate_empty_ns, bytes_empty_ns; /* monotonic */
	uint32_t in_flight;
	bool has_changed; /* since quota_changed() */
	bool is_kept;	  /* a fact of it may be in the store */
	int64_t day;
	uint64_t requests; /* of the day */
	struct quota *quota;
};

struct quota {
	struct quota_use *buckets[BUCKETS];
	struct quota_use **uses; /* all, in no order */
	size_t count, room, max, hand;
	struct quota_use *changed, **changed_tail; /* chained by changed_next, oldest first */
	size_t changed_count, gone_count;
	struct quota_use *gone;	  /* forgotten, and their facts to be deleted */
	struct quota_use *handed; /* gone, and handed out by the last quota_changed() */
	struct hash_seed seed;	  /* names may be the clients' choice */
};

/* ---- the table ------------------------------------------------------------------------------------------------- */

struct status quota_new(size_t max, struct quota **ret_quota)
{
	struct quota *quota = calloc(1, sizeof(*quota));
	struct status st;

	ENSURE(quota != NULL, NO_MEMORY);
	quota->max = max;
	quota->changed_tail = &quota->changed;
	st = hash_seed(&quota->seed);
	if (st.code != STATUS_OK) {
		free(quota);
		return st;
	}
	*ret_quota = quota;
	return OK;
}

static void chain_free(struct quota_use *use)
{
	while (use != NULL) {
		struct quota_use *next = use->next;

		free(use);
		use = next;
	}
}

void quota_free(struct quota *quota)
{
	if (quota == NULL)
		return;
	for (size_t i = 0; i < quota->count; i++)
		free(quota->uses[i]);
	chain_free(quota->gone);
	free(quota->handed);
	free(quota->uses);
	free(quota);
}

static struct quota_use *use_find(const struct quota *quota, uint64_t hash, struct bytes id)
{
	struct quota_use *use = quota->buckets[hash % BUCKETS];

	while (use != NULL && !(use->hash == hash && bytes_equal(use->id, id)))
		use = use->next;
	return use;
}

static int64_t day_of(const struct quota_time *now)
{
	int64_t day = now->wall_s / DAY_S;

	return now->wall_s % DAY_S < 0 ? day - 1 : day;
}

/* As if it had never asked for anything. */
static bool counts_nothing(const struct quota_use *use, const struct quota_time *now)
{
	uint64_t now_ns = now->mono_us * NS_PER_US;

	return use->in_flight == 0 && use->rate_empty_ns <= now_ns && use->bytes_empty_ns <= now_ns &&
	       (use->requests == 0 || use->day < day_of(now));
}

static void changed_drop(struct quota *quota, struct quota_use *use)
{
	struct quota_use **link = &quota->changed;

	while (*link != use)
		link = &(*link)->changed_next;
	*link = use->changed_next;
	if (quota->changed_tail == &use->changed_next)
		quota->changed_tail = link;
	quota->changed_count--;
	use->has_changed = false;
}

static void forget(struct quota *quota, struct quota_use *use)
{
	struct quota_use **link = &quota->buckets[use->hash % BUCKETS];

	while (*link != use)
		link = &(*link)->next;
	*link = use->next;
	quota->uses[use->at] = quota->uses[--quota->count];
	quota->uses[use->at]->at = use->at;
	if (use->has_changed)
		changed_drop(quota, use);
	if (!use->is_kept) {
		free(use);
		return;
	}
	use->next = quota->gone;
	quota->gone = use;
	quota->gone_count++;
}

void quota_second(struct quota *quota, const struct quota_time *now)
{
	for (size_t i = 0; i < QUOTA_SWEEP && quota->count > 0; i++) {
		if (quota->hand >= quota->count)
			quota->hand = 0;
		if (counts_nothing(quota->uses[quota->hand], now))
			forget(quota, quota->uses[quota->hand]);
		else
			quota->hand++;
	}
}

static struct status room_make(struct quota *quota)
{
	size_t wanted = quota->room == 0 ? 64 : quota->room * 2;
	struct quota_use **uses;

	if (quota->count < quota->room)
		return OK;
	uses = reallocarray(quota->uses, wanted, sizeof(struct quota_use *));
	ENSURE(uses != NULL, NO_MEMORY);
	quota->uses = uses;
	quota->room = wanted;
	return OK;
}

static struct status use_new(struct quota *quota, uint64_t hash, struct bytes id, struct quota_use **ret_use)
{
	struct quota_use *use;

	ENSURE(quota->count < quota->max, QUOTA_TENANTS);
	TRY(room_make(quota));
	use = calloc(1, sizeof(*use) + id.len);
	ENSURE(use != NULL, NO_MEMORY);
	memcpy(use + 1, id.data, id.len);
	use->id = bytes_of(use + 1, id.len);
	use->hash = hash;
	use->quota = quota;
	use->next = quota->buckets[hash % BUCKETS];
	quota->buckets[hash % BUCKETS] = use;
	use->at = quota->count;
	quota->uses[quota->count++] = use;
	*ret_use = use;
	return OK;
}

/* The tenant of a namespace, encoded into `raw`, behind `id`. */
static struct status id_put(const struct namespace_name *space, uint8_t raw[ID_MAX], struct buf *id)
{
	struct namespace_name tenant = *space;

	*id = (struct buf){ .data = raw, .room = ID_MAX, .max_bytes = ID_MAX };
	tenant.identity = (struct bytes){ 0 };
	namespace_name_put(id, &tenant);
	return buf_check(id);
}

static struct status use_get(struct quota *quota, const struct namespace_name *space, const struct quota_time *now,
	struct quota_use **ret_use)
{
	uint8_t raw[ID_MAX];
	struct buf id;
	uint64_t hash;

	TRY(id_put(space, raw, &id));
	hash = hash_keyed(&quota->seed, 0, buf_bytes(&id));
	*ret_use = use_find(quota, hash, buf_bytes(&id));
	if (*ret_use != NULL)
		return OK;
	if (quota->count >= quota->max)
		quota_second(quota, now);
	return use_new(quota, hash, buf_bytes(&id), ret_use);
}

/* ---- counting --------------------------------------------------------------------------------------------------- */

/* The share of a second that `amount` is, in nanoseconds, rounded up.  Amounts are below 2^32 and limits at least 1. */
static uint64_t share_ns(uint64_t amount, uint32_t per_s)
{
	return (amount * NS_PER_S + per_s - 1) / per_s;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A day begins; one that is over already does not come back. */
static void day_turn(struct quota_use *use, int64_t day)
{
	if (day <= use->day)
		return;
	use->day = day;
	use->requests = 0;
}

static struct status may_enter(const struct quota_use *use, const struct config_quota *limits, uint64_t now_ns)
{
	uint32_t per_s = limits->requests.per_s;

	ENSURE(limits->in_flight == CONFIG_UNSET || use->in_flight < limits->in_flight, QUOTA_IN_FLIGHT);
	ENSURE(limits->requests.per_d == 0 || use->requests < limits->requests.per_d, QUOTA_DAY);
	/* a second's worth of whole requests */
	ENSURE(per_s == 0 ||
			later(use->rate_empty_ns, now_ns) - now_ns + share_ns(1, per_s) <= per_s * share_ns(1, per_s),
		QUOTA_RATE);
	/* a request of any size, once no more than a second's worth was used */
	ENSURE(limits->bytes_per_s == CONFIG_UNSET || later(use->bytes_empty_ns, now_ns) - now_ns < NS_PER_S,
		QUOTA_BYTES);
	return OK;
}

static void bytes_use(struct quota_use *use, const struct config_quota *limits, size_t bytes, uint64_t now_ns)
{
	if (limits->bytes_per_s != CONFIG_UNSET)
		use->bytes_empty_ns = later(use->bytes_empty_ns, now_ns) + share_ns(bytes, limits->bytes_per_s);
}

static void note_change(struct quota_use *use)
{
	if (use->has_changed)
		return;
	use->has_changed = true;
	use->changed_next = NULL;
	*use->quota->changed_tail = use;
	use->quota->changed_tail = &use->changed_next;
	use->quota->changed_count++;
}

struct status quota_enter(struct quota *quota, const struct namespace_name *space, const struct config_quota *limits,
	size_t bytes, const struct quota_time *now, struct quota_use **ret_use)
{
	uint64_t now_ns = now->mono_us * NS_PER_US;
	struct quota_use *use;

	*ret_use = NULL;
	if (limits->requests.per_s == 0 && limits->requests.per_d == 0 && limits->in_flight == CONFIG_UNSET &&
		limits->bytes_per_s == CONFIG_UNSET)
		return OK;
	TRY(use_get(quota, space, now, &use));
	day_turn(use, day_of(now));
	use->limits = *limits;
	TRY(may_enter(use, limits, now_ns));

	use->in_flight++;
	if (limits->requests.per_s != 0)
		use->rate_empty_ns = later(use->rate_empty_ns, now_ns) + share_ns(1, limits->requests.per_s);
	if (limits->requests.per_d != 0) {
		use->requests++;
		note_change(use);
	}
	bytes_use(use, limits, bytes, now_ns);
	*ret_use = use;
	return OK;
}

void quota_leave(struct quota_use *use, const struct config_quota *limits, size_t bytes, const struct quota_time *now)
{
	if (use == NULL)
		return;
	use->in_flight--;
	bytes_use(use, limits, bytes, now->mono_us * NS_PER_US);
}

/* ---- what is kept ----------------------------------------------------------------------------------------------- */

/* Of those that are gone first: one of the same name may have come anew. */
bool quota_changed(struct quota *quota, uint8_t value[QUOTA_VALUE_BYTES], struct fact *ret_fact, bool *ret_is_out)
{
	struct buf to = { .data = value, .room = QUOTA_VALUE_BYTES, .max_bytes = QUOTA_VALUE_BYTES };
	struct quota_use *use = quota->gone;

	free(quota->handed);
	quota->handed = use;
	*ret_is_out = use != NULL;
	if (use != NULL) {
		quota->gone = use->next;
		quota->gone_count--;
		*ret_fact = (struct fact){ .kind = FACT_QUOTA, .id = use->id };
		return true;
	}
	use = quota->changed;
	if (use == NULL)
		return false;
	changed_drop(quota, use);
	use->is_kept = true;
	buf_put_u64(&to, (uint64_t)use->day);
	buf_put_u64(&to, use->requests);
	*ret_fact = (struct fact){ .kind = FACT_QUOTA, .id = use->id, .value = buf_bytes(&to) };
	return true;
}

size_t quota_changed_count(const struct quota *quota)
{
	return quota->gone_count + quota->changed_count;
}

void quota_keep_again(struct quota *quota)
{
	for (size_t i = 0; i < quota->count; i++)
		if (quota->uses[i]->requests > 0)
			note_change(quota->uses[i]);
}

struct status quota_restore(struct quota *quota, const struct fact *fact)
{
	struct reader id = reader_of(fact->id), value = reader_of(fact->value);
	struct namespace_name tenant;
	struct quota_use *use;
	int64_t day = (int64_t)reader_u64(&value);
	uint64_t requests = reader_u64(&value), hash = hash_keyed(&quota->seed, 0, fact->id);

	ENSURE(reader_done(&value), RECORD_CORRUPT);
	ENSURE(namespace_name_get(&id, &tenant).code == STATUS_OK && reader_done(&id), RECORD_CORRUPT);
	ENSURE(use_find(quota, hash, fact->id) == NULL, RECORD_CORRUPT);
	TRY(use_new(quota, hash, fact->id, &use));
	use->limits = (struct config_quota){ CONFIG_UNSET, { 0 }, CONFIG_UNSET, CONFIG_UNSET };
	use->day = day;
	use->requests = requests;
	use->is_kept = true;
	return OK;
}

/* ---- for administrators ------------------------------------------------------------------------------------------ */

/* What of a second's worth is used, in units of which a second has `per_s`, rounded up. */
static uint64_t used_of(uint64_t empty_ns, uint64_t now_ns, uint32_t per_s)
{
	uint64_t left_ns = later(empty_ns, now_ns) - now_ns;

	if (per_s == 0 || per_s == CONFIG_UNSET)
		return 0;
	return left_ns / NS_PER_S * per_s + (left_ns % NS_PER_S * per_s + NS_PER_S - 1) / NS_PER_S;
}

void quota_visit(const struct quota *quota, const struct quota_time *now, quota_visit_fn *visit, void *context)
{
	uint64_t now_ns = now->mono_us * NS_PER_US;

	for (size_t i = 0; i < quota->count; i++) {
		const struct quota_use *use = quota->uses[i];
		struct quota_view view = { .limits = use->limits,
			.in_flight = use->in_flight,
			.day = use->day,
			.requests = use->requests,
			.requests_second = used_of(use->rate_empty_ns, now_ns, use->limits.requests.per_s),
			.bytes_second = used_of(use->bytes_empty_ns, now_ns, use->limits.bytes_per_s) };
		struct reader id = reader_of(use->id);

		if (namespace_name_get(&id, &view.tenant).code == STATUS_OK)
			visit(context, &view);
	}
}

bool quota_remembers(const struct quota *quota, const struct namespace_name *space)
{
	uint8_t raw[ID_MAX];
	struct buf id;

	return id_put(space, raw, &id).code == STATUS_OK &&
	       use_find(quota, hash_keyed(&quota->seed, 0, buf_bytes(&id)), buf_bytes(&id)) != NULL;
}
