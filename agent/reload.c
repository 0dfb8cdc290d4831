/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reload.h"

#include <string.h>

#include "agent/agent.h"
#include "base/log.h"
#include "base/own.h"
static void free_config(struct config **config)
{
	config_free(*config);
}

static void unref_policy(struct policy **policy)
{
	policy_unref(*policy);
}

static void set_limits(struct agent *agent)
{
	size_t all = agent->config->limits.connections, possible = agent->descriptors / agent->descriptors_each;

	shares_limit(agent->shares, all < possible ? all : possible, agent->config->limits.connections_per_uid);
	penalty_limit(agent->penalties, agent->config->limits.failures);
	for (size_t i = 0; i < agent->lane_count; i++)
		agent->lanes[i].queue_max = agent->config->limits.queue;
	for (size_t i = 0; i < agent->listener_count; i++) {
		struct listener *listener = agent->listeners[i];
		const struct config_listener *from = &agent->config->listeners[i];

		listener->is_admin = from->is_admin;
		listener->group = from->mode == 0660 ? from->gid : CONFIG_UNSET;
		listener->authenticator_count = from->authenticator_count;
		for (uint32_t a = 0; a < from->authenticator_count; a++)
			listener->authenticators[a] = from->authenticators[a];
	}
}

static struct listener *listener_find(const struct agent *agent, const char *path)
{
	for (size_t i = 0; i < agent->listener_count; i++)
		if (strcmp(agent->listeners[i]->path, path) == 0)
			return agent->listeners[i];
	return NULL;
}

static void close_listeners(struct listener *const listeners[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		listener_close(listeners[i]);
}

/* Listener n of the configuration: the one that is there, or the descriptor that came for it. */
static struct status open_listener(struct agent *agent, const char *path, uint32_t n, struct listener **ret_opened)
{
	if (listener_find(agent, path) != NULL)
		return OK;
	ENSURE(agent->listener_fds[n] >= 0, IPC_MALFORMED);
	return listener_open(agent, path, own_take_fd(&agent->listener_fds[n]), ret_opened);
}

/* Those that stay keep their connections; what the configuration does not name is closed.  All or nothing. */
static struct status change_listeners(struct agent *agent, const struct config *now)
{
	struct listener *opened[CONFIG_LISTENERS_MAX] = { NULL }, *kept[CONFIG_LISTENERS_MAX];

	for (uint32_t i = 0; i < now->listener_count; i++) {
		struct status st = open_listener(agent, now->listeners[i].path, i, &opened[i]);

		if (st.code != STATUS_OK) {
			close_listeners(opened, i);
			return st;
		}
	}
	for (uint32_t i = 0; i < now->listener_count; i++)
		kept[i] = opened[i] != NULL ? opened[i] : listener_find(agent, now->listeners[i].path);
	for (size_t i = 0; i < agent->listener_count; i++) {
		bool stays = false;

		for (uint32_t k = 0; k < now->listener_count; k++)
			stays = stays || kept[k] == agent->listeners[i];
		if (!stays)
			listener_close(agent->listeners[i]);
	}
	for (uint32_t i = 0; i < now->listener_count; i++)
		agent->listeners[i] = kept[i];
	agent->listener_count = now->listener_count;
	if (agent->is_open && !agent->accept_paused)
		accept_resume(agent);
	return OK;
}

struct status agent_configure(struct agent *agent)
{
	TRY(change_listeners(agent, agent->config));
	set_limits(agent);
	return OK;
}

void agent_listeners_close(struct agent *agent)
{
	close_listeners(agent->listeners, agent->listener_count);
	agent->listener_count = 0;
}

struct status agent_reload(struct agent *agent, struct bytes tree)
{
	AUTO(free_config) struct config *config = NULL;
	AUTO(unref_policy) struct policy *policy = NULL;

	TRY(config_get(tree, &config));
	TRY(policy_new(config, &policy));
	TRY(lanes_check(agent, config));
	TRY(change_listeners(agent, config));
	trust_configure(&agent->trust, config);
	trust_configure(&agent->issuers, config);
	lanes_change(agent, agent->config, config);
	unref_policy(&agent->policy);
	free_config(&agent->config);
	agent->policy = TAKE(policy);
	agent->config = TAKE(config);
	set_limits(agent);
	log_notice("new configuration in force");
	audit_event(agent->events, "reload", (struct bytes){ 0 }, NULL, 0);
	audit_event_accepts(agent->events, agent->config);
	return OK;
}
