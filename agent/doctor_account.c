/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/doctor_parts.h"

enum { LINE_BYTES = 8192 };

static const char *root_of(const struct doctor *d)
{
	return d->facts->root != NULL ? d->facts->root : "";
}

static bool has_file(const struct doctor *d, const char *path)
{
	char whole[PATH_MAX];
	struct stat st;

	return snprintf(whole, sizeof(whole), "%s%s", root_of(d), path) < (int)sizeof(whole) && lstat(whole, &st) == 0;
}

/* A shell that lets nobody in: by its name, as adduser and the distributions' policies go. */
static bool is_closed_shell(const char *shell)
{
	const char *slash = strrchr(shell, '/');

	return slash != NULL && (strcmp(slash, "/nologin") == 0 || strcmp(slash, "/false") == 0);
}

enum password { PASSWORD_UNSEEN = 0, PASSWORD_LOCKED, PASSWORD_USABLE };

/* "!" and "*" begin what no password can be; an empty field needs none.  shadow(5). */
static enum password password_of_field(const char *field)
{
	return field[0] == '!' || field[0] == '*' ? PASSWORD_LOCKED : PASSWORD_USABLE;
}

static enum password password_of(const struct doctor *d, const struct passwd *account)
{
	enum password password = PASSWORD_LOCKED; /* no line: no password */
	char path[PATH_MAX], line[LINE_BYTES];
	struct spwd entry, *found = NULL;
	FILE *file;

	if (strcmp(account->pw_passwd, "x") != 0)
		return password_of_field(account->pw_passwd);
	(void)snprintf(path, sizeof(path), "%s/etc/shadow", root_of(d));
	file = fopen(path, "re");
	if (file == NULL)
		return errno == ENOENT ? PASSWORD_LOCKED : PASSWORD_UNSEEN;
	while (fgetspent_r(file, &entry, line, sizeof(line), &found) == 0)
		if (strcmp(entry.sp_namp, account->pw_name) == 0) {
			password = password_of_field(entry.sp_pwdp);
			break;
		}
	explicit_bzero(line, sizeof(line));
	(void)fclose(file); /* was only read */
	return password;
}

static bool has_keys(const struct doctor *d, const char *home)
{
	static const char *const names[] = { "authorized_keys", "authorized_keys2" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (snprintf(path, sizeof(path), "%s/.ssh/%s", home, names[i]) < (int)sizeof(path) && has_file(d, path))
			return true;
	return false;
}

static void look_at(struct doctor *d, const struct passwd *account)
{
	switch (password_of(d, account)) {
	case PASSWORD_USABLE:
		refuse(d,
			"account %s (uid %u) has a password, or needs none: lock it (passwd -l %s), or give its "
			"service "
			"a SPIFFE ID",
			account->pw_name, (unsigned)account->pw_uid, account->pw_name);
		break;
	case PASSWORD_UNSEEN:
		(void)snprintf(d->good, sizeof(d->good),
			"passwords of the accounts are seen by root only; their shells "
			"and keys let nobody in");
		break;
	case PASSWORD_LOCKED:
		break;
	}
	if (!is_closed_shell(account->pw_shell))
		refuse(d, "account %s (uid %u) has the shell %s: set it to /usr/sbin/nologin", account->pw_name,
			(unsigned)account->pw_uid, account->pw_shell[0] != '\0' ? account->pw_shell : "/bin/sh");
	if (has_keys(d, account->pw_dir))
		refuse(d, "account %s (uid %u) can log in with a key: remove %s/.ssh/authorized_keys", account->pw_name,
			(unsigned)account->pw_uid, account->pw_dir);
}

static bool is_tenant(const struct config *config, uint32_t uid)
{
	for (uint32_t i = 0; i < config->tenant_count; i++) {
		const struct config_match *match = &config->tenants[i].match;

		if ((match->user != NULL ? match->user_uid : match->uid) == uid && uid != CONFIG_UNSET)
			return true;
	}
	return false;
}

static bool has_unix_tenants(const struct config *config)
{
	for (uint32_t i = 0; i < config->tenant_count; i++)
		if (config->tenants[i].match.user != NULL || config->tenants[i].match.uid != CONFIG_UNSET)
			return true;
	return false;
}

/* DOC-31: who is served by uid is a service, not somebody who logs in. */
void doctor_check_accounts(struct doctor *d)
{
	struct passwd entry, *found = NULL;
	char path[PATH_MAX], line[LINE_BYTES];
	FILE *file;
	int rc;

	if (!has_unix_tenants(d->config))
		return;
	if (has_file(d, "/.dockerenv") || has_file(d, "/run/.containerenv"))
		refuse(d, "tenants are named by uid inside a container, where uids are not the machine's: use SPIFFE "
			  "IDs");
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", root_of(d));
	file = fopen(path, "re");
	if (file == NULL)
		return; /* no accounts: nobody logs in */
	while ((rc = fgetpwent_r(file, &entry, line, sizeof(line), &found)) == 0)
		if (is_tenant(d->config, entry.pw_uid))
			look_at(d, &entry);
	(void)fclose(file); /* was only read */
	if (rc != ENOENT)
		refuse(d, "%s cannot be read to its end: %s", path, strerror(rc));
}
