/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/supervise_parts.h"
#include "base/log.h"
#include "base/own.h"

/* What a running daemon cannot change; the rest goes to the agent. */
static const char *needs_restart(const struct config *was, const struct config *now)
{
	if (was->posture != now->posture)
		return "posture";
	if (strcmp(was->paths.state, now->paths.state) != 0)
		return "paths.state";
	if (was->listener_count != now->listener_count)
		return "listeners";
	for (uint32_t i = 0; i < now->listener_count; i++)
		if (strcmp(was->listeners[i].path, now->listeners[i].path) != 0)
			return "listeners";
	if (was->provider_count != now->provider_count)
		return "providers";
	for (uint32_t i = 0; i < now->provider_count; i++)
		if (strcmp(was->providers[i].name, now->providers[i].name) != 0)
			return "providers";
	return NULL;
}

void supervise_reload(struct supervisor *s)
{
	struct child *agent = &s->children[CHILD_AGENT];
	AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX);
	AUTO(buf_done) struct buf text = buf_make(CONFIG_TREE_MAX);
	struct ipc_message message = ipc_message_of(ROLE_RELOAD, 0);
	struct config *config = NULL;
	const char *fixed;
	char why[CONFIG_TEXT_BYTES];

	if (config_load(s->given->libexec_fd, s->given->config_path, &config, &tree, &text).code != STATUS_OK) {
		log_error("the old configuration stays in force: %.*s", (int)text.len, (const char *)text.data);
		return;
	}
	fixed = needs_restart(s->given->config, config);
	if (fixed != NULL)
		log_error("the old configuration stays in force: a change of %s needs a restart", fixed);
	else if (config_resolve(config, why).code != STATUS_OK)
		log_error("the old configuration stays in force: %s", why);
	else {
		buf_clear(&tree);
		if (config_put(&tree, config).code != STATUS_OK || agent->ctl == NULL)
			log_error("the old configuration stays in force: it could not be handed over");
		else {
			struct config *was = s->given->config;
			struct buf old_tree = s->given->tree;

			s->given->config = config;
			s->given->tree = TAKE(tree);
			config = was;
			buf_done(&old_tree);
			message.part[1] = buf_bytes(&s->given->tree);
			if (ipc_send(agent->ctl, &message).code != STATUS_OK ||
				ipc_flush_wait(agent->ctl, 1000).code != STATUS_OK)
				log_error("the agent does not take the new configuration");
		}
	}
	config_free(config);
}
