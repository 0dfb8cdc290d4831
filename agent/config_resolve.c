/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of accounts and groups to numbers, through the account database. */
#include "agent/config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

enum { ENTRY_BYTES = 64 * 1024 }; /* one entry of the database; groups list their members */

static struct status user_find(const char *name, const char *path, uint32_t *ret_uid, uint32_t *ret_gid, char *ret_text)
{
	char room[ENTRY_BYTES];
	struct passwd entry, *found = NULL;
	int rc = getpwnam_r(name, &entry, room, sizeof(room), &found);

	if (found == NULL) {
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "%s: there is no account '%s'", path, name);
		return FAIL_RC(CONFIG_SYNTAX, rc);
	}
	*ret_uid = found->pw_uid;
	if (ret_gid != NULL)
		*ret_gid = found->pw_gid;
	return OK;
}

static struct status group_find(const char *name, const char *path, uint32_t *ret_gid, char *ret_text)
{
	char room[ENTRY_BYTES];
	struct group entry, *found = NULL;
	int rc = getgrnam_r(name, &entry, room, sizeof(room), &found);

	if (found == NULL) {
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "%s: there is no group '%s'", path, name);
		return FAIL_RC(CONFIG_SYNTAX, rc);
	}
	*ret_gid = found->gr_gid;
	return OK;
}

static struct status match_resolve(struct config_match *match, const char *path, char *ret_text)
{
	return match->user == NULL ? OK : user_find(match->user, path, &match->user_uid, NULL, ret_text);
}

struct status config_resolve_users(struct config *config, char ret_text[CONFIG_TEXT_BYTES])
{
	char path[64];

	for (uint32_t i = 0; i < config->tenant_count; i++) {
		(void)snprintf(path, sizeof(path), "tenants[%u].match.user", i);
		TRY(match_resolve(&config->tenants[i].match, path, ret_text));
	}
	for (uint32_t i = 0; i < config->admin_count; i++) {
		(void)snprintf(path, sizeof(path), "admins[%u].user", i);
		TRY(match_resolve(&config->admins[i].match, path, ret_text));
	}
	return OK;
}

/* Nobody stated: root, as whom SPIRE's agent usually runs. */
static struct status server_resolve(struct config_spiffe *spiffe, char *ret_text)
{
	if (spiffe->server_user != NULL)
		return user_find(spiffe->server_user, "spiffe.server_user", &spiffe->server, NULL, ret_text);
	spiffe->server = spiffe->server_uid != CONFIG_UNSET ? spiffe->server_uid : 0;
	return OK;
}

struct status config_resolve(struct config *config, char ret_text[CONFIG_TEXT_BYTES])
{
	char path[64];

	TRY(user_find(config->user, "user", &config->uid, &config->gid, ret_text));
	TRY(server_resolve(&config->spiffe, ret_text));
	for (uint32_t i = 0; i < config->listener_count; i++) {
		(void)snprintf(path, sizeof(path), "listeners[%u].group", i);
		if (config->listeners[i].group != NULL)
			TRY(group_find(config->listeners[i].group, path, &config->listeners[i].gid, ret_text));
	}
	return config_resolve_users(config, ret_text);
}
