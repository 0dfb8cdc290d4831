/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-probe: enters a role's sandbox, with exactly the release build's filter and the role's own options, inside
 * that of keyreeved as the roles are, and tries one act.
 *
 *   keyreeve-probe ROLE ACT DIRECTORY    ROLE keyreeved, agent, old-agent, idp, soft, tpm, swtpm, p11, fetch, config,
 * none keyreeve-probe --list                the acts
 *
 * Exit 0 and "done": the act was possible.  3 and "errno NAME": it was refused.  A signal: the filter ended the
 * process. 2: usage.  4: what the act needs is not there.  The directory is the caller's, empty, and removed by him. */
#include "tests/support/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox.h"

enum { EXIT_POSSIBLE = 0, EXIT_USAGE = 2, EXIT_REFUSED = 3, EXIT_SETUP = 4 };

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "keyreeve-probe: %s: %s\n", what, strerror(errno));
	exit(EXIT_SETUP);
}

/* ---- targets ------------------------------------------------------------------------------------ */

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	must(fd >= 0, path);
	return fd;
}

const char *probe_state(const char *name)
{
	static char path[PROBE_PATH_BYTES + 32];

	(void)snprintf(path, sizeof(path), "%s/%.30s", probe_target.state, name);
	return path;
}

/* What keyreeve keeps, and a token directory that somebody put there. */
static void make_state(void)
{
	static const char *const files[] = { "keys.db", "audit/0000000000000001.log", "soft-soft.key", "pin-hsm" };

	must(mkdir(probe_state("audit"), 0700) == 0 && mkdir(probe_state("tokens"), 0700) == 0, "mkdir");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)close(opened(probe_state(files[i]), O_WRONLY | O_CREAT));
}

static void make_files(const char *scratch)
{
	struct probe_target *t = &probe_target;

	(void)snprintf(t->state, sizeof(t->state), "%.100s/state", scratch);
	(void)snprintf(t->elsewhere, sizeof(t->elsewhere), "%.100s/elsewhere", scratch);
	(void)snprintf(t->foreign_file, sizeof(t->foreign_file), "%.100s/elsewhere/file", scratch);
	(void)snprintf(t->socket_path, sizeof(t->socket_path), "%.100s/elsewhere/socket", scratch);
	(void)snprintf(t->tokens, sizeof(t->tokens), "%.100s/state/tokens", scratch);
	must(mkdir(t->state, 0700) == 0 && mkdir(t->elsewhere, 0700) == 0, "mkdir");
	make_state();
	(void)close(opened(t->foreign_file, O_WRONLY | O_CREAT));
	t->program_fd = opened("/bin/echo", O_RDONLY);
	t->namespace_fd = opened("/proc/self/ns/net", O_RDONLY);
	t->directory_fd = opened(t->elsewhere, O_RDONLY | O_DIRECTORY);
}

static void listen_at(const struct sockaddr *at, socklen_t len, int *ret_fd)
{
	*ret_fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(*ret_fd >= 0 && bind(*ret_fd, at, len) == 0 && listen(*ret_fd, 4) == 0, "listen");
}

/* The victim: of the same user, on its own, with the listeners that nobody of ours may reach.  It ends with the end of
 * `alive`, whose other end only the probe holds: a signal at the parent's death is one that Landlock would keep back.
 */
static void victim_body(int ready, int alive)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct sockaddr_in tcp = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(tcp);
	int fds[3];
	char end;

	(void)signal(SIGUSR1, SIG_IGN);
	(void)close(STDOUT_FILENO); /* whoever reads it must not wait for this process */
	(void)snprintf(path.sun_path, sizeof(path.sun_path), "%.100s", probe_target.socket_path);
	listen_at((const struct sockaddr *)&path, sizeof(path), &fds[0]);
	listen_at((const struct sockaddr *)&probe_target.abstract, probe_target.abstract_len, &fds[1]);
	listen_at((const struct sockaddr *)&tcp, sizeof(tcp), &fds[2]);
	must(getsockname(fds[2], (struct sockaddr *)&tcp, &len) == 0, "getsockname");
	len = ntohs(tcp.sin_port);
	must(write(ready, &len, sizeof(len)) == sizeof(len), "write");
	while (read(alive, &end, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static void make_victim(void)
{
	struct probe_target *t = &probe_target;
	int ready[2], alive[2];
	socklen_t port;

	t->secret = 4711;
	t->abstract.sun_family = AF_UNIX;
	(void)snprintf(t->abstract.sun_path + 1, sizeof(t->abstract.sun_path) - 1, "keyreeve-probe-%d", getpid());
	t->abstract_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(t->abstract.sun_path + 1));
	must(pipe2(ready, O_CLOEXEC) == 0 && pipe2(alive, O_CLOEXEC) == 0, "pipe");
	t->victim = fork();
	must(t->victim >= 0, "fork");
	if (t->victim == 0) {
		(void)close(alive[1]);
		victim_body(ready[1], alive[0]);
	}
	(void)close(ready[1]);
	(void)close(alive[0]);
	must(read(ready[0], &port, sizeof(port)) == sizeof(port), "victim");
	(void)close(ready[0]);
	t->tcp_port = (uint16_t)port;
	t->victim_pidfd = (int)syscall(SYS_pidfd_open, t->victim, 0);
	must(t->victim_pidfd >= 0, "pidfd");
}

/* ---- the sandbox ---------------------------------------------------------------------------------- */

/* As the roles enter it.  A TPM is a device, or swtpm's local socket; the agent looks at its clients in /proc where the
 * kernel is older than 6.13. */
static const struct {
	const char *name;
	enum sandbox_role role;
	struct sandbox_options options;
} roles[] = {
	{ "none", SANDBOX_NONE, { .write_fd = -1, .execute_fd = -1 } },
	{ "keyreeved", SANDBOX_KEYREEVED, { .write_fd = -1, .execute_fd = -1 } },
	{ "agent", SANDBOX_AGENT, { .write = { probe_target.state }, .write_fd = -1, .execute_fd = -1 } },
	{ "old-agent", SANDBOX_AGENT,
		{ .write = { probe_target.state }, .write_fd = -1, .execute_fd = -1, .reads_proc = true } },
	{ "idp", SANDBOX_IDP, { .write_fd = -1, .execute_fd = -1 } },
	{ "soft", SANDBOX_SOFT, { .write_fd = -1, .execute_fd = -1 } },
	{ "tpm", SANDBOX_TPM,
		{ .write = { "/dev/null" }, .write_fd = -1, .execute_fd = -1 } }, /* any other must stay closed */
	{ "swtpm", SANDBOX_TPM, { .write_fd = -1, .execute_fd = -1, .needs_unix_sockets = true } },
	{ "p11", SANDBOX_P11,
		{ .write = { probe_target.tokens }, .write_fd = -1, .execute_fd = -1, .closed = probe_target.state } },
	{ "fetch", SANDBOX_FETCH,
		{ .read = { "/etc/resolv.conf", "/etc/hosts" },
			.write_fd = -1,
			.execute_fd = -1,
			.needs_network = true,
			.ports = { 53, 443 },
			.port_count = 2 } },
	{ "config", SANDBOX_CONFIG, { .write_fd = -1, .execute_fd = -1 } },
};

/* keyreeved's, of which nothing can be executed here, unless it is the only one. */
static void enter_outer(enum sandbox_role role)
{
	struct sandbox_options options = sandbox_options_none();

	options.needs_network = true; /* so that what a role cannot do is the role's own */
	must(role == SANDBOX_KEYREEVED || sandbox_enter(SANDBOX_KEYREEVED, &options, NULL).code == STATUS_OK,
		"sandbox");
}

static bool enter(const char *name)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].name, name) != 0)
			continue;
		if (roles[i].role == SANDBOX_NONE)
			return true;
		enter_outer(roles[i].role);
		must(sandbox_enter(roles[i].role, &roles[i].options, NULL).code == STATUS_OK, "sandbox");
		return true;
	}
	return false;
}

/* With plain calls: this is inside. */
static void report(bool was_possible, int error)
{
	char text[64] = "done\n";

	if (!was_possible)
		(void)snprintf(text, sizeof(text), "errno %s\n", strerrorname_np(error));
	(void)!write(STDOUT_FILENO, text, strlen(text));
	_exit(was_possible ? EXIT_POSSIBLE : EXIT_REFUSED);
}

static const struct probe_act *act_of(const char *name)
{
	for (size_t i = 0; i < probe_act_count; i++)
		if (strcmp(probe_acts[i].name, name) == 0)
			return &probe_acts[i];
	return NULL;
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: keyreeve-probe ROLE ACT DIRECTORY | --list\n");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const struct probe_act *act = argc == 4 ? act_of(argv[2]) : NULL;
	bool was_possible;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < probe_act_count; i++)
			(void)printf("%s\n", probe_acts[i].name);
		return EXIT_POSSIBLE;
	}
	if (act == NULL)
		return usage();
	/* Mounts and names of this run are nobody else's; who has no right to that cannot change them either. */
	(void)unshare(CLONE_NEWNS | CLONE_NEWUTS);
	(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	make_files(argv[3]);
	make_victim();
	if (!enter(argv[1]))
		return usage();
	errno = 0;
	was_possible = act->run();
	report(was_possible, errno);
}
