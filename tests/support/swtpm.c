/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/swtpm.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/unit.h"

enum { START_TRIES = 500, START_PAUSE_US = 10000, HEADER_BYTES = 10, ARGUMENT_MAX = 160 };

/* ---- swtpm ------------------------------------------------------------------------------------------ */

static int socket_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		own_close(&fd);
	return fd;
}

static int socket_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

/* swtpm serves one client after the other: this one says nothing and leaves. */
static void await_listening(const struct swtpm *tpm)
{
	for (int i = 0; i < START_TRIES; i++) {
		AUTO(own_close) int fd = socket_to(tpm->socket);

		if (fd >= 0)
			return;
		(void)usleep(START_PAUSE_US);
	}
	fail_msg("swtpm does not listen at %s", tpm->socket);
}

void swtpm_start(struct swtpm *tpm)
{
	char server[ARGUMENT_MAX], control[ARGUMENT_MAX], state[ARGUMENT_MAX];
	char program[] = "swtpm", mode[] = "socket", two[] = "--tpm2", a[] = "--server", b[] = "--ctrl",
	     c[] = "--tpmstate", d[] = "--flags", flags[] = "not-need-init,startup-clear";
	int quiet;
	char *argv[] = { program, mode, two, a, server, b, control, c, state, d, flags, NULL };

	(void)snprintf(server, sizeof(server), "type=unixio,path=%s", tpm->socket);
	(void)snprintf(control, sizeof(control), "type=unixio,path=%s.ctrl", tpm->socket);
	(void)snprintf(state, sizeof(state), "dir=%s", tpm->folder);
	tpm->pid = fork();
	assert_true(tpm->pid >= 0);
	if (tpm->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing behind */
		quiet = open("/dev/null", O_RDWR);	/* it reports each connection that ends */
		(void)dup2(quiet, STDOUT_FILENO);
		(void)dup2(quiet, STDERR_FILENO);
		(void)execvp(program, argv);
		_exit(127);
	}
	await_listening(tpm);
}

void swtpm_new(struct swtpm *tpm)
{
	*tpm = (struct swtpm){ 0 };
	(void)snprintf(tpm->folder, sizeof(tpm->folder), "/tmp/keyreeve-swtpm-XXXXXX");
	if (mkdtemp(tpm->folder) == NULL)
		fail_msg("mkdtemp: %s", strerror(errno));
	(void)snprintf(tpm->socket, sizeof(tpm->socket), "%s/tpm.sock", tpm->folder);
	(void)snprintf(tpm->tcti, sizeof(tpm->tcti), "swtpm:path=%s", tpm->socket);
	swtpm_start(tpm);
}

void swtpm_stop(struct swtpm *tpm)
{
	if (tpm->pid > 0) {
		(void)kill(tpm->pid, SIGTERM);
		(void)waitpid(tpm->pid, NULL, 0);
	}
	tpm->pid = 0;
	(void)unlink(tpm->socket);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

void swtpm_free(struct swtpm *tpm)
{
	swtpm_stop(tpm);
	(void)nftw(tpm->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- relay ------------------------------------------------------------------------------------------ */

static bool read_all(int fd, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, to, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_all(int fd, const uint8_t *from, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, from, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		from += n;
		len -= (size_t)n;
	}
	return true;
}

static uint32_t big_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* One TPM message: tag, size, code, rest. */
static size_t read_message(int fd, uint8_t message[RELAY_MESSAGE_MAX])
{
	uint32_t size;

	if (!read_all(fd, message, HEADER_BYTES))
		return 0;
	size = big_u32(message + 2);
	if (size < HEADER_BYTES || size > RELAY_MESSAGE_MAX ||
		!read_all(fd, message + HEADER_BYTES, size - HEADER_BYTES))
		return 0;
	return size;
}

static void flip(uint8_t *message, size_t len, size_t at)
{
	message[at < len ? at : len - 1] ^= 0x01;
}

/* The damage asked for, if it is for this command. */
static enum relay_damage take_damage(struct relay *relay, uint32_t code, size_t *ret_at)
{
	enum relay_damage damage = RELAY_NONE;

	(void)pthread_mutex_lock(&relay->lock);
	if (relay->damage != RELAY_NONE && (relay->damage_code == 0 || relay->damage_code == code)) {
		damage = relay->damage;
		relay->damage = RELAY_NONE;
	}
	*ret_at = relay->damage_at;
	(void)pthread_mutex_unlock(&relay->lock);
	return damage;
}

/* With the lock held. */
static void look(struct relay *relay, const uint8_t *message, size_t len)
{
	if (relay->needle_len > 0 && memmem(message, len, relay->needle, relay->needle_len) != NULL)
		relay->seen++;
}

static void look_at_command(struct relay *relay, const uint8_t *message, size_t len)
{
	(void)pthread_mutex_lock(&relay->lock);
	look(relay, message, len);
	(void)pthread_mutex_unlock(&relay->lock);
}

static void count(struct relay *relay, uint32_t code, size_t command_bytes, const uint8_t *answer, size_t answer_bytes)
{
	(void)pthread_mutex_lock(&relay->lock);
	look(relay, answer, answer_bytes);
	memcpy(relay->answer, answer, answer_bytes);
	relay->codes[relay->commands % RELAY_CODES] = code;
	relay->commands++;
	relay->command_bytes = command_bytes;
	relay->answer_bytes = answer_bytes;
	(void)pthread_mutex_unlock(&relay->lock);
}

static bool pass_command(struct relay *relay, int client, int server)
{
	uint8_t message[RELAY_MESSAGE_MAX];
	size_t len = read_message(client, message), at, asked = len;
	uint32_t code = big_u32(message + 6);
	enum relay_damage damage;

	if (len == 0)
		return false;
	damage = take_damage(relay, code, &at);
	if (damage == RELAY_HANG_UP)
		return false;
	if (damage == RELAY_COMMAND)
		flip(message, len, at);
	look_at_command(relay, message, len);
	if (!write_all(server, message, len))
		return false;
	len = read_message(server, message);
	if (len == 0)
		return false;
	count(relay, code, asked, message, len);
	if (damage == RELAY_ANSWER)
		flip(message, len, at);
	return write_all(client, message, len);
}

/* Wait for fd; false when the relay is to stop. */
static bool wait_for(struct relay *relay, int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = relay->stop[0], .events = POLLIN } };

	return poll(fds, 2, -1) > 0 && fds[1].revents == 0;
}

static void serve_client(struct relay *relay)
{
	AUTO(own_close) int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
	AUTO(own_close) int server = socket_to(relay->tpm->socket);

	while (client >= 0 && server >= 0 && wait_for(relay, client) && pass_command(relay, client, server))
		;
}

/* The control channel: one request of at most RELAY_MESSAGE_MAX bytes and its answer. */
static void serve_control(struct relay *relay)
{
	AUTO(own_close) int client = accept4(relay->control, NULL, NULL, SOCK_CLOEXEC);
	AUTO(own_close) int server = -1;
	char path[SWTPM_PATH_BYTES + 8];
	uint8_t message[RELAY_MESSAGE_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s.ctrl", relay->tpm->socket);
	server = socket_to(path);
	n = read(client, message, sizeof(message));
	if (n <= 0 || server < 0 || !write_all(server, message, (size_t)n))
		return;
	n = read(server, message, sizeof(message));
	if (n > 0)
		(void)write_all(client, message, (size_t)n);
}

static void *relay_run(void *context)
{
	struct relay *relay = context;

	for (;;) {
		struct pollfd fds[] = { { .fd = relay->listener, .events = POLLIN },
			{ .fd = relay->control, .events = POLLIN }, { .fd = relay->stop[0], .events = POLLIN } };

		if (poll(fds, 3, -1) < 0 || fds[2].revents != 0)
			return NULL;
		if (fds[0].revents != 0)
			serve_client(relay);
		if (fds[1].revents != 0)
			serve_control(relay);
	}
}

void relay_new(struct relay *relay, const struct swtpm *tpm)
{
	char control[SWTPM_PATH_BYTES + 8];

	*relay = (struct relay){ .tpm = tpm };
	(void)snprintf(relay->socket, sizeof(relay->socket), "%s/relay.sock", tpm->folder);
	(void)snprintf(control, sizeof(control), "%s.ctrl", relay->socket);
	(void)snprintf(relay->tcti, sizeof(relay->tcti), "swtpm:path=%s", relay->socket);
	relay->listener = socket_at(relay->socket);
	relay->control = socket_at(control);
	assert_int_equal(pipe2(relay->stop, O_CLOEXEC), 0);
	assert_int_equal(pthread_mutex_init(&relay->lock, NULL), 0);
	assert_int_equal(pthread_create(&relay->thread, NULL, relay_run, relay), 0);
}

void relay_free(struct relay *relay)
{
	own_close(&relay->stop[1]);
	(void)pthread_join(relay->thread, NULL);
	own_close(&relay->stop[0]);
	own_close(&relay->listener);
	own_close(&relay->control);
	(void)pthread_mutex_destroy(&relay->lock);
}

uint64_t relay_commands(struct relay *relay)
{
	uint64_t n;

	(void)pthread_mutex_lock(&relay->lock);
	n = relay->commands;
	(void)pthread_mutex_unlock(&relay->lock);
	return n;
}

uint32_t relay_code(struct relay *relay, uint64_t n)
{
	uint32_t code;

	(void)pthread_mutex_lock(&relay->lock);
	code = n < relay->commands && relay->commands - n <= RELAY_CODES ? relay->codes[n % RELAY_CODES] : 0;
	(void)pthread_mutex_unlock(&relay->lock);
	return code;
}

void relay_damage(struct relay *relay, enum relay_damage damage, uint32_t code, size_t at)
{
	(void)pthread_mutex_lock(&relay->lock);
	relay->damage = damage;
	relay->damage_code = code;
	relay->damage_at = at;
	(void)pthread_mutex_unlock(&relay->lock);
}

void relay_watch(struct relay *relay, const void *needle, size_t len)
{
	assert_true(len > 0 && len <= sizeof(relay->needle));
	(void)pthread_mutex_lock(&relay->lock);
	memcpy(relay->needle, needle, len);
	relay->needle_len = len;
	relay->seen = 0;
	(void)pthread_mutex_unlock(&relay->lock);
}

unsigned relay_seen(struct relay *relay)
{
	unsigned seen;

	(void)pthread_mutex_lock(&relay->lock);
	seen = relay->seen;
	(void)pthread_mutex_unlock(&relay->lock);
	return seen;
}

bool relay_last_answer_has(struct relay *relay, const void *needle, size_t len)
{
	bool has;

	(void)pthread_mutex_lock(&relay->lock);
	has = memmem(relay->answer, relay->answer_bytes, needle, len) != NULL;
	(void)pthread_mutex_unlock(&relay->lock);
	return has;
}

bool relay_has_damaged(struct relay *relay)
{
	bool done;

	(void)pthread_mutex_lock(&relay->lock);
	done = relay->damage == RELAY_NONE;
	(void)pthread_mutex_unlock(&relay->lock);
	return done;
}
