/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/principal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/own.h"
#include "base/pidfd.h"

/* Kernel headers of the build may be older than the kernel that runs: the numbers are the interface's own. */
enum {
	PEER_PIDFD = 77, /* SO_PEERPIDFD */
	PIDFS_MAGIC = 0x50494446,
	CGROUP2_MAGIC = 0x63677270,
	STAT_FIELDS_BEFORE_START = 19, /* of /proc/PID/stat, after the name */
	PROC_TEXT_BYTES = 4096,	       /* of /proc/PID/stat or cgroup */
};
#define KNOWN_BY_START (1ull << 63)

/* ---- facts of this kernel ------------------------------------------------------------------------------------- */

static const char *unified_hierarchy(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs there;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (statfs(places[i], &there) == 0 && there.f_type == CGROUP2_MAGIC)
			return places[i];
	return NULL;
}

static bool get_info(int pidfd, struct pidfd_info *ret_info)
{
	*ret_info = (struct pidfd_info){ .mask = PIDFD_INFO_CGROUP };
	return ioctl(pidfd, PIDFD_GET_INFO, ret_info) == 0 && (ret_info->mask & PIDFD_INFO_CGROUP) != 0;
}

/* Of a process that is gone there may be none (ESRCH), which is no failure. */
static struct status peer_pidfd(int fd, int *ret_pidfd)
{
	int pidfd = -1;
	socklen_t len = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, PEER_PIDFD, &pidfd, &len) == 0)
		*ret_pidfd = pidfd;
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	return OK;
}

void principal_probe(struct principal_facts *ret_facts)
{
	int pair[2];
	int pidfd = -1;
	struct statfs of;
	struct pidfd_info info;
	char label[PRINCIPAL_LABEL_BYTES];
	socklen_t len = sizeof(label);

	*ret_facts = (struct principal_facts){ .cgroups = unified_hierarchy(),
		.has_proc = access("/proc/1/stat", R_OK) == 0 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return; /* nothing is known, and what needs it is refused */
	ret_facts->has_label = getsockopt(pair[0], SOL_SOCKET, SO_PEERSEC, label, &len) == 0 || errno != ENOPROTOOPT;
	(void)peer_pidfd(pair[0], &pidfd); /* none, whatever the reason */
	ret_facts->has_pidfd = pidfd >= 0;
	ret_facts->has_inodes = pidfd >= 0 && fstatfs(pidfd, &of) == 0 && of.f_type == PIDFS_MAGIC;
	ret_facts->has_info = pidfd >= 0 && get_info(pidfd, &info);
	own_close(&pidfd);
	own_close(&pair[0]);
	own_close(&pair[1]);
}

bool principal_tells_process(const struct principal_facts *facts)
{
	return facts->has_inodes || facts->has_proc;
}

bool principal_tells_cgroup(const struct principal_facts *facts)
{
	return facts->has_info || (facts->has_proc && facts->cgroups != NULL);
}

bool principal_needs_proc(const struct principal_facts *facts)
{
	return !facts->has_inodes || !facts->has_info;
}

/* ---- /proc, for older kernels --------------------------------------------------------------------------------- */

/* The file's text, as far as it fits; empty when there is none. */
static void proc_read(pid_t pid, const char *name, char ret_text[PROC_TEXT_BYTES])
{
	char path[64];
	size_t len = 0;
	ssize_t n = 1;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	AUTO(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n > 0 && len < PROC_TEXT_BYTES - 1) {
		n = read(fd, ret_text + len, PROC_TEXT_BYTES - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	ret_text[len] = '\0';
}

/* Start of a process in clock ticks since boot; 0: not known.  Its name may hold blanks and brackets. */
static uint64_t proc_start(pid_t pid)
{
	char text[PROC_TEXT_BYTES];
	const char *at;

	if (pid <= 0)
		return 0;
	proc_read(pid, "stat", text);
	at = strrchr(text, ')');
	for (int i = 0; at != NULL && i <= STAT_FIELDS_BEFORE_START; i++)
		at = strchr(at + 1, ' ');
	return at != NULL ? strtoull(at + 1, NULL, 10) | KNOWN_BY_START : 0;
}

static uint64_t cgroup_at(const struct principal_facts *facts, const char *path)
{
	char whole[PATH_MAX];
	struct stat there;
	int len = snprintf(whole, sizeof(whole), "%s%s", facts->cgroups != NULL ? facts->cgroups : "", path);

	if (facts->cgroups == NULL || len < 0 || (size_t)len >= sizeof(whole) || stat(whole, &there) < 0)
		return 0;
	return there.st_ino;
}

/* The line of the unified hierarchy: "0::/system.slice/web.service". */
static uint64_t proc_cgroup(const struct principal_facts *facts, pid_t pid)
{
	char text[PROC_TEXT_BYTES];
	char *line = text, *end;

	proc_read(pid, "cgroup", text);
	while (line != NULL && strncmp(line, "0::/", 4) != 0)
		line = (line = strchr(line, '\n')) != NULL ? line + 1 : NULL;
	if (line == NULL || (end = strchr(line, '\n')) == NULL)
		return 0;
	*end = '\0';
	return cgroup_at(facts, line + 3);
}

/* ---- one peer ------------------------------------------------------------------------------------------------- */

static struct status take_label(int fd, struct principal *to)
{
	socklen_t len = sizeof(to->label);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, to->label, &len) == 0) {
		while (len > 0 && to->label[len - 1] == '\0')
			len--; /* SELinux counts the end of its text */
		to->label_len = len;
		return OK;
	}
	ENSURE(errno != ERANGE, LIMIT);
	return OK; /* this socket has none */
}

static void take_process(const struct principal_facts *facts, struct principal *to)
{
	struct stat of;

	if (!facts->has_inodes)
		to->process =
			(struct principal_process){ (uint64_t)to->uid << 32 | (uint32_t)to->pid, proc_start(to->pid) };
	else if (to->pidfd >= 0 && fstat(to->pidfd, &of) == 0)
		to->process = (struct principal_process){ .id = of.st_ino };
	if (!facts->has_inodes && to->process.start == 0)
		to->process = (struct principal_process){ 0 };
}

static void take_cgroup(const struct principal_facts *facts, struct principal *to)
{
	struct pidfd_info info;

	if (!facts->has_info && to->pid > 0)
		to->cgroup = proc_cgroup(facts, to->pid);
	else if (to->pidfd >= 0 && get_info(to->pidfd, &info))
		to->cgroup = info.cgroup;
}

/* What /proc said, if the process ended meanwhile and its number was given away. */
static bool proc_was_anothers(const struct principal *principal)
{
	return principal->pidfd >= 0 && principal_process_ended(&principal->process, principal->pidfd);
}

struct status principal_take(int fd, const struct principal_facts *facts, struct principal *ret)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	*ret = (struct principal){ .pidfd = -1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return FAIL_RC(IO, errno);
	ret->uid = peer.uid;
	ret->gid = peer.gid;
	ret->pid = peer.pid;
	if (facts->has_pidfd)
		TRY(peer_pidfd(fd, &ret->pidfd));
	take_process(facts, ret);
	if (!facts->has_inodes && proc_was_anothers(ret))
		ret->process = (struct principal_process){ 0 };
	return OK;
}

bool principal_is_again(int fd, const struct principal *known)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return known->pidfd >= 0 && known->pid > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       peer.pid == known->pid && peer.uid == known->uid && peer.gid == known->gid &&
	       !principal_process_ended(&known->process, known->pidfd);
}

struct status principal_complete(int fd, const struct principal_facts *facts, struct principal *principal)
{
	if (facts->has_label)
		TRY(take_label(fd, principal));
	take_cgroup(facts, principal);
	if (!facts->has_info && proc_was_anothers(principal))
		principal->cgroup = 0;
	return OK;
}

void principal_done(struct principal *principal)
{
	own_close(&principal->pidfd);
}

/* ---- questions ------------------------------------------------------------------------------------------------ */

bool principal_process_known(const struct principal_process *process)
{
	return process->id != 0;
}

bool principal_process_equal(const struct principal_process *a, const struct principal_process *b)
{
	return principal_process_known(a) && a->id == b->id && a->start == b->start;
}

bool principal_process_ended(const struct principal_process *process, int pidfd)
{
	struct pollfd of = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0)
		return poll(&of, 1, 0) > 0;
	return process->start != 0 && proc_start((pid_t)(uint32_t)process->id) != process->start;
}

bool principal_in_group(int fd, const struct principal *principal, gid_t group)
{
	gid_t groups[PRINCIPAL_GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (principal->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

struct bytes principal_label(const struct principal *principal)
{
	return bytes_of(principal->label, principal->label_len);
}

bool principal_same(enum principal_scope scope, const struct principal *a, const struct principal *b)
{
	bool is_account = a->uid == b->uid && a->gid == b->gid && bytes_equal(principal_label(a), principal_label(b));

	switch (scope) {
	case PRINCIPAL_ACCOUNT:
		return is_account;
	case PRINCIPAL_PROCESS:
		return is_account && principal_process_equal(&a->process, &b->process);
	case PRINCIPAL_CGROUP:
		return is_account && a->cgroup != 0 && a->cgroup == b->cgroup;
	}
	return false;
}

bool principal_in_cgroup(const struct principal *principal, const struct principal_facts *facts, const char *path)
{
	return principal->cgroup != 0 && cgroup_at(facts, path) == principal->cgroup;
}
