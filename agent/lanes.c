/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/log.h"
#include "base/own.h"

static struct recovery *recovery_of_lane(struct agent *agent, const struct lane *lane)
{
	return &agent->recoveries[lane - agent->lanes];
}

struct lane *lanes_find_any(struct agent *agent, struct bytes provider)
{
	return lane_find(agent->lanes, agent->lane_count, provider);
}

struct lane *lanes_find(struct agent *agent, struct bytes provider)
{
	struct lane *lane = lanes_find_any(agent, provider);

	return lane != NULL && lane->is_configured ? lane : NULL;
}

/* ---- a worker's own state ----------------------------------------------------------------------- */

struct state_job {
	struct durable_job job;
	struct agent *agent;
	struct lane *lane;
	struct buf state;
};

static struct state_job *state_job_of(struct post *post)
{
	return (struct state_job *)((char *)post - offsetof(struct state_job, job.post));
}

static void state_job_free(struct state_job *sj)
{
	buf_done(&sj->state);
	free(sj);
}

/* false: out of memory, and the lane is given up. */
static bool state_job_new(
	struct lane *lane, enum durable_kind kind, void (*done)(struct post *), struct state_job **ret)
{
	struct state_job *sj = calloc(1, sizeof(*sj));

	if (sj == NULL) {
		lane_give_up(lane, "out of memory");
		return false;
	}
	*sj = (struct state_job){ .agent = lane->context, .lane = lane, .state = buf_make(WORKER_STATE_MAX) };
	sj->job.kind = kind;
	sj->job.post.done = done;
	(void)snprintf(sj->job.state_name, sizeof(sj->job.state_name), "worker/%s", lane->name);
	*ret = sj;
	return true;
}

static void state_durable(struct post *post)
{
	struct state_job *sj = state_job_of(post);

	if (sj->job.result == STATUS_OK) {
		buf_clear(&sj->lane->state_kept);
		buf_put(&sj->lane->state_kept, buf_bytes(&sj->state));
		recovery_run(recovery_of_lane(sj->agent, sj->lane));
	} else {
		lane_give_up(sj->lane, "its state could not be stored");
	}
	state_job_free(sj);
}

/* What a worker wants kept is durable before it is used: then recovery, then requests. */
static void lane_hello(struct lane *lane, struct bytes new_state)
{
	struct agent *agent = lane->context;
	struct state_job *sj;

	if (new_state.len == 0) {
		recovery_run(recovery_of_lane(agent, lane));
		return;
	}
	if (!state_job_new(lane, DURABLE_STATE, state_durable, &sj))
		return;
	buf_put(&sj->state, new_state);
	sj->job.state = buf_bytes(&sj->state);
	durable_submit(agent->durable, &sj->job);
}

/* May a key depend on what its worker has had kept?  A name without a record may become one, and of a damaged record
 * the provider is not sure. */
static bool may_have_keys(const struct agent *agent, const struct lane *lane)
{
	for (const struct keyindex_space *space = keyindex_spaces(agent->index); space != NULL; space = space->all_next)
		for (const struct keyindex_entry *entry = space->entries; entry != NULL; entry = entry->ns_next)
			if (entry->record == NULL || entry->record->is_damaged ||
				bytes_equal(entry->record->provider, bytes_from_text(lane->name)))
				return true;
	return agent->damaged.key_count > 0;
}

/* What wraps software keys is chosen with the first of them: until then each start chooses anew. */
static bool chooses_anew(const struct agent *agent, const struct lane *lane)
{
	return lane->provider_kind == PROVIDER_SOFTWARE && !may_have_keys(agent, lane);
}

static void state_read(struct post *post)
{
	struct state_job *sj = state_job_of(post);

	if (chooses_anew(sj->agent, sj->lane))
		buf_clear(&sj->state);

	if (sj->job.result == STATUS_OK)
		lane_state_came(sj->lane, buf_bytes(&sj->state));
	else
		lane_give_up(sj->lane, "its state could not be read");
	state_job_free(sj);
}

/* The store is the durability thread's by now. */
static void read_state(struct agent *agent, struct lane *lane)
{
	struct state_job *sj;

	lane->awaits_state = true;
	if (!state_job_new(lane, DURABLE_STATE_READ, state_read, &sj))
		return;
	sj->job.state_read = &sj->state;
	durable_submit(agent->durable, &sj->job);
}

struct status lanes_load(struct agent *agent, struct keystore *store)
{
	for (size_t i = 0; i < agent->lane_count; i++) {
		char name[KEYSTORE_PROVIDER_MAX + 16];

		(void)snprintf(name, sizeof(name), "worker/%s", agent->lanes[i].name);
		TRY(damaged_state(
			&agent->damaged, &agent->lanes[i], keystore_kv_get(store, name, &agent->lanes[i].state_kept)));
		memcpy(agent->lanes[i].tag, keystore_tag(store).data, WORKER_TAG_BYTES);
	}
	return OK;
}

/* ---- made and changed --------------------------------------------------------------------------- */

static void kill_worker(struct lane *lane, const char *why)
{
	struct agent *agent = lane->context;
	struct ipc_message message = ipc_message_of(ROLE_KILL, 0);

	message.part[0] = bytes_from_text(lane->name);
	message.part[1] = bytes_from_text(why);
	if (ipc_send(agent->role->ctl, &message).code == STATUS_OK && ipc_flush(agent->role->ctl).code != STATUS_OK)
		loop_stop(&agent->loop);
}

static struct lane *add(struct agent *agent, const char *name)
{
	struct lane *lane = &agent->lanes[agent->lane_count];

	lane_init(lane, &agent->loop, name, 0, 0);
	lane->context = agent;
	lane->hello = lane_hello;
	lane->kill = kill_worker;
	recovery_init(&agent->recoveries[agent->lane_count], agent, lane);
	agent->lane_page_fd[agent->lane_count] = -1;
	agent->lane_count++;
	return lane;
}

static void configure(struct lane *lane, const struct config_provider *provider)
{
	lane->is_configured = true;
	lane->provider_kind = (uint8_t)provider->type;
}

struct status lanes_build(struct agent *agent)
{
	ENSURE(agent->config->provider_count <= LANES_MAX, LIMIT);
	for (size_t i = 0; i < agent->config->provider_count; i++)
		configure(add(agent, agent->config->providers[i].name), &agent->config->providers[i]);
	return OK;
}

struct status lanes_add_unconfigured(struct agent *agent, struct bytes provider, struct lane **ret_lane)
{
	char name[LANE_NAME_MAX + 1];

	ENSURE(agent->lane_count < LANES_MAX && provider.len <= LANE_NAME_MAX, LIMIT);
	(void)snprintf(name, sizeof(name), "%.*s", (int)provider.len, (const char *)provider.data);
	*ret_lane = add(agent, name);
	(*ret_lane)->is_configured = false;
	return OK;
}

static const struct config_provider *provider_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->provider_count; i++)
		if (strcmp(config->providers[i].name, name) == 0)
			return &config->providers[i];
	return NULL;
}

struct status lanes_check(struct agent *agent, const struct config *now)
{
	size_t count = agent->lane_count;

	for (uint32_t i = 0; i < now->provider_count; i++)
		count += lanes_find_any(agent, bytes_from_text(now->providers[i].name)) == NULL;
	ENSURE(count <= LANES_MAX, LIMIT);
	return OK;
}

static void change_one(struct agent *agent, const struct config_provider *now)
{
	struct lane *lane = lanes_find_any(agent, bytes_from_text(now->name));

	if (lane == NULL) {
		lane = add(agent, now->name);
		memcpy(lane->tag, keystore_tag(agent->store).data, WORKER_TAG_BYTES);
		read_state(agent, lane);
		lane->is_configured = false;
	}
	if (!lane->is_configured)
		lane_expect(lane);
	configure(lane, now);
}

void lanes_change(struct agent *agent, const struct config *was, const struct config *now)
{
	for (uint32_t i = 0; i < was->provider_count; i++) {
		struct lane *lane = lanes_find(agent, bytes_from_text(was->providers[i].name));

		if (lane == NULL || provider_find(now, lane->name) != NULL)
			continue;
		lane->is_configured = false;
		lane_wind_up(lane);
	}
	for (uint32_t i = 0; i < now->provider_count; i++)
		change_one(agent, &now->providers[i]);
}

void lanes_done(struct agent *agent)
{
	for (size_t i = 0; i < agent->lane_count; i++) {
		recovery_done(&agent->recoveries[i]);
		lane_done(&agent->lanes[i]);
		own_close(&agent->lane_page_fd[i]);
	}
}

/* ---- joined to workers, and watched ------------------------------------------------------------- */

static bool has_prefix(struct bytes name, const char *prefix, struct bytes *ret_rest)
{
	size_t len = strlen(prefix);

	if (name.len <= len || memcmp(name.data, prefix, len) != 0)
		return false;
	*ret_rest = bytes_of(name.data + len, name.len - len);
	return true;
}

struct status lanes_take(struct agent *agent, struct bytes name, int fd)
{
	struct bytes rest;
	struct lane *lane;

	if (has_prefix(name, "page:", &rest) && (lane = lanes_find(agent, rest)) != NULL) {
		int *page = &agent->lane_page_fd[lane - agent->lanes];

		own_close(page);
		*page = fd;
		return OK;
	}
	if (has_prefix(name, "lane:", &rest) && (lane = lanes_find(agent, rest)) != NULL) {
		if (chooses_anew(agent, lane))
			buf_clear(&lane->state_kept);
		return lane_connect(lane, fd, own_take_fd(&agent->lane_page_fd[lane - agent->lanes]));
	}
	(void)close(fd);
	return FAIL(IPC_MALFORMED);
}

bool lanes_are_settled(const struct agent *agent)
{
	for (size_t i = 0; i < agent->lane_count; i++) {
		const struct lane *lane = &agent->lanes[i];

		if (lane->is_configured && lane->state != LANE_UP && !lane->is_given_up)
			return false;
	}
	return true;
}

static void check_overrun(struct lane *lane)
{
	for (struct lane_call *call = lane->window_head; call != NULL; call = call->next) {
		uint64_t allowed = call->deadline_us > call->handed_us ? call->deadline_us - call->handed_us : 0;

		if (lane->loop->now_us > call->deadline_us + allowed && lane_is_executing(lane, call)) {
			lane->kill(lane, "it took twice its time for one request");
			return;
		}
	}
}

void lanes_second(struct agent *agent)
{
	for (size_t i = 0; i < agent->lane_count; i++) {
		check_overrun(&agent->lanes[i]);
		recovery_second(&agent->recoveries[i]);
	}
}
