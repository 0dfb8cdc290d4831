/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"

static struct status address_of(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	ENSURE(strlen(path) < sizeof(ret_address->sun_path), LIMIT);
	memcpy(ret_address->sun_path, path, strlen(path) + 1);
	return OK;
}

/* Nobody answers at the socket. */
static bool refuses(const struct sockaddr_un *address)
{
	AUTO(own_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
}

/* Whatever is at the path already: nothing, our own stale socket, or a reason to stop. */
static struct status check_place(const struct sockaddr_un *address, uid_t owner, char ret_text[LISTEN_TEXT_BYTES])
{
	struct stat there;

	if (lstat(address->sun_path, &there) < 0 && errno == ENOENT)
		return OK;
	if (!S_ISSOCK(there.st_mode)) {
		(void)snprintf(
			ret_text, LISTEN_TEXT_BYTES, "%s exists and is not a socket: remove it", address->sun_path);
		return FAIL(CHECK_FAILED);
	}
	if (there.st_uid != owner && there.st_uid != geteuid()) {
		(void)snprintf(ret_text, LISTEN_TEXT_BYTES, "%s belongs to uid %u, not to keyreeve: remove it",
			address->sun_path, (unsigned)there.st_uid);
		return FAIL(CHECK_FAILED);
	}
	if (!refuses(address)) {
		(void)snprintf(
			ret_text, LISTEN_TEXT_BYTES, "somebody listens at %s already: stop it", address->sun_path);
		return FAIL(CHECK_FAILED);
	}
	return OK;
}

static struct status bind_at(int fd, const struct sockaddr_un *address, mode_t mode, uid_t owner, gid_t group)
{
	mode_t before = umask(0777); /* born closed to everyone */
	int bound = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int error = errno;

	(void)umask(before);
	if (bound < 0)
		return FAIL_RC(IO, error);
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return FAIL_RC(IO, errno);
	if (geteuid() == 0 ? chown(address->sun_path, owner, group) < 0
			   : group != (gid_t)-1 && chown(address->sun_path, (uid_t)-1, group) < 0)
		return FAIL_RC(IO, errno);
	if (chmod(address->sun_path, mode) < 0)
		return FAIL_RC(IO, errno);
	return OK;
}

struct status listen_bind(
	const char *path, mode_t mode, uid_t owner, gid_t group, char ret_text[LISTEN_TEXT_BYTES], int *ret_fd)
{
	struct sockaddr_un final, first;
	char temporary[sizeof(final.sun_path)];
	AUTO(own_close) int fd = -1;
	struct status st;

	(void)snprintf(ret_text, LISTEN_TEXT_BYTES, "cannot bind %s: its directory must exist and be ours", path);
	TRY(address_of(path, &final));
	/* One byte shorter than the final name may be: a dot and the pid in place of the file's name. */
	const char *slash = strrchr(path, '/');
	ENSURE(slash != NULL, CHECK_FAILED);
	int len = snprintf(
		temporary, sizeof(temporary), "%.*s/.%u", (int)(slash - path), path, (unsigned)getpid() % 100000);
	ENSURE(len > 0 && (size_t)len < sizeof(temporary), LIMIT);
	TRY(address_of(temporary, &first));
	TRY(check_place(&final, owner, ret_text));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return FAIL_RC(IO, errno);
	(void)unlink(temporary); /* a start that was killed may have left it */
	st = bind_at(fd, &first, mode, owner, group);
	if (st.code == STATUS_OK && rename(temporary, path) < 0)
		st = FAIL_RC(IO, errno);
	if (st.code != STATUS_OK) {
		(void)unlink(temporary);
		return st;
	}
	*ret_fd = own_take_fd(&fd);
	return OK;
}

struct status listen_change(const char *path, mode_t mode, uid_t owner, gid_t group, char ret_text[LISTEN_TEXT_BYTES])
{
	/* The directory is ours (DOC-11): nobody else can put something here between the look and the change. */
	struct stat there;

	(void)snprintf(ret_text, LISTEN_TEXT_BYTES,
		"mode and group of %s cannot be changed: the service account must own it and belong to the group; "
		"restart",
		path);
	if (lstat(path, &there) < 0 || !S_ISSOCK(there.st_mode) || there.st_uid != owner)
		return FAIL(CHECK_FAILED);
	if (chmod(path, there.st_mode & mode & 07777) < 0 || lchown(path, (uid_t)-1, group) < 0)
		return FAIL_RC(CHECK_FAILED, errno);
	return chmod(path, mode) < 0 ? FAIL_RC(CHECK_FAILED, errno) : OK;
}
