/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of administrators that Parsec has no opcode for. */
#include <string.h>

#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "wire/admin_pb.h"

_Static_assert(WIRE_PROVIDER_STARTING == (int)LANE_STARTING && WIRE_PROVIDER_RECOVERING == (int)LANE_RECOVERING &&
		       WIRE_PROVIDER_UP == (int)LANE_UP && WIRE_PROVIDER_DOWN == (int)LANE_DOWN,
	"the loop's numbers are on the wire");
_Static_assert(
	WIRE_AUDIT_FULL == (int)AUDIT_FULL && WIRE_AUDIT_LOW == (int)AUDIT_LOW && WIRE_AUDIT_READY == (int)AUDIT_READY,
	"the log's numbers are on the wire");

struct status decode_admin_nothing(struct request *rq)
{
	return wire_admin_nothing_decode(rq->body, &rq->arena);
}

/* ---- status ------------------------------------------------------------------------------------- */

static uint64_t seconds_since(const struct agent *agent, uint64_t mono_us)
{
	return agent->loop.now_us > mono_us ? (agent->loop.now_us - mono_us) / US_PER_S : 0;
}

static struct status put_provider(struct request *rq, const struct lane *lane)
{
	const char *text = lane->state == LANE_UP ? lane->info.description : lane->reason;
	struct wire_admin_provider provider = { .name = bytes_from_text(lane->name),
		.provider_id = lane->provider_kind,
		.state = lane->state,
		.text = bytes_from_text(text),
		.waiting = lane->queue_count };

	return wire_admin_provider_put(&rq->answer, &provider);
}

static struct status put_domain(struct agent *agent, struct request *rq, const struct keyset_domain *from)
{
	struct wire_admin_domain domain = {
		.name = from->name, .keys = from->key_count, .age_s = seconds_since(agent, agent->trust.keys_at_us)
	};

	return wire_admin_domain_put(&rq->answer, &domain);
}

struct status finish_admin_status(struct agent *agent, struct request *rq)
{
	struct bytes build = ipc_build_id(); /* padded with zeros */
	struct wire_admin_status status = { .build = bytes_of(build.data, strnlen((const char *)build.data, build.len)),
		.is_strict = agent->config->posture == POSTURE_STRICT,
		.started_s = (uint64_t)(agent->started_wall_us / (int64_t)US_PER_S),
		.uptime_s = seconds_since(agent, agent->started_us),
		.landlock_abi = (uint32_t)agent->posture.landlock_abi,
		.seccomp_filters = agent->posture.filter_count,
		.audit_space = durable_space(agent->durable),
		.keys = keyindex_count(agent->index),
		.namespaces = keyindex_space_count(agent->index),
		.connections = agent->conn_count,
		.requests = agent->requests_active };

	TRY(wire_admin_status_put(&rq->answer, &status));
	for (size_t i = 0; i < agent->lane_count; i++)
		TRY(put_provider(rq, &agent->lanes[i]));
	for (size_t i = 0; i < keyset_domain_count(agent->trust.keys); i++)
		TRY(put_domain(agent, rq, keyset_domain(agent->trust.keys, i)));
	return OK;
}
