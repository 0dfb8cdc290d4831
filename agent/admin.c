/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/admin.h"

#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"

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

	if (rq->admin.target.len > ADMIN_TARGET_MAX)
		rq->admin.target.len = ADMIN_TARGET_MAX;
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
