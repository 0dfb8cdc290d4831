/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeved, the first process: reads the configuration through keyreeve-config, runs the start-up checks, opens
 * listeners, directories and PIN files, becomes the service's user for good, and starts the roles.  It parses nothing
 * that a client sent. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/account.h"
#include "agent/config_fetch.h"
#include "agent/doctor.h"
#include "agent/notify.h"
#include "agent/supervise.h"
#include "base/log.h"
#include "base/own.h"
#include "base/program.h"
#include "base/sandbox.h"

#define CONFIG_DEFAULT "/etc/keyreeve/keyreeve.yaml"

/* Exit codes, as of the command line (DESIGN section 9). */
enum { EXIT_GOOD = 0, EXIT_USAGE = 1, EXIT_REFUSED = 4, EXIT_FINDINGS = 8 };

enum { VERSION_MAX = 4096 };

static const char usage[] =
	"usage: keyreeved [--config FILE] [--check]\n"
	"  --config FILE   the configuration (default " CONFIG_DEFAULT ")\n"
	"  --check         check the configuration and this machine, say what is found, start nothing\n"
	"  --version       what this is\n";

struct options {
	const char *config;
	bool check;
};

/* 0: go on; else the exit code plus one. */
static int parse_options(int argc, char **argv, struct options *ret)
{
	*ret = (struct options){ .config = CONFIG_DEFAULT };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
			ret->config = argv[++i];
		} else if (strcmp(argv[i], "--check") == 0) {
			ret->check = true;
		} else if (strcmp(argv[i], "--version") == 0) {
			AUTO(buf_done) struct buf text = buf_make(VERSION_MAX);

			program_version_put(&text, "keyreeved");
			printf("%.*s", (int)text.len, (const char *)text.data);
			return EXIT_GOOD + 1;
		} else if (strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			return EXIT_GOOD + 1;
		} else {
			fprintf(stderr, "keyreeved: unknown argument %s\n%s", argv[i], usage);
			return EXIT_USAGE + 1;
		}
	}
	return 0;
}

/* PREFIX/bin/keyreeved finds PREFIX/libexec/keyreeve. */
static struct status open_libexec(int *ret_fd)
{
	char self[PATH_MAX], path[PATH_MAX + 32];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len <= 0)
		return FAIL_RC(IO, errno);
	self[len] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	(void)snprintf(path, sizeof(path), "%s/../libexec/keyreeve", self);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0) {
		log_error("%s: %s", path, strerror(errno));
		return FAIL_RC(IO, errno);
	}
	return OK;
}

static struct status open_signals(int *ret_fd)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return FAIL_RC(IO, errno);
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd >= 0 ? OK : FAIL_RC(IO, errno);
}

/* A directory of ours, 0700: made when it is not there. */
static struct status own_directory(const char *path, const struct config *config)
{
	if (mkdir(path, 0700) < 0) {
		if (errno == EEXIST)
			return OK; /* the checks look at it */
		log_error("%s: %s", path, strerror(errno));
		return FAIL_RC(IO, errno);
	}
	if (geteuid() == 0 && chown(path, config->uid, config->gid) < 0)
		return FAIL_RC(IO, errno);
	return OK;
}

static struct status lock_state(struct supervised *s)
{
	char path[CONFIG_TEXT_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/lock", s->config->paths.state);
	s->state_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->state_lock < 0)
		return FAIL_RC(IO, errno);
	if (geteuid() == 0 && fchown(s->state_lock, s->config->uid, s->config->gid) < 0)
		return FAIL_RC(IO, errno);
	if (flock(s->state_lock, LOCK_EX | LOCK_NB) < 0) {
		log_error("another keyreeved uses %s: stop it first", s->config->paths.state);
		return FAIL_RC(CHECK_FAILED, errno);
	}
	return OK;
}

static struct status open_listeners(struct supervised *s)
{
	for (uint32_t i = 0; i < s->config->listener_count; i++) {
		char why[LISTEN_TEXT_BYTES];
		struct status st = supervise_listen(s->config, i, why, &s->listeners[i]);

		if (st.code != STATUS_OK) {
			log_error("%s", why);
			return st;
		}
	}
	return OK;
}

static struct status open_secrets(struct supervised *s)
{
	for (uint32_t i = 0; i < s->config->provider_count; i++) {
		TRY(supervise_secret(s->config->providers[i].pin_file, &s->pins[i]));
		TRY(supervise_secret(s->config->providers[i].owner_auth_file, &s->owner_auths[i]));
	}
	return OK;
}

/* For good: real, effective and saved ids, the account's groups (the TPM's is one), no capabilities. */
static struct status become_user(const struct config *config)
{
	if (geteuid() != 0) {
		if (geteuid() == config->uid)
			return OK;
		log_error("started as uid %u, but user %s is uid %u: start as root or as that user",
			(unsigned)geteuid(), config->user, (unsigned)config->uid);
		return FAIL(CHECK_FAILED);
	}
	ENSURE(config->uid != 0 && config->uid != CONFIG_UNSET, CHECK_FAILED);
	if (initgroups(config->user, config->gid) < 0 || setresgid(config->gid, config->gid, config->gid) < 0 ||
		setresuid(config->uid, config->uid, config->uid) < 0)
		return FAIL_RC(CHECK_FAILED, errno);
	ENSURE(setuid(0) < 0, CHECK_FAILED); /* it must not be possible to go back */
	return OK;
}

static struct status harden(void)
{
	struct rlimit files;

	ENSURE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, SANDBOX);
#ifndef KEYREEVE_SANITIZED
	ENSURE(prctl(PR_SET_DUMPABLE, 0) == 0, SANDBOX);
#endif
	/* The agent needs a descriptor per connection. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)umask(077);
	return OK;
}

/* A directory, not the file: Kubernetes exchanges links in it, and editors put another file in place.  -1: it cannot be
 * watched; lost says what follows. */
static int watch_directory(const char *directory, const char *lost, int *ret_watch)
{
	AUTO(own_close) int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	*ret_watch = fd < 0 ? -1 : inotify_add_watch(fd, directory, SUPERVISE_WATCHED);
	if (*ret_watch >= 0)
		return own_take_fd(&fd);
	log_warning("%s cannot be watched: %s; %s", directory, strerror(errno), lost);
	return -1;
}

static int watch_config(const char *path, int *ret_watch)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";

	if (slash != NULL)
		(void)snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return watch_directory(directory, "changes are read after SIGHUP only", ret_watch);
}

/* Where listeners are: a reload may bind others there.  Of more than a few directories the first. */
static void add_socket_directories(
	const struct config *config, char directories[][CONFIG_TEXT_MAX + 1], const char *ret[])
{
	size_t count = 0;

	for (uint32_t i = 0; i < config->listener_count && count < SANDBOX_PATHS_MAX; i++) {
		const char *path = config->listeners[i].path, *slash = strrchr(path, '/');
		size_t at = 0;

		(void)snprintf(directories[count], sizeof(directories[count]), "%.*s/", (int)(slash - path), path);
		while (at < count && strcmp(directories[at], directories[count]) != 0)
			at++;
		if (at == count)
			ret[at] = directories[count++];
	}
}

/* Inherited by every role, which narrows it. */
static struct status enter_sandbox(const struct supervised *s)
{
	struct sandbox_options options = sandbox_options_none();
	char directories[SANDBOX_PATHS_MAX][CONFIG_TEXT_MAX + 1];

	options.execute_fd = s->libexec_fd;
	add_socket_directories(s->config, directories, options.write);
	options.needs_network =
		strncasecmp(s->config->spiffe.endpoint, "tcp:", 4) == 0 || config_fetch_is_needed(s->config);
	return sandbox_enter(SANDBOX_KEYREEVED, &options, NULL);
}

static struct status open_all(struct supervised *s)
{
	int ignored;

	TRY(own_directory(s->config->paths.state, s->config));
	TRY(own_directory(s->config->paths.private_sockets, s->config));
	TRY(lock_state(s));
	TRY(open_secrets(s));
	TRY(open_listeners(s));
	s->notify_fd = notify_open();
	s->watch_fd = watch_config(s->config_path, &s->watch_config);
	s->accounts_fd = watch_directory(ACCOUNT_DIRECTORY, "a changed account is seen within a minute", &ignored);
	TRY(become_user(s->config));
	TRY(harden());
	return enter_sandbox(s);
}

static int start(struct supervised *s, const struct options *options)
{
	AUTO(buf_done) struct buf text = buf_make(CONFIG_TREE_MAX);
	char why[CONFIG_TEXT_BYTES] = "";
	struct doctor_result found;

	if (config_load(s->libexec_fd, options->config, &s->config, &s->tree, &text).code != STATUS_OK) {
		fprintf(stderr, "%.*s", (int)text.len, (const char *)text.data);
		return EXIT_REFUSED;
	}
	if (config_resolve(s->config, why).code != STATUS_OK) {
		log_error("%s: %s", options->config, why);
		return EXIT_REFUSED;
	}
	found = doctor_report(s->config, options->config, options->check ? DOCTOR_CHECK : DOCTOR_START);
	s->providers_down = found.providers_down;
	if (options->check)
		return found.refused > 0 || found.providers_down != 0 ? EXIT_FINDINGS : EXIT_GOOD;
	if (found.refused > 0) {
		log_error("not started: %u of the checks above refuse it", found.refused);
		return EXIT_REFUSED;
	}
	buf_clear(&s->tree); /* again, with the names resolved to numbers */
	if (config_put(&s->tree, s->config).code != STATUS_OK || open_all(s).code != STATUS_OK) {
		struct fault fault;
		char where[LOG_FAULT_BYTES];

		fault_take(&fault);
		log_error("not started: %s", log_fault_text(&fault, where));
		return EXIT_REFUSED;
	}
	return supervise(s);
}

int main(int argc, char **argv)
{
	struct supervised s = { .libexec_fd = -1,
		.state_lock = -1,
		.signal_fd = -1,
		.notify_fd = -1,
		.watch_fd = -1,
		.accounts_fd = -1,
		.tree = buf_make(CONFIG_TREE_MAX) };
	struct options options;
	int code = parse_options(argc, argv, &options);

	if (code != 0)
		return code - 1;
	log_open("keyreeved", LOG_LEVEL_INFO);
	for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++)
		s.listeners[i] = -1;
	for (size_t i = 0; i < CONFIG_PROVIDERS_MAX; i++)
		s.pins[i] = s.owner_auths[i] = -1;
	s.config_path = options.config;
	if (open_libexec(&s.libexec_fd).code != STATUS_OK || open_signals(&s.signal_fd).code != STATUS_OK)
		return EXIT_REFUSED;
	code = start(&s, &options);
	config_free(s.config);
	buf_done(&s.tree);
	return code;
}
