/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keyfact.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Read at the start, before the keys are. */
struct loaded {
	struct keystore_id key;
	enum fact_kind kind;
	int64_t time_s;
	bool is_met; /* its key is there */
};

/* Uses on their way into the store, or facts on their way out. */
struct use_batch {
	struct durable_job job;
	struct use_batch *next;
	struct keyfacts *facts; /* borrowed */
	struct fact_change changes[KEYFACT_BATCH];
	struct keystore_id keys[KEYFACT_BATCH];
	uint8_t values[KEYFACT_BATCH][KEYFACT_TIME_BYTES];
};

struct keyfacts {
	struct keyindex *index;	 /* borrowed */
	struct durable *durable; /* borrowed; NULL while loading */
	struct loaded *loaded;	 /* owned, until the start is over */
	size_t count, room;
	bool is_sorted;
	struct use_batch *batches; /* under way; at a stop there may be several */
};

struct status keyfacts_new(struct keyindex *index, struct keyfacts **ret_facts)
{
	struct keyfacts *facts = calloc(1, sizeof(*facts));

	ENSURE(facts != NULL, NO_MEMORY);
	facts->index = index;
	*ret_facts = facts;
	return OK;
}

void keyfacts_free(struct keyfacts *facts)
{
	if (facts == NULL)
		return;
	while (facts->batches != NULL) {
		struct use_batch *batch = facts->batches;

		facts->batches = batch->next;
		free(batch);
	}
	free(facts->loaded);
	free(facts);
}

void keyfact_time_put(uint8_t value[KEYFACT_TIME_BYTES], int64_t time_s)
{
	struct buf to = { .data = value, .room = KEYFACT_TIME_BYTES, .max_bytes = KEYFACT_TIME_BYTES };

	buf_put_u64(&to, (uint64_t)time_s);
}

struct status keyfact_time_get(struct bytes value, int64_t *ret_time_s)
{
	struct reader r = reader_of(value);
	uint64_t time_s = reader_u64(&r);

	ENSURE(reader_done(&r) && time_s <= INT64_MAX, RECORD_CORRUPT);
	*ret_time_s = (int64_t)time_s;
	return OK;
}

/* ---- at the start ------------------------------------------------------------------------------- */

static struct status make_room(struct keyfacts *facts)
{
	size_t wanted = facts->room > 0 ? facts->room * 2 : 64;
	struct loaded *more;

	if (facts->count < facts->room)
		return OK;
	more = calloc(wanted, sizeof(*more));
	ENSURE(more != NULL, NO_MEMORY);
	if (facts->count > 0)
		memcpy(more, facts->loaded, facts->count * sizeof(*more));
	free(facts->loaded);
	facts->loaded = more;
	facts->room = wanted;
	return OK;
}

struct status keyfacts_load(struct keyfacts *facts, const struct fact *fact)
{
	struct loaded loaded = { .kind = fact->kind };

	ENSURE(fact->id.len == KEYSTORE_ID_BYTES, RECORD_CORRUPT);
	memcpy(loaded.key.bytes, fact->id.data, KEYSTORE_ID_BYTES);
	TRY(keyfact_time_get(fact->value, &loaded.time_s));
	TRY(make_room(facts));
	facts->loaded[facts->count++] = loaded;
	facts->is_sorted = false;
	return OK;
}

static int loaded_order(const void *a, const void *b)
{
	const struct loaded *x = a, *y = b;
	int order = memcmp(x->key.bytes, y->key.bytes, KEYSTORE_ID_BYTES);

	return order != 0 ? order : (x->kind > y->kind) - (x->kind < y->kind);
}

static struct loaded *loaded_find(struct keyfacts *facts, const struct keystore_id *key, enum fact_kind kind)
{
	struct loaded wanted = { .key = *key, .kind = kind };

	if (facts->count == 0)
		return NULL;
	if (!facts->is_sorted)
		qsort(facts->loaded, facts->count, sizeof(wanted), loaded_order);
	facts->is_sorted = true;
	return bsearch(&wanted, facts->loaded, facts->count, sizeof(wanted), loaded_order);
}

void keyfacts_apply(struct keyfacts *facts, struct keyindex_entry *entry)
{
	struct loaded *use = loaded_find(facts, &entry->record->id, FACT_KEY_USE);
	struct loaded *suspended = loaded_find(facts, &entry->record->id, FACT_KEY_SUSPENDED);

	if (use != NULL) {
		use->is_met = true;
		entry->used_s = use->time_s;
	}
	if (suspended != NULL) {
		suspended->is_met = true;
		entry->is_suspended = true;
	}
}

/* ---- into the store ----------------------------------------------------------------------------- */

static void batch_done(struct post *post)
{
	struct use_batch *batch = (struct use_batch *)((char *)post - offsetof(struct use_batch, job.post));
	struct use_batch **link = &batch->facts->batches;
	static struct log_limit limit = { .burst = 1 };

	if (batch->job.result != STATUS_OK && log_allowed(&limit))
		log_warning("when keys were last used could not be stored now (%s); it is known until the stop",
			status_name(batch->job.result));
	while (*link != batch)
		link = &(*link)->next;
	*link = batch->next;
	free(batch);
}

/* NULL: memory is short. */
static struct use_batch *batch_new(struct keyfacts *facts)
{
	struct use_batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		return NULL;
	batch->facts = facts;
	batch->job.kind = DURABLE_FACTS;
	batch->job.changes = batch->changes;
	batch->job.post.done = batch_done;
	return batch;
}

static void batch_add(
	struct use_batch *batch, const struct keystore_id *key, enum fact_kind kind, int64_t time_s, bool is_out)
{
	size_t i = batch->job.change_count++;

	batch->keys[i] = *key;
	keyfact_time_put(batch->values[i], time_s);
	batch->changes[i] = (struct fact_change){ .fact = { .kind = kind,
							  .id = bytes_of(batch->keys[i].bytes, KEYSTORE_ID_BYTES),
							  .value = bytes_of(batch->values[i], KEYFACT_TIME_BYTES) },
		.is_out = is_out };
}

static void batch_submit(struct keyfacts *facts, struct use_batch *batch)
{
	if (batch->job.change_count == 0) {
		free(batch);
		return;
	}
	batch->next = facts->batches;
	facts->batches = batch;
	durable_submit(facts->durable, &batch->job);
}

/* The uses noted up to until_us, at most a batch of them; false when nothing was left. */
static bool store_uses(struct keyfacts *facts, uint64_t until_us)
{
	struct use_batch *batch = batch_new(facts);
	struct keyindex_entry *entry;
	size_t count;

	if (batch == NULL)
		return false;
	while (batch->job.change_count < KEYFACT_BATCH && (entry = keyindex_used_take(facts->index, until_us)) != NULL)
		if (entry->record != NULL)
			batch_add(batch, &entry->record->id, FACT_KEY_USE, entry->used_s, false);
	count = batch->job.change_count;
	batch_submit(facts, batch);
	return count == KEYFACT_BATCH;
}

void keyfacts_begin(struct keyfacts *facts, struct durable *durable)
{
	struct use_batch *batch = NULL;

	facts->durable = durable;
	for (size_t i = 0; i < facts->count; i++) {
		if (facts->loaded[i].is_met)
			continue;
		if (batch == NULL && (batch = batch_new(facts)) == NULL)
			break;
		batch_add(batch, &facts->loaded[i].key, facts->loaded[i].kind, 0, true);
		if (batch->job.change_count == KEYFACT_BATCH) {
			batch_submit(facts, batch);
			batch = NULL;
		}
	}
	if (batch != NULL)
		batch_submit(facts, batch);
	free(facts->loaded);
	facts->loaded = NULL;
	facts->count = facts->room = 0;
}

void keyfacts_second(struct keyfacts *facts, uint64_t now_us)
{
	const uint64_t age_us = KEYFACT_AFTER_S * (uint64_t)US_PER_S;

	if (facts->batches == NULL && now_us > age_us)
		(void)store_uses(facts, now_us - age_us);
}

void keyfacts_stop(struct keyfacts *facts)
{
	if (facts == NULL || facts->durable == NULL)
		return;
	while (store_uses(facts, UINT64_MAX))
		continue;
}
