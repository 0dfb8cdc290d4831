/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners and providers by difference: what a new configuration adds is opened before it is in force, and what it
 * leaves out is ended after the agent has taken it.  Privileges are gone by now: a socket can be bound in a directory
 * of the service's own that had one at the start (where the kernel has Landlock), and a PIN read if the account may. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/supervise_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum { NONE = -1 };

static int listener_find(const struct config *config, const char *path)
{
	for (uint32_t i = 0; i < config->listener_count; i++)
		if (strcmp(config->listeners[i].path, path) == 0)
			return (int)i;
	return NONE;
}

static int provider_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->provider_count; i++)
		if (strcmp(config->providers[i].name, name) == 0)
			return (int)i;
	return NONE;
}

static gid_t group_of(const struct config_listener *listener)
{
	return listener->gid == (gid_t)CONFIG_UNSET ? (gid_t)-1 : listener->gid;
}

struct status supervise_listen(const struct config *config, uint32_t i, char ret_why[LISTEN_TEXT_BYTES], int *ret_fd)
{
	const struct config_listener *l = &config->listeners[i];

	TRY(listen_bind(l->path, (mode_t)l->mode, config->uid, group_of(l), ret_why, ret_fd));
	log_info("listening at %s", l->path);
	return OK;
}

struct status supervise_secret(const char *path, int *ret_fd)
{
	if (path == NULL)
		return OK;
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*ret_fd >= 0)
		return OK;
	log_error("%s: %s", path, strerror(errno));
	return FAIL_RC(IO, errno);
}

/* Our own: the directory is (DOC-11). */
static void remove_socket(const struct config *config, const char *path)
{
	struct stat there;

	if (lstat(path, &there) == 0 && S_ISSOCK(there.st_mode) && there.st_uid == config->uid)
		(void)unlink(path);
}

/* ---- before ------------------------------------------------------------------------------------- */

/* Mode and group of a socket that is there, if they are others. */
static struct status change_mode(const struct config_listener *was, const struct config_listener *l, uid_t owner,
	char ret_why[LISTEN_TEXT_BYTES])
{
	if (was->mode == l->mode && was->gid == l->gid)
		return OK;
	return listen_change(l->path, (mode_t)l->mode, owner, group_of(l), ret_why);
}

/* Back to what they were, from the last to the first. */
static void undo_listeners(const struct config *was, const struct config *now, struct change *change, uint32_t count)
{
	char why[LISTEN_TEXT_BYTES];

	for (uint32_t i = count; i > 0; i--) {
		const struct config_listener *l = &now->listeners[i - 1];
		const int old = listener_find(was, l->path);

		if (old == NONE) {
			own_close(&change->listeners[i - 1]);
			remove_socket(now, l->path);
		} else if (change_mode(l, &was->listeners[old], was->uid, why).code != STATUS_OK) {
			log_error("%s", why);
		}
	}
}

static struct status open_listeners(
	const struct config *was, const struct config *now, struct change *change, char ret_why[CONFIG_TEXT_BYTES])
{
	for (uint32_t i = 0; i < now->listener_count; i++) {
		const struct config_listener *l = &now->listeners[i];
		const int old = listener_find(was, l->path);
		struct status st = old == NONE ? supervise_listen(now, i, ret_why, &change->listeners[i])
					       : change_mode(&was->listeners[old], l, now->uid, ret_why);

		if (st.code != STATUS_OK) {
			undo_listeners(was, now, change, i);
			return st;
		}
	}
	return OK;
}

static bool is_other_text(const char *was, const char *now)
{
	return was == NULL || now == NULL ? was != now : strcmp(was, now) != 0;
}

/* Secrets of new providers, and those that are elsewhere now. */
static struct status open_secrets(
	const struct config *was, const struct config *now, struct change *change, char ret_why[CONFIG_TEXT_BYTES])
{
	for (uint32_t i = 0; i < now->provider_count; i++) {
		static const struct config_provider nothing;
		const struct config_provider *new = &now->providers[i];
		const int at = provider_find(was, new->name);
		const struct config_provider *old = at == NONE ? &nothing : &was->providers[at];

		(void)snprintf(ret_why, CONFIG_TEXT_BYTES, "the secrets of provider %s cannot be read", new->name);
		change->has_pin[i] = at == NONE || is_other_text(old->pin_file, new->pin_file);
		if (change->has_pin[i])
			TRY(supervise_secret(new->pin_file, &change->pins[i]));
		change->has_owner_auth[i] = at == NONE || is_other_text(old->owner_auth_file, new->owner_auth_file);
		if (change->has_owner_auth[i])
			TRY(supervise_secret(new->owner_auth_file, &change->owner_auths[i]));
	}
	return OK;
}

/* A worker that is still ending keeps its place. */
static struct status check_room(const struct supervisor *s, const struct config *now, char ret_why[CONFIG_TEXT_BYTES])
{
	size_t room = CHILDREN_MAX - s->child_count;

	(void)snprintf(ret_why, CONFIG_TEXT_BYTES, "workers of removed providers still end: try again");
	for (size_t i = CHILD_FIRST_WORKER; i < s->child_count; i++)
		room += supervise_is_free(&s->children[i]);
	for (uint32_t i = 0; i < now->provider_count; i++)
		if (supervise_child((struct supervisor *)(uintptr_t)s, bytes_from_text(now->providers[i].name)) == NULL)
			ENSURE(room-- > 0, LIMIT);
	return OK;
}

void change_done(struct change *change)
{
	for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++)
		own_close(&change->listeners[i]);
	for (size_t i = 0; i < CONFIG_PROVIDERS_MAX; i++) {
		own_close(&change->pins[i]);
		own_close(&change->owner_auths[i]);
	}
}

void change_init(struct change *change)
{
	*change = (struct change){ 0 };
	for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++)
		change->listeners[i] = -1;
	for (size_t i = 0; i < CONFIG_PROVIDERS_MAX; i++)
		change->pins[i] = change->owner_auths[i] = -1;
}

struct status change_open(
	struct supervisor *s, const struct config *now, struct change *change, char ret_why[CONFIG_TEXT_BYTES])
{
	const struct config *was = s->given->config;

	TRY(check_room(s, now, ret_why));
	TRY(open_secrets(was, now, change, ret_why));
	return open_listeners(was, now, change, ret_why);
}

/* ---- in force ----------------------------------------------------------------------------------- */

struct status change_send(struct child *agent, const struct change *change)
{
	for (uint32_t i = 0; i < CONFIG_LISTENERS_MAX; i++) {
		char name[ROLE_NAME_BYTES];

		if (change->listeners[i] < 0)
			continue;
		(void)snprintf(name, sizeof(name), "listen:%u", i);
		TRY(child_send_fd(agent, name, change->listeners[i]));
	}
	return OK;
}

static void take_listeners(struct supervised *given, const struct config *now, struct change *change)
{
	const struct config *was = given->config;
	int fds[CONFIG_LISTENERS_MAX];

	for (uint32_t i = 0; i < now->listener_count; i++) {
		const int old = listener_find(was, now->listeners[i].path);

		fds[i] = own_take_fd(old == NONE ? &change->listeners[i] : &given->listeners[old]);
	}
	for (uint32_t i = 0; i < was->listener_count; i++) {
		if (given->listeners[i] < 0)
			continue;
		own_close(&given->listeners[i]);
		remove_socket(was, was->listeners[i].path);
		log_info("no longer listening at %s", was->listeners[i].path);
	}
	memcpy(given->listeners, fds, now->listener_count * sizeof(fds[0]));
}

static void take_providers(struct supervisor *s, const struct config *now, struct change *change)
{
	struct supervised *given = s->given;
	int pins[CONFIG_PROVIDERS_MAX], auths[CONFIG_PROVIDERS_MAX], waiting[CONFIG_PROVIDERS_MAX];

	for (uint32_t i = 0; i < now->provider_count; i++) {
		const int old = provider_find(given->config, now->providers[i].name);

		pins[i] = own_take_fd(change->has_pin[i] ? &change->pins[i] : &given->pins[old]);
		auths[i] = own_take_fd(change->has_owner_auth[i] ? &change->owner_auths[i] : &given->owner_auths[old]);
		waiting[i] = old == NONE ? -1 : own_take_fd(&s->wrap_waiting[old]);
	}
	for (uint32_t i = 0; i < CONFIG_PROVIDERS_MAX; i++) {
		own_close(&given->pins[i]);
		own_close(&given->owner_auths[i]);
		own_close(&s->wrap_waiting[i]);
	}
	memcpy(given->pins, pins, now->provider_count * sizeof(pins[0]));
	memcpy(given->owner_auths, auths, now->provider_count * sizeof(auths[0]));
	memcpy(s->wrap_waiting, waiting, now->provider_count * sizeof(waiting[0]));
}

static void renew(struct supervisor *s, const struct child *child)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message message = ipc_message_of(ROLE_RENEW, 0);

	message.part[0] = bytes_from_text(child->name);
	if (agent->ctl == NULL || ipc_send(agent->ctl, &message).code != STATUS_OK ||
		ipc_flush(agent->ctl).code != STATUS_OK)
		log_warning("%s keeps its old description until it is started again", child->name);
}

/* A worker that runs is ended by the agent, when it has answered what it has; not if a check takes its provider out,
 * for then none would follow.  One that does not run is tried anew, whatever kept it down. */
static void change_child(struct supervisor *s, struct child *child, const struct config *was, const struct config *now)
{
	const int before = child->provider, after = provider_find(now, child->name);

	child->provider = after;
	if (after == NONE) {
		child->stays_down = true;
		if (child->pid != 0 && s->children[CHILD_AGENT].ctl == NULL)
			(void)kill(child->pid, SIGKILL);
		return;
	}
	if (before != NONE && config_provider_equal(&was->providers[before], &now->providers[after]))
		return;
	if (child->pid != 0 && !supervise_is_out(s, child))
		renew(s, child);
	child->stays_down = false;
	child->failed = STATUS_OK;
	child->early_deaths = 0;
	child->start_at_us = 0;
}

static void change_children(struct supervisor *s, const struct config *was, const struct config *now)
{
	for (size_t i = CHILD_FIRST_WORKER; i < s->child_count; i++)
		if (!supervise_is_free(&s->children[i]))
			change_child(s, &s->children[i], was, now);
	for (uint32_t i = 0; i < now->provider_count; i++)
		if (supervise_child(s, bytes_from_text(now->providers[i].name)) == NULL)
			supervise_add_worker(s, now, i);
}

static void change_idp(struct child *idp, const struct config *was, const struct config *now)
{
	const bool is_needed = config_needs_idp(now);

	if (idp->pid != 0 && (!is_needed || is_other_text(was->spiffe.endpoint, now->spiffe.endpoint) ||
				     was->spiffe.server != now->spiffe.server))
		(void)kill(idp->pid, SIGKILL);
	idp->stays_down = !is_needed;
}

void change_take(struct supervisor *s, const struct config *now, struct change *change)
{
	const struct config *was = s->given->config;

	take_listeners(s->given, now, change);
	take_providers(s, now, change);
	change_children(s, was, now);
	for (size_t i = CHILD_FIRST_WORKER; i < s->child_count; i++)
		if (s->children[i].provider >= 0 && s->children[i].pid == 0 && supervise_is_out(s, &s->children[i]))
			supervise_tell_down(s, &s->children[i]);
	change_idp(&s->children[CHILD_IDP], was, now);
}
