/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/quota_keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

struct quota_batch {
	struct durable_job job;
	struct quota_batch *next;
	struct quota_keep *keep; /* borrowed */
	struct fact_change changes[QUOTA_KEEP_BATCH];
	uint8_t *ids[QUOTA_KEEP_BATCH]; /* owned */
	uint8_t values[QUOTA_KEEP_BATCH][QUOTA_VALUE_BYTES];
	size_t count;
};

static void batch_free(struct quota_batch *batch)
{
	if (batch == NULL)
		return;
	for (size_t i = 0; i < batch->count; i++)
		free(batch->ids[i]);
	free(batch);
}

/* False: no memory for it. */
static bool change_take(struct quota_batch *batch, struct quota *quota)
{
	size_t i = batch->count;
	struct fact_change *change = &batch->changes[i];

	if (!quota_changed(quota, batch->values[i], &change->fact, &change->is_out))
		return true;
	batch->ids[i] = malloc(change->fact.id.len);
	if (batch->ids[i] == NULL)
		return false;
	memcpy(batch->ids[i], change->fact.id.data, change->fact.id.len);
	change->fact.id.data = batch->ids[i];
	batch->count++;
	return true;
}

static void batch_done(struct post *post);

static void batch_submit(struct quota_keep *keep)
{
	struct quota_batch *batch = calloc(1, sizeof(*batch));
	size_t wanted = keep->left < QUOTA_KEEP_BATCH ? keep->left : QUOTA_KEEP_BATCH;
	bool is_short = batch == NULL;

	for (size_t i = 0; i < wanted && !is_short; i++)
		is_short = !change_take(batch, keep->quota);
	if (is_short) {
		quota_keep_again(keep->quota); /* in the next round */
		keep->left = 0;
	} else {
		keep->left -= wanted;
	}
	if (batch == NULL)
		return;
	batch->keep = keep;
	batch->next = keep->batches;
	keep->batches = batch;
	batch->job = (struct durable_job){
		.kind = DURABLE_FACTS, .changes = batch->changes, .change_count = batch->count, .post.done = batch_done
	};
	durable_submit(keep->durable, &batch->job);
}

static void batch_done(struct post *post)
{
	static struct log_limit limit = { .burst = 1 };
	struct quota_batch *batch = (struct quota_batch *)((char *)post - offsetof(struct quota_batch, job.post));
	struct quota_keep *keep = batch->keep;
	struct quota_batch **link = &keep->batches;
	enum status_code result = batch->job.result;

	while (*link != batch)
		link = &(*link)->next;
	*link = batch->next;
	batch_free(batch);
	if (result != STATUS_OK) {
		if (log_allowed(&limit))
			log_warning("the day's counts of quotas could not be stored (%s): a crash would lose them",
				status_name(result));
		quota_keep_again(keep->quota);
		keep->left = 0;
	} else if (keep->left > 0) {
		batch_submit(keep);
	}
}

void quota_keep_second(struct quota_keep *keep, uint64_t now_us)
{
	if (keep->batches != NULL || now_us < keep->next_us)
		return;
	keep->next_us = now_us + (uint64_t)QUOTA_KEEP_S * US_PER_S;
	keep->left = quota_changed_count(keep->quota);
	if (keep->left > 0)
		batch_submit(keep);
}

void quota_keep_stop(struct quota_keep *keep)
{
	if (keep->durable == NULL)
		return;
	keep->left = quota_changed_count(keep->quota);
	while (keep->left > 0)
		batch_submit(keep);
}

void quota_keep_done(struct quota_keep *keep)
{
	while (keep->batches != NULL) {
		struct quota_batch *batch = keep->batches;

		keep->batches = batch->next;
		batch_free(batch);
	}
}
