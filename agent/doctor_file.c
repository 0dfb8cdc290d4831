/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/doctor_parts.h"
#include "base/own.h"

static bool is_remote(int fd)
{
	/* NFS, SMB, CIFS, FUSE, 9P, Ceph, AFS: their locks and fsync promise less, or somebody else writes too */
	static const uint32_t remote[] = { 0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400,
		0x5346414f };
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return true;
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if ((uint32_t)fs.f_type == remote[i])
			return true;
	return false;
}

/* What keyreeve keeps in the state directory; anything else there is somebody's own affair. */
static bool is_kept(const char *name)
{
	static const char *const patterns[] = { "keys.db*", "audit", "lock", "pin-*", "soft-*.key" };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

/* A file that root or somebody else put there would not open, or be another's to write. */
static void kept_check(struct doctor *d, int directory, const char *name)
{
	struct stat st;

	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return; /* gone meanwhile */
	if (S_ISLNK(st.st_mode))
		refuse(d, "paths.state: %s is a symbolic link; put the file itself there", name);
	else if (st.st_uid != d->config->uid)
		refuse(d, "paths.state: %s belongs to uid %u; chown %s it", name, (unsigned)st.st_uid, d->config->user);
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		refuse(d, "paths.state: %s has mode %04o; chmod go= it", name, (unsigned)(st.st_mode & 07777));
	else if (S_ISREG(st.st_mode) && st.st_nlink > 1)
		refuse(d, "paths.state: %s has another name, by which it can be reached; remove that", name);
}

static void close_directory(DIR **directory)
{
	if (*directory != NULL)
		(void)closedir(*directory); /* was only read */
}

static void entries_check(struct doctor *d, int fd)
{
	AUTO(close_directory) DIR *directory = fdopendir(dup(fd));
	const struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (is_kept(entry->d_name))
			kept_check(d, fd, entry->d_name);
}

/* DOC-42: the store is ours alone, on a disk of this machine. */
void doctor_check_state(struct doctor *d)
{
	const char *path = d->config->paths.state;
	struct trust trust = doctor_ourselves(d->config);
	AUTO(own_close) int fd = -1;
	char why[PART_BYTES];
	struct stat st;
	enum walk result = doctor_walk(path, &trust, &st, why);

	if (result == WALK_ABSENT)
		return; /* keyreeved makes it, 0700, below what was just looked at */
	if (result == WALK_BAD) {
		refuse(d, "paths.state: %s", why);
		return;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		refuse(d, "paths.state: %s: %s", path, strerror(errno));
	else if (st.st_uid != d->config->uid)
		refuse(d, "paths.state: %s belongs to uid %u; chown %s it", path, (unsigned)st.st_uid, d->config->user);
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		refuse(d, "paths.state: %s has mode %04o; chmod 0700 it", path, (unsigned)(st.st_mode & 07777));
	else if (is_remote(fd))
		refuse(d, "paths.state: %s is not on a disk of this machine, where locks and fsync can be relied on",
			path);
	else if (fsync(fd) != 0)
		refuse(d, "paths.state: fsync of %s failed: %s; acknowledged keys could be lost", path,
			strerror(errno));
	else
		entries_check(d, fd);
}

/* Kubernetes swaps links inside the directory (..data); none may lead out of it. */
static bool config_real_path(const char *path, const struct trust *trust, char ret_real[PATH_MAX], char why[PART_BYTES])
{
	char absolute[PATH_MAX], directory[PATH_MAX];
	struct stat st;
	size_t len;

	if (path[0] != '/') {
		char here[PATH_MAX];

		if (getcwd(here, sizeof(here)) == NULL ||
			(size_t)snprintf(absolute, sizeof(absolute), "%s/%s", here, path) >= sizeof(absolute))
			return false;
		path = absolute;
	}
	if (!doctor_directory_of(path, directory) || doctor_walk(directory, trust, &st, why) != WALK_GOOD)
		return false;
	if (realpath(path, ret_real) == NULL) {
		(void)snprintf(why, PART_BYTES, "%.120s: %s", path, strerror(errno));
		return false;
	}
	len = strlen(directory);
	if (strncmp(ret_real, directory, len) == 0 && (ret_real[len] == '/' || len == 1))
		return true;
	(void)snprintf(why, PART_BYTES, "%.100s is a link out of its directory, to %.100s", path, ret_real);
	return false;
}

/* Who can write an issuer's keys decides whose tokens are believed.  One that is not there yet is waited for. */
static void jwks_check(struct doctor *d, const struct config_issuer *issuer)
{
	struct trust trust = doctor_ourselves(d->config);
	char real[PATH_MAX], why[PART_BYTES] = "its path cannot be looked at";
	struct stat st;
	enum walk found = WALK_BAD;

	if (config_real_path(issuer->jwks_file, &trust, real, why))
		found = doctor_walk(real, &trust, &st, why);
	else if (access(issuer->jwks_file, F_OK) != 0 && errno == ENOENT)
		found = WALK_ABSENT;
	if (found == WALK_ABSENT)
		warn(d, "keys of %.100s: %.100s is not there: its tokens are refused until it is", issuer->issuer,
			issuer->jwks_file);
	else if (found == WALK_BAD)
		refuse(d, "keys of %.100s: %s", issuer->issuer, why);
	else if (!S_ISREG(st.st_mode))
		refuse(d, "keys of %.100s: %.200s is no regular file", issuer->issuer, real);
}

/* DOC-45: who can write the file decides what keyreeve does. */
void doctor_check_file(struct doctor *d)
{
	char real[PATH_MAX], why[PART_BYTES] = "its path cannot be looked at";
	struct stat st;

	for (uint32_t i = 0; i < d->config->issuer_count; i++)
		if (d->config->issuers[i].jwks_file != NULL)
			jwks_check(d, &d->config->issuers[i]);
	if (!config_real_path(d->facts->config_path, &doctor_root_only, real, why) ||
		doctor_walk(real, &doctor_root_only, &st, why) != WALK_GOOD)
		refuse(d, "configuration: %s", why);
	else if (!S_ISREG(st.st_mode))
		refuse(d, "configuration: %s is no regular file", real);
}

static bool has_device(const struct config *config)
{
	for (uint32_t i = 0; i < config->provider_count; i++)
		if (config->providers[i].type == PROVIDER_TPM || config->providers[i].type == PROVIDER_PKCS11)
			return true;
	return false;
}

/* What wraps is decided with the first key and kept, whatever is configured later. */
static bool has_key_file(const struct doctor *d, const struct config_provider *provider)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/soft-%s.key", d->config->paths.state, provider->name);
	return lstat(path, &st) == 0 && st.st_size > 0;
}

/* DOC-47: a key file beside the sealed keys protects nothing. */
void doctor_check_wrap(struct doctor *d)
{
	for (uint32_t i = 0; i < d->config->provider_count; i++) {
		const struct config_provider *provider = &d->config->providers[i];
		bool is_auto = provider->type == PROVIDER_SOFTWARE && strcmp(provider->wrap, "auto") == 0;

		if (provider->type != PROVIDER_SOFTWARE)
			continue;
		if (strcmp(provider->wrap, "file") == 0 || (is_auto && !has_device(d->config)))
			refuse_provider(d, i,
				"provider %s: its keys are wrapped by a key file, which whoever reads the disk has "
				"too; configure a TPM or token and name it in wrap",
				provider->name);
		else if (has_key_file(d, provider))
			refuse_provider(d, i,
				"provider %s: a start without a device left a key file in paths.state, and keys made "
				"then stay wrapped by the key file: make them anew under a provider of another name, "
				"then delete it",
				provider->name);
	}
}
