/* SPDX-License-Identifier: Apache-2.0 */
#include "base/landlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"

/* Kernel headers of the build may be older than the kernel that runs: the numbers are the interface's own. */
enum {
	LANDLOCK_CREATE = 444,
	LANDLOCK_ADD = 445,
	LANDLOCK_RESTRICT = 446,
	LANDLOCK_VERSION_FLAG = 1,
	LANDLOCK_PATH_BENEATH = 1,
	LANDLOCK_NET_PORT = 2,
};
struct landlock_ruleset {
	uint64_t fs, net, scoped;
};
struct landlock_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));
struct landlock_port {
	uint64_t allowed, port;
};

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_MAKE_CHAR = 1 << 6,
	FS_MAKE_SOCK = 1 << 9,
	FS_MAKE_BLOCK = 1 << 11,
	FS_ABI_1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,    /* ABI 2: moves between directories; never possible where nobody grants it */
	FS_TRUNCATE = 1 << 14, /* ABI 3 */
	FS_IOCTL = 1 << 15,    /* ABI 5 */
	FS_FILE = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL,
	/* what no role does: execute a file, make devices, make sockets that somebody could find */
	FS_NOBODYS = FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_SOCK | FS_MAKE_BLOCK,
	NET_CONNECT = 2,
	NET_ALL = 3,   /* ABI 4: bind and connect TCP */
	SCOPE_ALL = 3, /* ABI 6: abstract Unix sockets, signals */
};

int landlock_abi(void)
{
	long abi = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION_FLAG);

	return abi > 0 ? (int)abi : 0;
}

static uint64_t fs_rights(int abi)
{
	return (uint64_t)FS_ABI_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
	       (abi >= 5 ? FS_IOCTL : 0);
}

/* What the rule set is about; anything else stays as it was. */
static uint64_t handled_rights(enum sandbox_role role, int abi)
{
	return role == SANDBOX_KEYREEVED ? (fs_rights(abi) & (FS_NOBODYS | FS_REFER)) : fs_rights(abi);
}

static struct status allow_fd(int ruleset, int fd, uint64_t rights)
{
	struct landlock_beneath rule = { .allowed = rights, .fd = fd };
	struct stat info;

	if (fstat(fd, &info) < 0)
		return FAIL_RC(SANDBOX, errno);
	if (!S_ISDIR(info.st_mode))
		rule.allowed &= FS_FILE;
	if (syscall(LANDLOCK_ADD, ruleset, LANDLOCK_PATH_BENEATH, &rule, 0) < 0)
		return FAIL_RC(SANDBOX, errno);
	return OK;
}

static struct status allow_path(int ruleset, const char *path, uint64_t rights)
{
	AUTO(own_close) int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? OK : FAIL_RC(SANDBOX, errno);
	return allow_fd(ruleset, fd, rights);
}

/* ---- everything but one directory ---------------------------------------------------------------- */

/* From the root to the closed directory.  Directories are compared by what they are: the same one may have a second
 * name, by a mount. */
struct way {
	struct {
		dev_t device;
		ino_t inode;
	} steps[LANDLOCK_DEPTH_MAX];
	size_t step_count, sibling_count;
};

static bool is_on_way(const struct way *way, const struct stat *st)
{
	for (size_t i = 0; i < way->step_count; i++)
		if (way->steps[i].device == st->st_dev && way->steps[i].inode == st->st_ino)
			return true;
	return false;
}

static struct status add_step(struct way *way, const char *path)
{
	struct stat st;

	ENSURE(way->step_count < LANDLOCK_DEPTH_MAX, SANDBOX);
	if (stat(path, &st) < 0)
		return FAIL_RC(SANDBOX, errno);
	way->steps[way->step_count].device = st.st_dev;
	way->steps[way->step_count].inode = st.st_ino;
	way->step_count++;
	return OK;
}

/* Not through links: what one points at is granted where it is, or is on the way. */
static struct status allow_sibling(int ruleset, int directory, const char *name, uint64_t rights, struct way *way)
{
	AUTO(own_close) int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return OK; /* gone, or not ours to see: then not granted */
	if (S_ISLNK(st.st_mode) || is_on_way(way, &st))
		return OK;
	ENSURE(way->sibling_count++ < LANDLOCK_SIBLINGS_MAX, SANDBOX);
	return allow_fd(ruleset, fd, rights);
}

static void close_directory(DIR **directory)
{
	if (*directory != NULL)
		(void)closedir(*directory); /* was only read */
}

/* A directory that we may not list has nothing granted in it. */
static struct status allow_siblings(int ruleset, const char *path, uint64_t rights, struct way *way)
{
	AUTO(close_directory) DIR *directory = opendir(path);
	const struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			TRY(allow_sibling(ruleset, dirfd(directory), entry->d_name, rights, way));
	return OK;
}

/* The directories above the closed one get no rule of their own, which would hold for it, too: so they can be passed
 * through, but not listed, and nothing can be made directly in them. */
static struct status allow_all_but(int ruleset, const char *closed, uint64_t rights)
{
	struct way way = { 0 };
	char path[PATH_MAX];
	char *slash;

	if (realpath(closed, path) == NULL)
		return FAIL_RC(SANDBOX, errno);
	TRY(add_step(&way, "/"));
	for (slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
		char kept = slash[0];

		if (slash == path)
			continue;
		slash[0] = '\0';
		TRY(add_step(&way, path));
		slash[0] = kept;
	}
	TRY(add_step(&way, path));
	while ((slash = strrchr(path, '/')) != NULL && path[1] != '\0') {
		slash[slash == path] = '\0'; /* its parent; the root's name is a slash */
		TRY(allow_siblings(ruleset, path, rights, &way));
	}
	return OK;
}

/* ---- each role ----------------------------------------------------------------------------------- */

static struct status allow_paths(int ruleset, const struct sandbox_options *o, uint64_t rights)
{
	for (size_t i = 0; i < SANDBOX_PATHS_MAX && o->read[i] != NULL; i++)
		TRY(allow_path(ruleset, o->read[i], FS_READ_FILE | FS_READ_DIR));
	for (size_t i = 0; i < SANDBOX_PATHS_MAX && o->write[i] != NULL; i++)
		TRY(allow_path(ruleset, o->write[i], rights));
	if (o->reads_proc)
		TRY(allow_path(ruleset, "/proc", FS_READ_FILE));
	return o->write_fd >= 0 ? allow_fd(ruleset, o->write_fd, rights) : OK;
}

/* Of the program itself, which is visited first: the kernel executes the loader with every role. */
static int find_loader(struct dl_phdr_info *info, size_t size, void *ret_path)
{
	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)ret_path = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1;
}

static struct status allow_roles(int ruleset, const struct sandbox_options *o, int abi)
{
	const char *loader = NULL;

	(void)dl_iterate_phdr(find_loader, &loader);
	if (loader != NULL)
		TRY(allow_path(ruleset, loader, FS_EXECUTE));
	if (abi >= 2)
		TRY(allow_path(ruleset, "/", FS_REFER));
	for (size_t i = 0; i < SANDBOX_PATHS_MAX && o->write[i] != NULL; i++)
		TRY(allow_path(ruleset, o->write[i], FS_MAKE_SOCK));
	return o->execute_fd >= 0 ? allow_fd(ruleset, o->execute_fd, FS_EXECUTE) : OK;
}

static struct status allow_role(int ruleset, enum sandbox_role role, const struct sandbox_options *o, int abi)
{
	if (role == SANDBOX_KEYREEVED)
		return allow_roles(ruleset, o, abi);
	if (role != SANDBOX_P11)
		return allow_paths(ruleset, o, fs_rights(abi) & ~(uint64_t)FS_EXECUTE);
	/* A vendor module reads and writes where modes let it. */
	TRY(allow_paths(ruleset, o, fs_rights(abi) & ~(uint64_t)FS_NOBODYS));
	if (o->closed == NULL)
		return allow_path(ruleset, "/", fs_rights(abi) & ~(uint64_t)FS_NOBODYS);
	return allow_all_but(ruleset, o->closed, fs_rights(abi) & ~(uint64_t)FS_NOBODYS);
}

static struct status allow_ports(int ruleset, const struct sandbox_options *o)
{
	for (size_t i = 0; i < o->port_count; i++) {
		struct landlock_port rule = { .allowed = NET_CONNECT, .port = o->ports[i] };

		if (syscall(LANDLOCK_ADD, ruleset, LANDLOCK_NET_PORT, &rule, 0) < 0)
			return FAIL_RC(SANDBOX, errno);
	}
	return OK;
}

struct status landlock_enter(enum sandbox_role role, const struct sandbox_options *o, int abi)
{
	struct landlock_ruleset rules = { .fs = handled_rights(role, abi) };
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	AUTO(own_close) int ruleset = -1;

	if (abi >= 4 && (!o->needs_network || o->port_count > 0))
		rules.net = NET_ALL;
	if (abi >= 6)
		rules.scoped = SCOPE_ALL;
	ruleset = (int)syscall(LANDLOCK_CREATE, &rules, size, 0);
	if (ruleset < 0)
		return FAIL_RC(SANDBOX, errno);
	TRY(allow_role(ruleset, role, o, abi));
	if (abi >= 4 && o->needs_network)
		TRY(allow_ports(ruleset, o));
	if (syscall(LANDLOCK_RESTRICT, ruleset, 0) < 0)
		return FAIL_RC(SANDBOX, errno);
	return OK;
}
