/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/issuer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/unit.h"

enum { OPTIONS_MAX = 32, START_MS = 20000, LINE_MAX_BYTES = 8192 };

void issuer_prepare(struct issuer_child *issuer)
{
	*issuer = (struct issuer_child){ .fd = -1 };
	(void)snprintf(issuer->folder, sizeof(issuer->folder), "/tmp/keyreeve-issuer-XXXXXX");
	if (mkdtemp(issuer->folder) == NULL)
		fail_msg("mkdtemp: %s", strerror(errno));
	(void)snprintf(issuer->socket, sizeof(issuer->socket), "%s/api.sock", issuer->folder);
	(void)snprintf(issuer->endpoint, sizeof(issuer->endpoint), "unix://%s", issuer->socket);
	(void)snprintf(issuer->control, sizeof(issuer->control), "%s/control.sock", issuer->folder);
}

/* It prints one line once it listens. */
static void await_ready(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char text[16];

	if (poll(&wait, 1, START_MS) != 1 || read(fd, text, sizeof(text)) <= 0)
		fail_msg("the test issuer did not start");
}

static void connect_control(struct issuer_child *issuer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", issuer->control);
	issuer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (issuer->fd < 0 || connect(issuer->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("control socket: %s", strerror(errno));
}

void issuer_start(struct issuer_child *issuer, const char *const *options)
{
	const char *fixed[] = { ISSUER_PROGRAM, "--with-parent", "--socket", issuer->socket, "--control",
		issuer->control, "--trust-domain", "prod.example" };
	const size_t fixed_count = sizeof(fixed) / sizeof(fixed[0]);
	union { /* posix_spawn changes nothing, but its type says otherwise */
		const char *from[OPTIONS_MAX + 1];
		char *to[OPTIONS_MAX + 1];
	} argv = { .from = { NULL } };
	posix_spawn_file_actions_t actions;
	int out[2], rc;

	memcpy(argv.from, fixed, sizeof(fixed));
	for (size_t i = 0; options != NULL && options[i] != NULL; i++) {
		assert_true(fixed_count + i < OPTIONS_MAX);
		argv.from[fixed_count + i] = options[i];
	}
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO), 0);
	rc = posix_spawn(&issuer->pid, ISSUER_PROGRAM, &actions, NULL, argv.to, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(out[1]);
	assert_int_equal(rc, 0);
	await_ready(out[0]);
	(void)close(out[0]);
	connect_control(issuer);
}

static void end(struct issuer_child *issuer, int signal)
{
	if (issuer->pid > 0) {
		(void)kill(issuer->pid, signal);
		(void)waitpid(issuer->pid, NULL, 0);
	}
	issuer->pid = 0;
	own_close(&issuer->fd);
}

void issuer_kill(struct issuer_child *issuer)
{
	end(issuer, SIGKILL);
}

void issuer_remove(struct issuer_child *issuer)
{
	end(issuer, SIGTERM);
	(void)unlink(issuer->socket); /* each may be there or not */
	(void)unlink(issuer->control);
	(void)rmdir(issuer->folder);
}

const char *issuer_say(struct issuer_child *issuer, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t len = 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	assert_true(n > 0 && (size_t)n < sizeof(line) - 1);
	line[n] = '\n';
	assert_int_equal(send(issuer->fd, line, (size_t)n + 1, MSG_NOSIGNAL), n + 1);
	while (len == 0 || issuer->answer[len - 1] != '\n') {
		ssize_t got = recv(issuer->fd, issuer->answer + len, sizeof(issuer->answer) - len, 0);

		if (got <= 0)
			fail_msg("the test issuer hung up at \"%.60s\"", line);
		len += (size_t)got;
	}
	issuer->answer[len - 1] = '\0';
	if (strncmp(issuer->answer, "ok", 2) != 0)
		fail_msg("the test issuer on \"%.60s\": %s", line, issuer->answer);
	return issuer->answer[2] == ' ' ? issuer->answer + 3 : issuer->answer + 2;
}

unsigned issuer_seen(struct issuer_child *issuer, const char *what)
{
	const char *at = strstr(issuer_say(issuer, "seen"), what);

	if (at == NULL || at[strlen(what)] != '=')
		fail_msg("the test issuer does not count %s", what);
	return (unsigned)strtoul(at + strlen(what) + 1, NULL, 10);
}
