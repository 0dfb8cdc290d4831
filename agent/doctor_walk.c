/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/doctor_parts.h"
#include "base/own.h"

static bool is_read_only(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

/* Could anybody but root and those we trust change it?  fd: of itself. */
static bool is_closed(const struct stat *st, int fd, const struct trust *trust, const char *path, char why[PART_BYTES])
{
	bool is_sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0 && st->st_uid == 0;
	bool by_group = (st->st_mode & S_IWGRP) != 0 && st->st_gid != 0 && st->st_gid != trust->gid;
	bool by_others = (st->st_mode & S_IWOTH) != 0;

	if (st->st_uid != 0 && st->st_uid != trust->uid) {
		(void)snprintf(why, PART_BYTES, "%.120s belongs to uid %u; chown root it", path, (unsigned)st->st_uid);
		return false;
	}
	if (!(by_group || by_others) || is_sticky || is_read_only(fd))
		return true;
	(void)snprintf(why, PART_BYTES, "%.120s is writable by %s; chmod %s it", path,
		by_others ? "everybody" : "its group", by_others ? "o-w" : "g-w");
	return false;
}

struct step {
	int fd;		     /* where we stand */
	char path[PATH_MAX]; /* up to here, for messages */
	size_t len;
};

static void auto_step(struct step *step)
{
	own_close(&step->fd);
}

/* One component: step onto it, then look at what was stepped onto. */
static enum walk walk_step(
	struct step *step, const char *name, const struct trust *trust, struct stat *ret_st, char why[PART_BYTES])
{
	int next, len = snprintf(step->path + step->len, sizeof(step->path) - step->len, "/%s", name);

	step->len += len > 0 ? (size_t)len : 0;
	if (step->len >= sizeof(step->path))
		return WALK_BAD;
	next = openat(step->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0) {
		(void)snprintf(why, PART_BYTES, "%.120s: %s", step->path, strerror(errno));
		return errno == ENOENT ? WALK_ABSENT : WALK_BAD;
	}
	own_close(&step->fd);
	step->fd = next;
	if (fstat(next, ret_st) != 0)
		return WALK_BAD;
	if (S_ISLNK(ret_st->st_mode)) {
		(void)snprintf(why, PART_BYTES, "%.120s is a symbolic link; name the real path", step->path);
		return WALK_BAD;
	}
	return is_closed(ret_st, next, trust, step->path, why) ? WALK_GOOD : WALK_BAD;
}

enum walk doctor_walk(const char *path, const struct trust *trust, struct stat *ret_st, char why[PART_BYTES])
{
	AUTO(auto_step) struct step step = { .fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) };
	char parts[PATH_MAX], *left = parts, *name;
	enum walk result = WALK_GOOD;

	(void)snprintf(why, PART_BYTES, "%.120s: not a path that can be looked at", path);
	if (step.fd < 0 || path[0] != '/' || strlen(path) >= sizeof(parts) || fstat(step.fd, ret_st) != 0)
		return WALK_BAD;
	memcpy(parts, path + 1, strlen(path));
	if (!is_closed(ret_st, step.fd, trust, "/", why))
		return WALK_BAD;
	while (result == WALK_GOOD && (name = strsep(&left, "/")) != NULL)
		if (name[0] != '\0')
			result = walk_step(&step, name, trust, ret_st, why);
	return result;
}

bool doctor_directory_of(const char *path, char ret_directory[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

	if (len == 0 || len >= PATH_MAX)
		return false;
	memcpy(ret_directory, path, len);
	ret_directory[len] = '\0';
	return true;
}

enum walk doctor_walk_real(const char *path, const struct trust *trust, struct stat *ret_st, char why[PART_BYTES])
{
	char directory[PATH_MAX], real[PATH_MAX];

	if (!doctor_directory_of(path, directory) || realpath(directory, real) == NULL) {
		(void)snprintf(why, PART_BYTES, "%.120s: its directory cannot be looked at", path);
		return WALK_BAD;
	}
	if (doctor_walk(real, trust, ret_st, why) != WALK_GOOD)
		return WALK_BAD;
	if (realpath(path, real) == NULL) {
		(void)snprintf(why, PART_BYTES, "%.120s: %s", path, strerror(errno));
		return WALK_ABSENT;
	}
	return doctor_walk(real, trust, ret_st, why);
}

bool doctor_is_open(const char *path, mode_t bits, char why[PART_BYTES])
{
	char directory[PATH_MAX];
	struct stat st, above;

	if (stat(path, &st) != 0 || (st.st_mode & bits) == 0)
		return false;
	if (doctor_directory_of(path, directory) && stat(directory, &above) == 0 && (above.st_mode & S_IXOTH) == 0)
		return false;
	(void)snprintf(why, PART_BYTES, "%.120s is open to everybody on this machine (mode %04o)", path,
		(unsigned)(st.st_mode & 07777));
	return true;
}
