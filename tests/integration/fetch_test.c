/* SPDX-License-Identifier: Apache-2.0
 *
 * The real keyreeve-fetch, with this test as its keyreeved and its agent, against endpoints that do what they must not
 * (tests/support/bundle_server.py); with the times that ship.  All are asked at once. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/own.h"
#include "base/role.h"
#include "spiffe/fetch_source.h"
#include "tests/support/unit.h"

enum { START_MS = 20000, PATIENCE_MS = 25000, SERVERS_MAX = 16, QUICK_MS = 10000 };

#define ENDPOINT "spiffe://b.example/bundle/endpoint"

/* ---- the endpoints -------------------------------------------------------------------------------------- */

struct endpoints {
	pid_t pid;
	int stdin_fd;
	char directory[64];
	struct {
		char name[32];
		int port;
	} servers[SERVERS_MAX];
	size_t count;
};
static struct endpoints endpoints;

static void endpoints_start(struct endpoints *e)
{
	char python[] = "/usr/bin/python3", option[] = "-B",
	     script[] = TEST_SOURCE_DIR "/tests/support/bundle_server.py";
	char *argv[] = { python, option, script, e->directory, NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2];
	char line[128];
	FILE *file;

	(void)snprintf(e->directory, sizeof(e->directory), "/tmp/keyreeve-fetch-XXXXXX");
	assert_non_null(mkdtemp(e->directory));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO), 0);
	assert_int_equal(posix_spawn(&e->pid, python, &actions, NULL, argv, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(out[1]);
	e->stdin_fd = in[1];
	file = fdopen(out[0], "r");
	while (fgets(line, sizeof(line), file) != NULL && line[0] != '\n') {
		assert_in_range(e->count, 0, SERVERS_MAX - 1);
		assert_int_equal(sscanf(line, "%31s %d", e->servers[e->count].name, &e->servers[e->count].port), 2);
		e->count++;
	}
	assert_in_range(e->count, 10, SERVERS_MAX);
	(void)fclose(file);
}

static int endpoints_port(const char *name)
{
	for (size_t i = 0; i < endpoints.count; i++)
		if (strcmp(endpoints.servers[i].name, name) == 0)
			return endpoints.servers[i].port;
	fail_msg("no server %s", name);
	return 0;
}

static size_t endpoints_file(const char *name, uint8_t *room, size_t size)
{
	char path[128];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", endpoints.directory, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(room, 1, size, file);
	(void)fclose(file);
	return len;
}

/* Trust domain b.example and its one authority, as the agent sends it. */
static void authorities_put(struct buf *to)
{
	uint8_t der[4096];
	size_t len = endpoints_file("authority.der", der, sizeof(der));

	buf_put_sized(to, BYTES_LITERAL("b.example"));
	buf_put_sized(to, bytes_of(der, len));
	assert_ok(buf_check(to));
}

/* ---- the role ------------------------------------------------------------------------------------------- */

struct role {
	pid_t pid;
	struct ipc *ctl, *agent;
};

static void make_pair(int ret_ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_ends), 0);
}

static void say(struct role *role, uint16_t type, struct bytes first, struct bytes second, int fd)
{
	struct ipc_message message = ipc_message_of(type, 0);

	message.part[0] = first;
	message.part[1] = second;
	message.fd = fd;
	assert_ok(ipc_send(role->ctl, &message));
	assert_ok(ipc_flush_wait(role->ctl, START_MS));
}

static void role_start(struct role *role, struct bytes section)
{
	char program[] = FETCH_PROGRAM;
	char *argv[] = { program, NULL }, *environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	struct ipc_message answer;
	int ends[2];

	make_pair(ends);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], ROLE_CTL_FD), 0);
	assert_int_equal(posix_spawn(&role->pid, program, &actions, NULL, argv, environment), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	assert_ok(ipc_new(ends[0], &role->ctl));
	assert_ok(ipc_wait(role->ctl, START_MS, &answer));
	assert_int_equal(answer.type, ROLE_HELLO);
	say(role, ROLE_HELLO, ipc_build_id(), (struct bytes){ 0 }, -1);
	say(role, ROLE_CONFIG, (struct bytes){ 0 }, section, -1);
	make_pair(ends);
	say(role, ROLE_FD, BYTES_LITERAL("agent"), (struct bytes){ 0 }, ends[1]);
	(void)close(ends[1]);
	assert_ok(ipc_new(ends[0], &role->agent));
	say(role, ROLE_GO, (struct bytes){ 0 }, (struct bytes){ 0 }, -1);
	assert_ok(ipc_wait(role->ctl, START_MS, &answer));
	assert_int_equal(answer.type, ROLE_READY);
	assert_ok(ipc_wait(role->agent, START_MS, &answer));
	assert_int_equal(answer.type, FETCH_HELLO);
}

static void ask(struct role *role, uint64_t id, const char *name, struct bytes authorities)
{
	struct ipc_message message = ipc_message_of(FETCH_GET, id);

	message.part[0] = bytes_from_text(name);
	message.part[1] = authorities;
	assert_ok(ipc_send(role->agent, &message));
	assert_ok(ipc_flush_wait(role->agent, START_MS));
}

/* It ends with keyreeved, cleanly. */
static void role_stop(struct role *role)
{
	int state;

	ipc_free(role->ctl);
	assert_int_equal(waitpid(role->pid, &state, 0), role->pid);
	assert_true(WIFEXITED(state) && WEXITSTATUS(state) == 0);
	ipc_free(role->agent);
}

/* ---- what each endpoint and path gets ------------------------------------------------------------------- */

static const struct row {
	const char *server, *path;
	enum status_code want;
	const char *text; /* of a failure, in it */
	bool stays;	  /* follows no redirects */
} rows[] = {
	{ "web", "/good", STATUS_OK, NULL, false },
	{ "svid", "/good", STATUS_OK, NULL, false },
	/* FD-04: the Web's rules */
	{ "web-host", "/good", STATUS_X509_UNTRUSTED, "name", false },
	{ "web-expired", "/good", STATUS_X509_UNTRUSTED, "expired", false },
	{ "web-early", "/good", STATUS_X509_UNTRUSTED, "not yet valid", false },
	{ "web-stranger", "/good", STATUS_X509_UNTRUSTED, "", false },
	{ "web-svid", "/good", STATUS_X509_UNTRUSTED, "", false }, /* FD-02: never the other profile */
	/* FD-05: exactly the SPIFFE ID, from its domain's authority */
	{ "svid-id", "/good", STATUS_X509_ID, "", false },
	{ "svid-parent", "/good", STATUS_X509_ID, "", false },
	{ "svid-domain", "/good", STATUS_X509_DOMAIN_UNKNOWN, "", false },
	{ "svid-expired", "/good", STATUS_X509_EXPIRED, "", false },
	{ "svid-other", "/good", STATUS_X509_UNTRUSTED, "", false },
	{ "svid-web", "/good", STATUS_X509_URI, "", false },
	/* FD-07 */
	{ "web", "/hop", STATUS_OK, NULL, false },
	{ "svid", "/hop", STATUS_OK, NULL, false },
	{ "web", "/hops?4", STATUS_OK, NULL, false },
	{ "web", "/hops?5", STATUS_CLIENT_ANSWER, "too many", false },
	{ "web", "/loop", STATUS_CLIENT_ANSWER, "too many", false },
	{ "web", "/hop?", STATUS_CLIENT_ANSWER, "does not follow", true },
	{ "web", "/down", STATUS_CLIENT_ANSWER, "no https", false },
	{ "web", "/user", STATUS_CLIENT_ANSWER, "no https", false },
	{ "web", "/file", STATUS_CLIENT_ANSWER, "no https", false },
	{ "web", "/elsewhere", STATUS_X509_UNTRUSTED, "", false },
	{ "svid", "/elsewhere", STATUS_X509_ID, "", false },
	/* size, time, form */
	{ "web", "/big", STATUS_LIMIT, "over 1 MiB", false },
	{ "web", "/big-announced", STATUS_LIMIT, "over 1 MiB", false },
	{ "web", "/trickle", STATUS_CLIENT_TIMEOUT, "in time", false },
	{ "svid", "/trickle", STATUS_CLIENT_TIMEOUT, "in time", false },
	{ "web", "/silence", STATUS_CLIENT_TIMEOUT, "in time", false },
	{ "web", "/cut", STATUS_CLIENT_CONNECT, "", false },
	{ "web", "/headers", STATUS_CLIENT_CONNECT, "", false },
	{ "web", "/not-http", STATUS_CLIENT_CONNECT, "", false },
	{ "web", "/nothing", STATUS_CLIENT_ANSWER, "HTTP status 404", false },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool is_slow(const struct row *row)
{
	return row->want == STATUS_CLIENT_TIMEOUT;
}

static void name_of(size_t row, char ret_name[64])
{
	(void)snprintf(ret_name, 64, "row:%zu", row);
}

static void section_make(struct buf *to)
{
	static char names[ROWS][64], urls[ROWS][128], ca_file[128];
	static struct fetch_source sources[ROWS];

	for (size_t i = 0; i < ROWS; i++) {
		bool is_spiffe = strncmp(rows[i].server, "svid", 4) == 0;

		name_of(i, names[i]);
		(void)snprintf(urls[i], sizeof(urls[i]), "https://localhost:%d%s", endpoints_port(rows[i].server),
			rows[i].path);
		sources[i] = (struct fetch_source){ .name = bytes_from_text(names[i]),
			.url = bytes_from_text(urls[i]),
			.profile = is_spiffe ? FETCH_HTTPS_SPIFFE : FETCH_HTTPS_WEB,
			.follows_redirects = !rows[i].stays };
		if (is_spiffe)
			sources[i].endpoint_id = BYTES_LITERAL(ENDPOINT);
	}
	(void)snprintf(ca_file, sizeof(ca_file), "%s/web.pem", endpoints.directory);
	fetch_section_put(to, bytes_from_text(ca_file), sources, ROWS);
	assert_ok(buf_check(to));
}

static void check_answer(const struct row *row, const struct ipc_message *message, uint64_t took_ms)
{
	char text[FETCH_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text), "%.*s", (int)message->part[0].len, (const char *)message->part[0].data);
	if (message->status != row->want || (row->want == STATUS_OK) != (message->type == FETCH_DOCUMENT))
		fail_msg("%s%s: %s (%s), want %s", row->server, row->path, status_name(message->status), text,
			status_name(row->want));
	if (row->want == STATUS_OK)
		assert_bytes(message->part[1], BYTES_LITERAL("{\"keys\": []}"));
	else if (message->part[1].len != 0 || strstr(text, row->text) == NULL)
		fail_msg("%s%s: %s", row->server, row->path, text);
	/* One that trickles holds nobody up, and itself not for longer than its time. */
	if (is_slow(row))
		assert_in_range(took_ms, FETCH_TOTAL_MS - 100, FETCH_TOTAL_MS + 3000);
	else
		assert_in_range(took_ms, 0, QUICK_MS);
}

static void fetch_gets_good_documents_and_refuses_the_rest(void **state)
{
	AUTO(buf_done) struct buf section = buf_make(FETCH_SECTION_MAX), authorities = buf_make(FETCH_AUTHORITIES_MAX);
	struct role role = { 0 };
	bool came[ROWS] = { false };
	uint64_t start;

	(void)state;
	section_make(&section);
	authorities_put(&authorities);
	role_start(&role, buf_bytes(&section));
	start = clock_mono_us();
	for (size_t i = 0; i < ROWS; i++) {
		char name[64];

		name_of(i, name);
		ask(&role, i + 1, name, buf_bytes(&authorities));
	}
	for (size_t i = 0; i < ROWS; i++) {
		struct ipc_message message;

		assert_ok(ipc_wait(role.agent, PATIENCE_MS, &message));
		assert_in_range(message.id, 1, ROWS);
		assert_false(came[message.id - 1]);
		came[message.id - 1] = true;
		check_answer(&rows[message.id - 1], &message, (clock_mono_us() - start) / US_PER_MS);
	}
	role_stop(&role);
}

/* A captured agent reaches no address of its own choice. */
static void fetch_gets_only_what_is_configured(void **state)
{
	AUTO(buf_done) struct buf section = buf_make(FETCH_SECTION_MAX);
	struct ipc_message message;
	struct role role = { 0 };

	(void)state;
	section_make(&section);
	role_start(&role, buf_bytes(&section));
	ask(&role, 7, "https://localhost/", (struct bytes){ 0 });
	assert_ok(ipc_wait(role.agent, PATIENCE_MS, &message));
	assert_int_equal(message.type, FETCH_FAILED);
	assert_int_equal(message.status, STATUS_CLIENT_ARGUMENT);
	ask(&role, 8, "row:1", (struct bytes){ 0 }); /* https_spiffe without any authority */
	assert_ok(ipc_wait(role.agent, PATIENCE_MS, &message));
	assert_int_equal(message.status, STATUS_BUNDLE_MALFORMED);
	ask(&role, 9, "row:0", (struct bytes){ 0 });
	assert_ok(ipc_wait(role.agent, PATIENCE_MS, &message));
	assert_int_equal(message.type, FETCH_DOCUMENT);
	role_stop(&role);
}

static int set_up(void **state)
{
	(void)state;
	endpoints_start(&endpoints);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];
	int result;

	(void)state;
	(void)close(endpoints.stdin_fd);
	(void)waitpid(endpoints.pid, NULL, 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", endpoints.directory);
	result = system(command);
	endpoints = (struct endpoints){ 0 };
	return result;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fetch_gets_good_documents_and_refuses_the_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fetch_gets_only_what_is_configured, set_up, tear_down),
	};

	return unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
