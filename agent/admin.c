/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/admin.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"

enum { BYTES_MAX = KEYSTORE_FACT_MAX };

/* ---- the line before ---------------------------------------------------------------------------- */

static void announced(struct post *post)
{
	struct request *rq = request_of(post, step.post);
	enum status_code result = rq->step.result;

	buf_clear(&rq->step.line);
	if (request_came_back(rq)) {
		request_settled(rq); /* its deadline passed: nothing is done */
		return;
	}
	if (result != STATUS_OK) {
		request_finish(rq->agent, rq, (struct status){ result });
		return;
	}
	rq->admin.is_acting = true;
	rq->admin.act(rq->agent, rq);
}

void admin_announce(struct request *rq, void (*act)(struct agent *agent, struct request *rq))
{
	struct audit_record line = audit_record_of(clock_wall_us());

	if (rq->admin.target.len > OWNER_TEXT_MAX)
		rq->admin.target.len = OWNER_TEXT_MAX;
	line.event = "admin-act";
	request_line_identity(rq, &line);
	line.op = rq->op->name;
	line.key = rq->key_name;
	line.has_key = rq->has_key;
	line.target = rq->admin.target;
	line.detail = "is about to be done";
	buf_clear(&rq->step.line);
	audit_line_put(&rq->step.line, rq->agent->boot, &line);
	rq->admin.act = act;
	rq->waits = true;
	rq->pending++;
	rq->step.kind = DURABLE_LINE;
	rq->step.sync = true;
	rq->step.post.done = announced;
	durable_submit(rq->agent->durable, &rq->step);
}

/* ---- the act ------------------------------------------------------------------------------------ */

void admin_work_free(struct admin_work *work)
{
	if (work == NULL)
		return;
	for (size_t i = 0; i < 2 * work->change_count; i++)
		buf_done(&work->bytes[i]);
	free(work);
}

struct status admin_work(struct request *rq)
{
	if (rq->admin.work == NULL)
		rq->admin.work = calloc(1, sizeof(*rq->admin.work));
	ENSURE(rq->admin.work != NULL, NO_MEMORY);
	return OK;
}

struct status admin_fact(struct request *rq, enum fact_kind kind, struct bytes id, struct bytes value, bool is_out)
{
	struct admin_work *work;
	struct buf *copy;

	TRY(admin_work(rq));
	work = rq->admin.work;
	ENSURE(work->change_count < ADMIN_CHANGES_MAX, LIMIT);
	copy = &work->bytes[2 * work->change_count];
	copy[0] = buf_make(BYTES_MAX);
	copy[1] = buf_make(BYTES_MAX);
	buf_put(&copy[0], id);
	if (!is_out)
		buf_put(&copy[1], value);
	work->changes[work->change_count++] =
		(struct fact_change){ .fact = { .kind = kind, .id = buf_bytes(&copy[0]), .value = buf_bytes(&copy[1]) },
			.is_out = is_out };
	TRY(buf_check(&copy[0]));
	return buf_check(&copy[1]);
}

void admin_end(struct agent *agent, struct request *rq, struct status st)
{
	if (rq->is_finished)
		request_settled(rq);
	else
		request_finish(agent, rq, st);
}

static void facts_durable(struct post *post)
{
	struct request *rq = request_of(post, step.post);

	(void)request_came_back(rq); /* answered or not, the act goes on */
	rq->admin.work->done(rq->agent, rq, (struct status){ rq->step.result });
}

void admin_facts_submit(struct request *rq, void (*done)(struct agent *agent, struct request *rq, struct status st))
{
	rq->admin.work->done = done;
	rq->pending++;
	rq->step.kind = DURABLE_FACTS;
	rq->step.sync = false;
	rq->step.changes = rq->admin.work->changes;
	rq->step.change_count = rq->admin.work->change_count;
	rq->step.post.done = facts_durable;
	durable_submit(rq->agent->durable, &rq->step);
}

/* ---- whom it is about --------------------------------------------------------------------------- */

struct status admin_spaces(struct agent *agent, struct request *rq, const struct owner *owner)
{
	struct keyindex_space *space = keyindex_spaces(agent->index);

	TRY(admin_work(rq));
	for (; space != NULL; space = space->all_next) {
		if (!owner_is(owner, &space->name))
			continue;
		ENSURE(rq->admin.work->space_count < ADMIN_SPACES_MAX, LIMIT);
		rq->admin.work->spaces[rq->admin.work->space_count++] = space;
	}
	return OK;
}
