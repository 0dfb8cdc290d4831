/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/count.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct row {
	uid_t uid;
	const char *op; /* static text; NULL none */
	enum status_code code;
	uint64_t count;
	bool has_hash, has_uid;
	uint8_t hash[AUDIT_HASH_BYTES];
};

struct counts {
	struct durable *durable; /* borrowed */
	const char *boot;	 /* borrowed */
	struct row rows[COUNT_ROWS];
	size_t used;
	struct row others; /* when the table is full */
};

/* A line under way. */
struct count_line {
	struct durable_job job;
};

struct status audit_counts_new(struct durable *durable, const char *boot, struct counts **ret_counts)
{
	struct counts *counts = calloc(1, sizeof(*counts));

	ENSURE(counts != NULL, NO_MEMORY);
	counts->durable = durable;
	counts->boot = boot;
	*ret_counts = counts;
	return OK;
}

void audit_counts_free(struct counts *counts)
{
	free(counts);
}

static struct row *row_for(struct counts *counts, uid_t uid, const char *op, enum status_code code)
{
	struct row *row;

	for (size_t i = 0; i < counts->used; i++) {
		row = &counts->rows[i];
		if (row->uid == uid && row->op == op && row->code == code)
			return row;
	}
	if (counts->used == COUNT_ROWS)
		return &counts->others;
	row = &counts->rows[counts->used++];
	*row = (struct row){ .uid = uid, .op = op, .code = code, .has_uid = true };
	return row;
}

void audit_count(struct counts *counts, uid_t uid, const char *op, enum status_code code, const uint8_t *token_hash)
{
	struct row *row = row_for(counts, uid, op, code);

	row->count++;
	if (token_hash == NULL || row->has_hash)
		return;
	memcpy(row->hash, token_hash, sizeof(row->hash));
	row->has_hash = true;
}

static void line_done(struct post *post)
{
	struct count_line *line = (struct count_line *)((char *)post - offsetof(struct count_line, job.post));

	buf_done(&line->job.line);
	free(line);
}

static void hand_over(struct counts *counts, const struct row *row)
{
	struct audit_record record = audit_record_of(clock_wall_us());
	struct count_line *line = calloc(1, sizeof(*line));

	if (line == NULL)
		return; /* a count is the one thing that may be lost when memory is */
	record.event = "count";
	record.has_peer = row->has_uid;
	record.uid = row->uid;
	record.op = row->op;
	if (row->has_uid) {
		record.status = status_name(row->code);
		record.wire = status_wire(row->code);
	} else {
		record.detail = "more principals or reasons in this second than are told apart";
	}
	record.token_hash = row->has_hash ? row->hash : NULL;
	record.count = (int64_t)row->count;
	line->job =
		(struct durable_job){ .kind = DURABLE_LINE, .line = buf_make(AUDIT_LINE_MAX), .post.done = line_done };
	audit_line_put(&line->job.line, counts->boot, &record);
	durable_submit(counts->durable, &line->job);
}

void audit_counts_flush(struct counts *counts)
{
	for (size_t i = 0; i < counts->used; i++)
		hand_over(counts, &counts->rows[i]);
	if (counts->others.count > 0)
		hand_over(counts, &counts->others);
	counts->used = 0;
	counts->others = (struct row){ 0 };
}
