/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-test-issuer: a SPIFFE Workload API for development and tests, where no SPIRE is at hand.  It names callers
 * by the uid of their socket's other end, issues them JWT-SVIDs, and behaves as badly as its control socket asks for.
 * Its private keys live in its memory only.  Never installed, never for production. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "base/role.h"
#include "tests/issuer/control.h"
#include "tests/issuer/server.h"

enum { CLIENTS_MAX = 8, OPTIONS_MAX = 64 };

struct options {
	const char *socket;
	const char *control;
	const char *trust_domain;
	const char *keys[OPTIONS_MAX]; /* ALG:KID */
	size_t key_count;
	const char *entries[OPTIONS_MAX]; /* UID=SPIFFEID */
	size_t entry_count;
	long ttl;
};

struct client {
	int fd; /* -1: free */
	char text[CONTROL_LINE_MAX];
	size_t len;
};

struct issuer {
	const struct options *options;
	struct server *server;
	int listener; /* -1 while stopped */
	int control;
	int signals;
	struct client clients[CLIENTS_MAX];
	bool is_quitting;
};

/* ---- sockets --------------------------------------------------------------------------------------------- */

static struct status listen_at(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO(own_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ENSURE(strlen(path) < sizeof(address.sun_path), CLIENT_ARGUMENT);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path); /* of a run before; a fresh inode in any case */
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0)
		return FAIL_RC(IO, errno);
	*ret_fd = own_take_fd(&fd);
	return OK;
}

/* Whose connection it is, as the kernel says. */
static void accept_caller(struct issuer *issuer)
{
	AUTO(own_close) int fd = accept4(issuer->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return;
	if (server_add(issuer->server, own_take_fd(&fd), peer.uid).code != STATUS_OK)
		fprintf(stderr, "issuer: no room for another uid\n");
}

static void stop_listening(struct issuer *issuer)
{
	if (issuer->listener >= 0)
		(void)unlink(issuer->options->socket); /* gone already is as well */
	own_close(&issuer->listener);
}

/* ---- control connections: lines in, answers out -------------------------------------------------------------- */

static void accept_client(struct issuer *issuer)
{
	int fd = accept4(issuer->control, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < CLIENTS_MAX; i++)
		if (issuer->clients[i].fd < 0) {
			issuer->clients[i] = (struct client){ .fd = own_take_fd(&fd) };
			return;
		}
	own_close(&fd);
}

/* False when the client is to go. */
static bool obey(struct issuer *issuer, struct client *client, char *line)
{
	AUTO(buf_done) struct buf answer = buf_make(CONTROL_ANSWER_MAX + CONTROL_LINE_MAX);
	enum control_wish wish = control_line(issuer->server, line, &answer);

	issuer->is_quitting = issuer->is_quitting || wish == CONTROL_QUIT;
	if (wish == CONTROL_STOP)
		stop_listening(issuer);
	if (wish == CONTROL_START && issuer->listener < 0 &&
		listen_at(issuer->options->socket, &issuer->listener).code != STATUS_OK)
		fprintf(stderr, "issuer: cannot listen again\n");
	return send(client->fd, answer.data, answer.len, MSG_NOSIGNAL) == (ssize_t)answer.len;
}

static bool read_client(struct issuer *issuer, struct client *client)
{
	ssize_t n = recv(client->fd, client->text + client->len, sizeof(client->text) - client->len, 0);
	char *end;

	if (n <= 0)
		return false;
	client->len += (size_t)n;
	while ((end = memchr(client->text, '\n', client->len)) != NULL) {
		size_t used = (size_t)(end - client->text) + 1;

		*end = '\0';
		if (!obey(issuer, client, client->text))
			return false;
		client->len -= used;
		memmove(client->text, end + 1, client->len);
	}
	return client->len < sizeof(client->text);
}

static void serve(struct issuer *issuer)
{
	enum { SIGNALS, CONTROL, LISTENER, FIRST_CLIENT, COUNT = FIRST_CLIENT + CLIENTS_MAX };

	while (!issuer->is_quitting) {
		struct pollfd wait[COUNT] = {
			[SIGNALS] = { .fd = issuer->signals, .events = POLLIN },
			[CONTROL] = { .fd = issuer->control, .events = POLLIN },
			[LISTENER] = { .fd = issuer->listener, .events = POLLIN },
		};

		for (size_t i = 0; i < CLIENTS_MAX; i++)
			wait[FIRST_CLIENT + i] = (struct pollfd){ .fd = issuer->clients[i].fd, .events = POLLIN };
		if (poll(wait, COUNT, -1) < 0 && errno != EINTR)
			return;
		if (wait[SIGNALS].revents != 0)
			return;
		if (wait[LISTENER].revents != 0)
			accept_caller(issuer);
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (wait[FIRST_CLIENT + i].revents != 0 && !read_client(issuer, &issuer->clients[i]))
				own_close(&issuer->clients[i].fd);
		if (wait[CONTROL].revents != 0)
			accept_client(issuer);
	}
}

/* ---- options --------------------------------------------------------------------------------------------- */

static void usage(FILE *to)
{
	fprintf(to,
		"usage: keyreeve-test-issuer --socket PATH --trust-domain NAME [--entry UID=SPIFFEID]... [--ttl "
		"SECONDS]\n"
		"       [--keys ALG:KID]... [--control PATH] [--with-parent]\n"
		"Prints \"ready\" when it listens.  UID may be \"any\".  Without --keys: ES256:k1.\n"
		"Lines for the control socket, each answered by \"ok ...\" or \"error ...\":\n%s",
		control_help);
}

static bool read_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option names[] = { { "socket", required_argument, NULL, 's' },
		{ "control", required_argument, NULL, 'c' }, { "trust-domain", required_argument, NULL, 't' },
		{ "entry", required_argument, NULL, 'e' }, { "ttl", required_argument, NULL, 'l' },
		{ "keys", required_argument, NULL, 'k' }, { "with-parent", no_argument, NULL, 'p' }, { 0 } };
	struct options o = { .ttl = 300 };

	for (int c = getopt_long(argc, argv, "", names, NULL); c != -1; c = getopt_long(argc, argv, "", names, NULL)) {
		if (c == 's')
			o.socket = optarg;
		else if (c == 'c')
			o.control = optarg;
		else if (c == 't')
			o.trust_domain = optarg;
		else if (c == 'e' && o.entry_count < OPTIONS_MAX)
			o.entries[o.entry_count++] = optarg;
		else if (c == 'k' && o.key_count < OPTIONS_MAX)
			o.keys[o.key_count++] = optarg;
		else if (c == 'l')
			o.ttl = strtol(optarg, NULL, 10);
		else if (c == 'p')
			(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		else
			return false;
	}
	if (o.key_count == 0)
		o.keys[o.key_count++] = "ES256:k1";
	*ret_options = o;
	return optind == argc && o.socket != NULL && o.trust_domain != NULL && o.ttl > 0;
}

/* Through the script's own commands: "--entry 1=ID" is "entry 1 ID". */
static struct status give(
	struct server *server, const char *command, const char *first, size_t first_len, const char *second)
{
	AUTO(buf_done) struct buf answer = buf_make(CONTROL_LINE_MAX);
	char line[CONTROL_LINE_MAX];

	(void)snprintf(line, sizeof(line), "%s %.*s %s", command, (int)first_len, first, second);
	(void)control_line(server, line, &answer);
	ENSURE(answer.len >= 2 && memcmp(answer.data, "ok", 2) == 0, CLIENT_ARGUMENT);
	return OK;
}

static struct status apply(const struct options *o, struct server *server)
{
	server_ttl(server, o->ttl);
	for (size_t i = 0; i < o->key_count; i++) {
		const char *colon = strchr(o->keys[i], ':');
		char alg[8];

		ENSURE(colon != NULL && colon - o->keys[i] < (ptrdiff_t)sizeof(alg), CLIENT_ARGUMENT);
		(void)snprintf(alg, sizeof(alg), "%.*s", (int)(colon - o->keys[i]), o->keys[i]);
		TRY(give(server, "add-key", colon + 1, strlen(colon + 1), alg));
	}
	for (size_t i = 0; i < o->entry_count; i++) {
		const char *equal = strchr(o->entries[i], '=');

		ENSURE(equal != NULL, CLIENT_ARGUMENT);
		TRY(give(server, "entry", o->entries[i], (size_t)(equal - o->entries[i]), equal + 1));
	}
	return OK;
}

static struct status run(const struct options *options)
{
	struct issuer issuer = { .options = options, .listener = -1, .control = -1, .signals = -1 };
	struct status st;
	sigset_t all;

	for (size_t i = 0; i < CLIENTS_MAX; i++)
		issuer.clients[i].fd = -1;
	(void)sigemptyset(&all);
	(void)sigaddset(&all, SIGTERM);
	(void)sigaddset(&all, SIGINT);
	(void)sigaddset(&all, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	issuer.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	TRY(server_new(options->trust_domain, &issuer.server));
	st = apply(options, issuer.server);
	if (st.code == STATUS_OK && options->control != NULL)
		st = listen_at(options->control, &issuer.control);
	if (st.code == STATUS_OK)
		st = listen_at(options->socket, &issuer.listener);
	if (st.code == STATUS_OK) {
		printf("ready\n");
		(void)fflush(stdout); /* nobody may be reading */
		serve(&issuer);
	}
	stop_listening(&issuer);
	if (issuer.control >= 0)
		(void)unlink(options->control); /* gone already is as well */
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		own_close(&issuer.clients[i].fd);
	own_close(&issuer.control);
	own_close(&issuer.signals);
	server_free(issuer.server);
	return st;
}

int main(int argc, char **argv)
{
	struct options options;
	struct status st;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (role_version(argc, argv, "keyreeve-test-issuer"))
		return 0;
	if (!read_options(argc, argv, &options)) {
		usage(stderr);
		return 1;
	}
	st = run(&options);
	if (st.code != STATUS_OK)
		fprintf(stderr, "issuer: %s\n", status_text(st.code));
	/* Not through the exit handlers: gRPC's threads are still there. */
	_exit(st.code == STATUS_OK ? 0 : 1);
}
