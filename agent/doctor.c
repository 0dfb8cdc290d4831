/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "base/log.h"
#include "base/own.h"

enum { PART_BYTES = 256, CONF_MAX = 64 * 1024 };

struct doctor {
	const struct config *config;
	const struct doctor_facts *facts;
	doctor_visit_fn *visit;
	void *context;
	struct doctor_result result;
	unsigned check; /* that is running */
	bool has_finding;
};

/* ---- findings --------------------------------------------------------------------------------------------------- */

static bool is_fixed(unsigned check)
{
	return check == 1 || check == 11 || check == 12 || check == 42;
}

static const char *accepted_because(const struct config *config, unsigned check)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "DOC-%02u", check);
	for (uint32_t i = 0; i < config->accept_count; i++)
		if (strcmp(config->accepts[i].check, name) == 0)
			return config->accepts[i].because;
	return NULL;
}

static enum doctor_outcome outcome_of(const struct doctor *d, bool is_refusal, const char **ret_because)
{
	*ret_because = is_fixed(d->check) ? NULL : accepted_because(d->config, d->check);
	if (*ret_because != NULL)
		return DOCTOR_ACCEPTED;
	if (!is_refusal || (d->config->posture == POSTURE_PERMISSIVE && !is_fixed(d->check)))
		return DOCTOR_WARN;
	return DOCTOR_REFUSE;
}

static void count(struct doctor_result *result, const struct doctor_finding *finding)
{
	result->warned += finding->outcome == DOCTOR_WARN;
	result->accepted += finding->outcome == DOCTOR_ACCEPTED;
	if (finding->outcome != DOCTOR_REFUSE)
		return;
	if (finding->provider == CONFIG_UNSET)
		result->refused++;
	else
		result->providers_down |= 1u << finding->provider;
}

static void find(struct doctor *d, bool is_refusal, uint32_t provider, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void find(struct doctor *d, bool is_refusal, uint32_t provider, const char *format, ...)
{
	struct doctor_finding finding = { .check = d->check, .provider = provider };
	char text[DOCTOR_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	finding.text = text;
	finding.outcome = outcome_of(d, is_refusal, &finding.because);
	d->has_finding = true;
	count(&d->result, &finding);
	d->visit(d->context, &finding);
}

#define refuse(d, ...) find((d), true, CONFIG_UNSET, __VA_ARGS__)
#define refuse_provider(d, i, ...) find((d), true, (i), __VA_ARGS__)
#define warn(d, ...) find((d), false, CONFIG_UNSET, __VA_ARGS__)

/* ---- walking a path, component by component, never through a link -------------------------------------------------
 */

enum walk { WALK_BAD = 0, WALK_ABSENT, WALK_GOOD };

/* Who may own a component or belong to the group that writes it, besides root. */
struct trust {
	uid_t uid;
	gid_t gid;
};

static const struct trust root_only = { 0, 0 };

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

/* Every component of an absolute path.  ret_st: of the last, when all are there. */
static enum walk walk(const char *path, const struct trust *trust, struct stat *ret_st, char why[PART_BYTES])
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

/* The directory of a path; false for one without. */
static bool directory_of(const char *path, char ret_directory[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

	if (len == 0 || len >= PATH_MAX)
		return false;
	memcpy(ret_directory, path, len);
	ret_directory[len] = '\0';
	return true;
}

static struct trust ourselves(const struct config *config)
{
	return (struct trust){ config->uid, config->gid };
}

/* ---- the checks ---------------------------------------------------------------------------------------------------
 */

/* DOC-01: no role runs as root. */
static void account_check(struct doctor *d)
{
	if (d->config->uid == CONFIG_UNSET)
		refuse(d, "there is no account '%s': create it (systemd-sysusers, or useradd --system %s)",
			d->config->user, d->config->user);
	else if (d->config->uid == 0)
		refuse(d, "user '%s' is uid 0: name an account without privileges in `user`", d->config->user);
}

/* DOC-04: what the sandbox is made of. */
static void kernel_check(struct doctor *d)
{
	if (!d->facts->has_seccomp)
		refuse(d, "this kernel or container offers no seccomp filters: allow the seccomp system call");
	if (!d->facts->has_no_new_privileges)
		refuse(d, "this kernel has no no-new-privileges: it is older than 3.5");
	if (d->facts->landlock_abi == 0)
		warn(d, "this kernel has no Landlock, so that roles may open what their uid may: boot with "
			"lsm=landlock,... or use 5.13 "
			"and later");
}

/* DOC-11: nobody else may put a socket where ours belong. */
static void socket_directories_check(struct doctor *d)
{
	struct trust trust = ourselves(d->config);

	for (uint32_t i = 0; i < d->config->listener_count; i++) {
		char directory[PATH_MAX], why[PART_BYTES];
		struct stat st;

		if (!directory_of(d->config->listeners[i].path, directory))
			refuse(d, "listeners[%u].path is not absolute", i);
		else if (walk(directory, &trust, &st, why) == WALK_BAD)
			refuse(d, "socket %s: %s", d->config->listeners[i].path, why);
	}
}

static bool somebody_listens(const char *path)
{
	AUTO(own_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return true; /* not known: then somebody might */
	memcpy(address.sun_path, path, strlen(path));
	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno != ECONNREFUSED;
}

/* DOC-12: what stands at the path is our own stale socket, or nothing. */
static void socket_check(struct doctor *d, const char *path)
{
	struct stat st;
	bool is_ours;

	if (lstat(path, &st) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			refuse(d, "%s: %s", path, strerror(errno));
		return;
	}
	is_ours = st.st_uid == 0 || st.st_uid == d->config->uid;
	if (!S_ISSOCK(st.st_mode))
		refuse(d, "%s exists and is no socket: move it away", path);
	else if (!is_ours)
		refuse(d, "%s is a socket of uid %u: find out whose it is, then remove it", path, (unsigned)st.st_uid);
	else if (!d->facts->may_be_running && somebody_listens(path))
		refuse(d, "%s: somebody listens there already: stop the other daemon", path);
}

static void sockets_check(struct doctor *d)
{
	for (uint32_t i = 0; i < d->config->listener_count; i++)
		socket_check(d, d->config->listeners[i].path);
}

/* Others reach neither the file nor the directory around it. */
static bool is_open_to_others(const char *path, mode_t bits, char why[PART_BYTES])
{
	char directory[PATH_MAX];
	struct stat st, above;

	if (stat(path, &st) != 0 || (st.st_mode & bits) == 0)
		return false;
	if (directory_of(path, directory) && stat(directory, &above) == 0 && (above.st_mode & S_IXOTH) == 0)
		return false;
	(void)snprintf(why, PART_BYTES, "%.120s is open to everybody on this machine (mode %04o)", path,
		(unsigned)(st.st_mode & 07777));
	return true;
}

static void tpm_device_check(struct doctor *d, uint32_t i)
{
	const char *tcti = d->config->providers[i].tcti, *path = NULL;
	char why[PART_BYTES];

	if (strncmp(tcti, "device:", 7) == 0)
		path = tcti + 7;
	else if (strncmp(tcti, "swtpm:path=", 11) == 0)
		path = tcti + 11;
	else if (strncmp(tcti, "swtpm:", 6) == 0)
		refuse(d,
			"provider %s: a TPM on a network port is open to everybody on this machine; use "
			"swtpm:path=SOCKET",
			d->config->providers[i].name);
	if (path != NULL && is_open_to_others(path, S_IROTH | S_IWOTH, why))
		refuse(d, "provider %s: %s; chmod o-rw it, others reach the TPM past keyreeve",
			d->config->providers[i].name, why);
}

static const char *env_value(const struct config_provider *provider, const char *name)
{
	for (uint32_t i = 0; i < provider->env_count; i++)
		if (strcmp(provider->env[i].name, name) == 0)
			return provider->env[i].value;
	return NULL;
}

/* SoftHSM's file says "directories.tokendir = PATH". */
static bool softhsm_directory(const char *conf_path, char ret_directory[PATH_MAX])
{
	AUTO(own_close) int fd = open(conf_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	AUTO(own_free) char *text = calloc(1, CONF_MAX + 1);
	const char *line;

	if (fd < 0 || text == NULL || read(fd, text, CONF_MAX) <= 0)
		return false;
	for (line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, " directories.tokendir = %4095s", ret_directory) == 1)
			return true;
	}
	return false;
}

static void token_check(struct doctor *d, uint32_t i)
{
	const struct config_provider *provider = &d->config->providers[i];
	const char *conf = env_value(provider, "SOFTHSM2_CONF");
	struct trust trust = ourselves(d->config);
	char directory[PATH_MAX], why[PART_BYTES];
	struct stat st;

	if (conf != NULL && walk(conf, &trust, &st, why) == WALK_BAD)
		refuse(d, "provider %s: %s", provider->name, why);
	if (conf != NULL && softhsm_directory(conf, directory) && is_open_to_others(directory, S_IRWXO, why))
		refuse(d, "provider %s: token directory %s; chmod o-rwx it", provider->name, why);
	if (provider->needs_unix_sockets && is_open_to_others("/run/pcscd/pcscd.comm", S_IWOTH, why))
		refuse(d, "provider %s: %s; let its daemon serve the group of '%s' only", provider->name, why,
			d->config->user);
	if (is_open_to_others(provider->pin_file, S_IROTH | S_IWOTH, why))
		refuse(d, "provider %s: PIN file %s; chmod 0400 it", provider->name, why);
}

/* DOC-21: devices, token directories and broker sockets are closed to others. */
static void devices_check(struct doctor *d)
{
	for (uint32_t i = 0; i < d->config->provider_count; i++) {
		if (d->config->providers[i].type == PROVIDER_TPM)
			tpm_device_check(d, i);
		if (d->config->providers[i].type == PROVIDER_PKCS11)
			token_check(d, i);
	}
}

/* DOC-22: whose code the worker loads. */
static void modules_check(struct doctor *d)
{
	for (uint32_t i = 0; i < d->config->provider_count; i++) {
		const struct config_provider *provider = &d->config->providers[i];
		char why[PART_BYTES];
		struct stat st;

		if (provider->type != PROVIDER_PKCS11)
			continue;
		if (walk(provider->module, &root_only, &st, why) != WALK_GOOD)
			refuse_provider(d, i, "provider %s: module %s", provider->name, why);
		else if (!S_ISREG(st.st_mode))
			refuse_provider(
				d, i, "provider %s: module %s is no regular file", provider->name, provider->module);
	}
}

static bool has_direct(const struct config_listener *listener)
{
	for (uint32_t i = 0; i < listener->authenticator_count; i++)
		if (listener->authenticators[i] == AUTHENTICATOR_DIRECT)
			return true;
	return false;
}

/* DOC-33: who may claim any name is a named group, on a listener of its own. */
static void direct_check(struct doctor *d)
{
	for (uint32_t i = 0; i < d->config->listener_count; i++) {
		const struct config_listener *listener = &d->config->listeners[i];

		if (!has_direct(listener))
			continue;
		if (listener->authenticator_count > 1)
			refuse(d, "%s serves direct beside others: give direct a listener of its own", listener->path);
		if (listener->mode != 0660 || listener->group == NULL)
			refuse(d, "%s lets everybody claim any name: set mode: \"0660\" and a group", listener->path);
	}
}

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

/* DOC-42: the store is ours alone, on a disk of this machine. */
static void state_check(struct doctor *d)
{
	const char *path = d->config->paths.state;
	struct trust trust = ourselves(d->config);
	AUTO(own_close) int fd = -1;
	char why[PART_BYTES];
	struct stat st;
	enum walk result = walk(path, &trust, &st, why);

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
}

/* Kubernetes swaps links inside the directory (..data); none may lead out of it. */
static bool config_real_path(const char *path, char ret_real[PATH_MAX], char why[PART_BYTES])
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
	if (!directory_of(path, directory) || walk(directory, &root_only, &st, why) != WALK_GOOD)
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

/* DOC-45: who can write the file decides what keyreeve does. */
static void file_check(struct doctor *d)
{
	char real[PATH_MAX], why[PART_BYTES] = "its path cannot be looked at";
	struct stat st;

	if (!config_real_path(d->facts->config_path, real, why) || walk(real, &root_only, &st, why) != WALK_GOOD)
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

/* DOC-47: a key file beside the sealed keys protects nothing. */
static void wrap_check(struct doctor *d)
{
	for (uint32_t i = 0; i < d->config->provider_count; i++) {
		const struct config_provider *provider = &d->config->providers[i];
		bool is_auto = provider->type == PROVIDER_SOFTWARE && strcmp(provider->wrap, "auto") == 0;

		if (provider->type != PROVIDER_SOFTWARE)
			continue;
		if (strcmp(provider->wrap, "file") == 0 || (is_auto && !has_device(d->config)))
			refuse_provider(d, i,
				"provider %s: its keys are wrapped by a key file, which whoever reads the disk has "
				"too; "
				"configure a TPM or token and name it in wrap",
				provider->name);
	}
}

/* ---- running them ---------------------------------------------------------------------------------------------------
 */

static const struct row {
	unsigned check;
	void (*run)(struct doctor *d);
	const char *good;
} rows[] = {
	{ 1, account_check, "roles run without privileges" },
	{ 4, kernel_check, "seccomp, no-new-privileges and Landlock are there" },
	{ 11, socket_directories_check, "socket directories are closed to others" },
	{ 12, sockets_check, "nobody else stands at the sockets' paths" },
	{ 21, devices_check, "devices and tokens are closed to others" },
	{ 22, modules_check, "modules belong to root" },
	{ 33, direct_check, "direct has a listener and a group of its own, or is not used" },
	{ 42, state_check, "the store directory is ours alone" },
	{ 45, file_check, "the configuration can be written by root only" },
	{ 47, wrap_check, "software keys are wrapped by a device" },
};

struct doctor_result doctor_run(
	const struct config *config, const struct doctor_facts *facts, doctor_visit_fn *visit, void *context)
{
	struct doctor d = { .config = config, .facts = facts, .visit = visit, .context = context };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct doctor_finding good = { rows[i].check, DOCTOR_GOOD, CONFIG_UNSET, rows[i].good, NULL };

		d.check = rows[i].check;
		d.has_finding = false;
		rows[i].run(&d);
		if (!d.has_finding)
			visit(context, &good);
	}
	return d.result;
}

void doctor_probe(const char *config_path, bool may_be_running, struct doctor_facts *ret_facts)
{
	uint32_t action = SECCOMP_RET_ERRNO;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	*ret_facts = (struct doctor_facts){
		.config_path = config_path,
		.may_be_running = may_be_running,
		.has_seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0,
		.has_no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0,
		.landlock_abi = abi > 0 ? (int)abi : 0,
	};
}

static void log_visit(void *context, const struct doctor_finding *finding)
{
	switch (finding->outcome) {
	case DOCTOR_REFUSE:
		log_error("DOC-%02u %s: %s", finding->check,
			finding->provider == CONFIG_UNSET ? "refuses" : "takes a provider out", finding->text);
		return;
	case DOCTOR_WARN:
		log_warning("DOC-%02u warns: %s", finding->check, finding->text);
		return;
	case DOCTOR_ACCEPTED:
		log_notice("DOC-%02u accepted (%s): %s", finding->check, finding->because, finding->text);
		return;
	case DOCTOR_GOOD:
		if (*(const bool *)context)
			log_info("DOC-%02u good: %s", finding->check, finding->text);
		return;
	}
}

struct doctor_result doctor_report(const struct config *config, const char *config_path, bool says_all)
{
	struct doctor_facts facts;

	doctor_probe(config_path, says_all, &facts);
	return doctor_run(config, &facts, log_visit, &says_all);
}
