/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/doctor.h"

#include <errno.h>
#include <grp.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/doctor_parts.h"
#include "base/log.h"
#include "base/own.h"

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

void doctor_find(struct doctor *d, bool is_refusal, uint32_t provider, const char *format, ...)
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

/* ---- the checks that need no file of their own ---------------------------------------------------------------------
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
	struct trust trust = doctor_ourselves(d->config);

	for (uint32_t i = 0; i < d->config->listener_count; i++) {
		char directory[PATH_MAX], why[PART_BYTES];
		struct stat st;

		if (!doctor_directory_of(d->config->listeners[i].path, directory))
			refuse(d, "listeners[%u].path is not absolute", i);
		else if (doctor_walk(directory, &trust, &st, why) == WALK_BAD)
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

static bool has_direct(const struct config_listener *listener)
{
	for (uint32_t i = 0; i < listener->authenticator_count; i++)
		if (listener->authenticators[i] == AUTHENTICATOR_DIRECT)
			return true;
	return false;
}

/* Who the tenant is: the group's members, as far as they are listed there. */
static void print_members(struct doctor *d, const struct config_listener *listener)
{
	const struct group *group = getgrnam(listener->group);
	size_t len = strlen(d->good);

	len += (size_t)snprintf(d->good + len, sizeof(d->good) - len,
		"%s%s claims any name by group %s:", len > 0 ? "; " : "", listener->path, listener->group);
	for (size_t i = 0; group != NULL && group->gr_mem[i] != NULL && len < sizeof(d->good); i++)
		len += (size_t)snprintf(d->good + len, sizeof(d->good) - len, " %s", group->gr_mem[i]);
	if (len < sizeof(d->good) && (group == NULL || group->gr_mem[0] == NULL))
		(void)snprintf(
			d->good + len, sizeof(d->good) - len, " no members beside accounts whose own group it is");
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
		else
			print_members(d, listener);
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
	{ 6, doctor_check_binding, "nobody's tokens are bound: no tenant has any" },
	{ 11, socket_directories_check, "socket directories are closed to others" },
	{ 12, sockets_check, "nobody else stands at the sockets' paths" },
	{ 14, doctor_check_endpoint, "nobody else can put a socket at the Workload API's path" },
	{ 18, doctor_check_audience, "tokens are asked for by an audience of our own, or not at all" },
	{ 21, doctor_check_devices, "devices and tokens are closed to others" },
	{ 22, doctor_check_modules, "modules and their libraries belong to root, and are those that are pinned" },
	{ 31, doctor_check_accounts, "accounts of tenants that are named by uid cannot log in" },
	{ 33, direct_check, "direct has a listener and a group of its own, or is not used" },
	{ 42, doctor_check_state, "the store directory is ours alone" },
	{ 45, doctor_check_file, "the configuration can be written by root only" },
	{ 47, doctor_check_wrap, "software keys are wrapped by a device" },
};

struct doctor_result doctor_run(
	const struct config *config, const struct doctor_facts *facts, doctor_visit_fn *visit, void *context)
{
	struct doctor d = { .config = config, .facts = facts, .visit = visit, .context = context };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct doctor_finding good = { rows[i].check, DOCTOR_GOOD, CONFIG_UNSET, rows[i].good, NULL };

		d.check = rows[i].check;
		d.has_finding = false;
		d.good[0] = '\0';
		rows[i].run(&d);
		if (d.good[0] != '\0')
			good.text = d.good;
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
	principal_probe(&ret_facts->peers);
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

struct doctor_result doctor_report(const struct config *config, const char *config_path, enum doctor_moment moment)
{
	bool says_all = moment == DOCTOR_CHECK;
	struct doctor_facts facts;

	doctor_probe(config_path, moment != DOCTOR_START, &facts);
	return doctor_run(config, &facts, log_visit, &says_all);
}
