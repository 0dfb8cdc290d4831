/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/config_fetch.h"
#include "agent/doctor.h"
#include "agent/supervise_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

/* In force within a second after the last change: SETTLE_MS, or PAUSE_MS at most, and the time to read and check. */
enum {
	SETTLE_MS = 50,	      /* an editor, or the kubelet, makes several changes at once */
	SETTLE_MOST_MS = 250, /* but somebody who never stops does not hold it up */
	PAUSE_MS = 500,	      /* between two reloads: a storm of signals costs little more than one */
	TAKE_MS = 1000,
	EVENTS_BYTES = 4096,
};

/* What a running daemon cannot change; the rest goes to the agent. */
static const char *needs_restart(const struct config *was, const struct config *now)
{
	if (was->posture != now->posture)
		return "posture";
	if (strcmp(was->paths.state, now->paths.state) != 0)
		return "paths.state";
	if (strcmp(was->paths.private_sockets, now->paths.private_sockets) != 0)
		return "paths.private";
	if (strcmp(was->user, now->user) != 0)
		return "user";
	if (config_fetch_is_needed(now) && !config_fetch_is_needed(was))
		return "spiffe.federation and issuers[].jwks_url, from none to some,";
	for (uint32_t i = 0; i < now->provider_count; i++)
		for (uint32_t k = 0; k < was->provider_count; k++)
			if (strcmp(was->providers[k].name, now->providers[i].name) == 0 &&
				was->providers[k].type != now->providers[i].type)
				return "a provider's type"; /* its keys are of the old one */
	return NULL;
}

static void keep_old(const char *why)
{
	log_error("the old configuration stays in force: %s", why);
}

/* The same checks as at the start, on the machine as it is now; our own sockets are there. */
static bool passes_checks(struct supervisor *s, const struct config *config, uint32_t *ret_providers_down)
{
	const struct doctor_result found = doctor_report(config, s->given->config_path, DOCTOR_RUNNING);

	*ret_providers_down = found.providers_down;
	if (found.refused == 0)
		return true;
	keep_old("a check above refuses the new one");
	return false;
}

/* Other documents to get, or by other rules. */
static bool fetch_differs(const struct config *was, const struct config *now)
{
	AUTO(buf_done) struct buf before = buf_make(FETCH_SECTION_MAX), after = buf_make(FETCH_SECTION_MAX);

	config_fetch_put(&before, was);
	config_fetch_put(&after, now);
	return before.bad || after.bad || !bytes_equal(buf_bytes(&before), buf_bytes(&after));
}

/* From here on it counts; config and tree are taken over. */
static void put_in_force(struct supervisor *s, struct config **config, struct buf *tree, struct change *change)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message message = ipc_message_of(ROLE_RELOAD, 0);
	const bool renews_fetch = fetch_differs(s->given->config, *config);
	struct status st = OK;

	message.part[1] = buf_bytes(tree);
	supervise_accounts_want(s, true); /* before the tenants whose accounts they are */
	supervise_accounts_due(s, *config, clock_mono_us());
	if (agent->ctl == NULL)
		log_notice("the agent gets the new configuration when it is started again");
	else if ((st = supervise_give_files(s, *config)).code == STATUS_OK &&
		 (st = change_send(agent, change)).code == STATUS_OK &&
		 (st = ipc_send(agent->ctl, &message)).code == STATUS_OK)
		st = ipc_flush_wait(agent->ctl, TAKE_MS);
	if (st.code != STATUS_OK)
		log_error("the agent does not take the new configuration");
	change_take(s, *config, change);
	config_free(s->given->config);
	buf_done(&s->given->tree);
	s->given->config = TAKE(*config);
	s->given->tree = TAKE(*tree);
	if (renews_fetch)
		supervise_fetch(s);
	supervise_jwks_watch(s);
	if (st.code == STATUS_OK && agent->ctl != NULL)
		supervise_jwks_send(s, true);
}

static void free_config(struct config **config)
{
	config_free(*config);
}

static void reload(struct supervisor *s, bool is_asked)
{
	AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX);
	AUTO(buf_done) struct buf text = buf_make(CONFIG_TREE_MAX);
	AUTO(free_config) struct config *config = NULL;
	AUTO(change_done) struct change change;
	const char *fixed;
	char why[CONFIG_TEXT_BYTES];
	uint32_t providers_down;

	change_init(&change);
	if (config_load(s->given->libexec_fd, s->given->config_path, &config, &tree, &text).code != STATUS_OK) {
		log_error("the old configuration stays in force: %.*s", (int)text.len, (const char *)text.data);
		return;
	}
	fixed = needs_restart(s->given->config, config);
	if (fixed != NULL) {
		(void)snprintf(why, sizeof(why), "a change of %s needs a restart", fixed);
		keep_old(why);
		return;
	}
	if (config_resolve(config, why).code != STATUS_OK) {
		keep_old(why);
		return;
	}
	buf_clear(&tree);
	if (config_put(&tree, config).code != STATUS_OK) {
		keep_old("it could not be handed over");
		return;
	}
	/* Another file of the directory changed: what is in force need not be checked again for that, unless that is a
	 * bundle. */
	if (!is_asked && config->spiffe.bundle_count == 0 && bytes_equal(buf_bytes(&tree), buf_bytes(&s->given->tree)))
		return;
	if (!passes_checks(s, config, &providers_down))
		return;
	if (change_open(s, config, &change, why).code != STATUS_OK) {
		keep_old(why);
		return;
	}
	s->given->providers_down = providers_down;
	put_in_force(s, &config, &tree, &change);
}

void supervise_reload_want(struct supervisor *s, bool is_asked, uint64_t now_us)
{
	uint64_t at = now_us + (uint64_t)SETTLE_MS * US_PER_MS;

	if (s->reload.at_us == 0)
		s->reload.first_us = now_us;
	if (at > s->reload.first_us + (uint64_t)SETTLE_MOST_MS * US_PER_MS)
		at = s->reload.first_us + (uint64_t)SETTLE_MOST_MS * US_PER_MS;
	s->reload.at_us = at > s->reload.not_before_us ? at : s->reload.not_before_us;
	s->reload.is_asked |= is_asked;
}

void supervise_reload_due(struct supervisor *s, uint64_t now_us)
{
	const bool is_asked = s->reload.is_asked;

	if (s->reload.at_us == 0 || s->reload.at_us > now_us || s->stopping)
		return;
	s->reload.at_us = 0;
	s->reload.is_asked = false;
	reload(s, is_asked);
	supervise_jwks_send(s, false);
	s->reload.not_before_us = clock_mono_us() + (uint64_t)PAUSE_MS * US_PER_MS;
}

bool supervise_reload_watch(struct supervisor *s, uint64_t now_us)
{
	/* What happened is not looked at, only that something did. */
	char events[EVENTS_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool is_there = true;
	ssize_t len;

	while ((len = read(s->given->watch_fd, events, sizeof(events))) > 0) {
		const struct inotify_event *event;

		for (ssize_t at = 0; at < len; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const void *)(events + at);
			is_there = is_there && ((event->mask & IN_IGNORED) == 0 || event->wd != s->given->watch_config);
		}
		supervise_reload_want(s, false, now_us);
	}
	if (!is_there)
		log_warning("the directory of the configuration is gone: changes are read after SIGHUP only");
	return is_there;
}
