/* SPDX-License-Identifier: Apache-2.0
 *
 * The real keyreeve-idp, with this test as its keyreeved and its agent, against the test issuer; with the times that
 * ship.  What needs many seconds runs side by side. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/own.h"
#include "base/role.h"
#include "spiffe/idp_msg.h"
#include "spiffe/workload.h"
#include "tests/support/issuer.h"
#include "tests/support/unit.h"

enum { PATIENCE_MS = 10000, QUIET_MS = 500, START_MS = 20000, DOCUMENT_BYTES = 1024 * 1024 };

static const char *const with_entry[] = { "--entry", "any=spiffe://prod.example/idp", NULL };

/* ---- the role, seen from keyreeved and from the agent -------------------------------------------------------- */

struct role {
	pid_t pid;
	struct ipc *ctl;
	struct ipc *agent;
};

static void make_pair(int ret_ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_ends), 0);
}

/* A role's environment is empty; only a sanitizer may be told what to overlook in gRPC. */
static char *sanitizer_options(void)
{
	for (char **variable = environ; *variable != NULL; variable++)
		if (strncmp(*variable, "TSAN_OPTIONS=", 13) == 0)
			return *variable;
	return NULL;
}

static void spawn_role(struct role *role)
{
	char program[] = IDP_PROGRAM;
	char *argv[] = { program, NULL }, *environment[] = { sanitizer_options(), NULL };
	posix_spawn_file_actions_t actions;
	int ends[2];

	make_pair(ends);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], ROLE_CTL_FD), 0);
	assert_int_equal(posix_spawn(&role->pid, program, &actions, NULL, argv, environment), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	assert_ok(ipc_new(ends[0], &role->ctl));
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

/* Give the role a new agent's socket; what comes first on it is a hello. */
static void give_agent(struct role *role)
{
	int ends[2];

	make_pair(ends);
	say(role, ROLE_FD, BYTES_LITERAL("agent"), (struct bytes){ 0 }, ends[1]);
	(void)close(ends[1]);
	ipc_free(role->agent);
	assert_ok(ipc_new(ends[0], &role->agent));
}

static void expect_hello(struct role *role)
{
	struct ipc_message hello;

	assert_ok(ipc_wait(role->agent, START_MS, &hello));
	assert_int_equal(hello.type, IDP_HELLO);
	assert_bytes(hello.part[0], ipc_build_id());
}

static struct ipc_message configure(struct role *role, const char *endpoint)
{
	AUTO(buf_done) struct buf config = buf_make(1024);
	struct ipc_message answer;

	endpoint_section_put(&config, bytes_from_text(endpoint), 24 * 3600, geteuid());
	assert_ok(ipc_wait(role->ctl, START_MS, &answer));
	assert_int_equal(answer.type, ROLE_HELLO);
	say(role, ROLE_HELLO, ipc_build_id(), (struct bytes){ 0 }, -1);
	say(role, ROLE_CONFIG, (struct bytes){ 0 }, buf_bytes(&config), -1);
	give_agent(role);
	say(role, ROLE_GO, (struct bytes){ 0 }, (struct bytes){ 0 }, -1);
	assert_ok(ipc_wait(role->ctl, START_MS, &answer));
	return answer;
}

static void role_start(struct role *role, const char *endpoint)
{
	*role = (struct role){ 0 };
	spawn_role(role);
	assert_int_equal(configure(role, endpoint).type, ROLE_READY);
	expect_hello(role);
}

static int exit_code(pid_t pid)
{
	uint64_t until = clock_mono_us() + PATIENCE_MS * (uint64_t)US_PER_MS;
	int state = 0;

	while (waitpid(pid, &state, WNOHANG) != pid) {
		if (clock_mono_us() > until) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			return -1;
		}
		(void)poll(NULL, 0, 10);
	}
	return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

/* It ends when keyreeved hangs up, cleanly and soon. */
static void role_stop(struct role *role)
{
	uint64_t start = clock_mono_us();

	ipc_free(role->ctl);
	role->ctl = NULL;
	assert_int_equal(exit_code(role->pid), 0);
	assert_true(clock_mono_us() - start < 3 * US_PER_S);
	ipc_free(role->agent);
	role->agent = NULL;
}

/* The next message of that type, others before it dropped; false after the time. */
static bool next_of(struct role *role, uint16_t type, int timeout_ms, struct ipc_message *ret_message)
{
	uint64_t until = clock_mono_us() + (uint64_t)timeout_ms * US_PER_MS;

	for (uint64_t now = clock_mono_us(); now < until; now = clock_mono_us()) {
		if (ipc_wait(role->agent, (int)((until - now) / US_PER_MS) + 1, ret_message).code != STATUS_OK)
			return false;
		if (ret_message->type == type)
			return true;
	}
	return false;
}

static struct ipc_message expect(struct role *role, uint16_t type)
{
	struct ipc_message message;

	if (!next_of(role, type, PATIENCE_MS, &message))
		fail_msg("no message %u from keyreeve-idp", type);
	return message;
}

static void expect_state(struct role *role, enum workload_state state, const char *words)
{
	for (;;) {
		struct ipc_message message = expect(role, IDP_STATE);

		if (message.id != (uint64_t)state)
			continue;
		if (memmem(message.part[0].data, message.part[0].len, words, strlen(words)) == NULL)
			fail_msg("state %u says \"%.*s\"", (unsigned)state, (int)message.part[0].len,
				(const char *)message.part[0].data);
		return;
	}
}

/* Neither new documents nor a withdrawal, for a while. */
static void expect_quiet(struct role *role)
{
	uint64_t until = clock_mono_us() + QUIET_MS * (uint64_t)US_PER_MS;
	struct ipc_message message;

	while (clock_mono_us() < until) {
		if (ipc_wait(role->agent, QUIET_MS, &message).code != STATUS_OK)
			continue;
		assert_int_not_equal(message.type, IDP_BUNDLES);
		assert_int_not_equal(message.type, IDP_WITHDRAWN);
	}
}

/* The document under that key in a snapshot; empty if there is none. */
static struct bytes document_of(const struct ipc_message *message, const char *key, size_t *ret_count)
{
	struct reader list = reader_of(message->part[1]);
	struct bytes found = { 0 };

	*ret_count = 0;
	while (!list.bad && list.left.len > 0) {
		struct bytes name = reader_sized(&list, WORKLOAD_LIST_MAX),
			     document = reader_sized(&list, WORKLOAD_LIST_MAX);

		if (bytes_equal(name, bytes_from_text(key)))
			found = document;
		++*ret_count;
	}
	assert_true(reader_done(&list));
	return found;
}

/* The next snapshot is the issuer's own document, as it is now. */
static void expect_own_document(struct role *role, struct issuer_child *issuer)
{
	struct ipc_message message = expect(role, IDP_BUNDLES);
	size_t count;
	struct bytes document = document_of(&message, "spiffe://prod.example", &count);

	assert_int_equal(count, 1);
	assert_bytes(document, bytes_from_text(issuer_say(issuer, "bundle")));
}

/* ---- fixture: one issuer, one role, the first snapshot received ------------------------------------------------- */

static struct issuer_child issuer;
static struct role role;

static int set_up(void **state)
{
	(void)state;
	issuer_prepare(&issuer);
	issuer_start(&issuer, with_entry);
	role_start(&role, issuer.endpoint);
	expect_own_document(&role, &issuer);
	expect_state(&role, WORKLOAD_CONNECTED, "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (role.ctl != NULL)
		role_stop(&role);
	issuer_remove(&issuer);
	return 0;
}

/* A test that failed in its middle leaves no process behind. */
static int clean_up(void **state)
{
	(void)state;
	if (role.pid > 0 && role.ctl != NULL)
		(void)kill(role.pid, SIGKILL);
	if (issuer.pid > 0)
		issuer_remove(&issuer);
	return 0;
}

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

/* WA-02, WA-04: what is no longer in the message is gone from the snapshot. */
static void idp_passes_on_each_change_as_a_whole(void **state)
{
	struct ipc_message message;
	size_t count;

	(void)state;
	(void)issuer_say(&issuer, "add-key k2 RS256");
	expect_own_document(&role, &issuer);
	(void)issuer_say(&issuer, "withdraw k1");
	expect_own_document(&role, &issuer);
	(void)issuer_say(&issuer, "document spiffe://other.example 20");
	message = expect(&role, IDP_BUNDLES);
	assert_int_equal(document_of(&message, "spiffe://other.example", &count).len, 20);
	assert_int_equal(count, 2);
	(void)issuer_say(&issuer, "document-delete spiffe://other.example");
	expect_own_document(&role, &issuer);
	assert_int_equal(issuer_seen(&issuer, "bundles"), 1);
	assert_int_equal(issuer_seen(&issuer, "bad-metadata"), 0); /* TV-WA-01 */
	assert_int_equal(issuer_seen(&issuer, "others"), 0);
}

/* TV-WA-09 */
static void idp_discards_a_message_without_documents(void **state)
{
	(void)state;
	(void)issuer_say(&issuer, "own off");
	expect_state(&role, WORKLOAD_DISCARDED, "without any key document");
	expect_quiet(&role);
	(void)issuer_say(&issuer, "own on");
	expect_state(&role, WORKLOAD_CONNECTED, "");
	expect_quiet(&role); /* WA-25: it is what was in force all the time */
}

/* TV-WA-15 */
static void idp_discards_messages_whose_keys_name_no_or_one_domain_twice(void **state)
{
	struct ipc_message message;
	size_t count;

	(void)state;
	(void)issuer_say(&issuer, "document example.org 20");
	message = expect(&role, IDP_BUNDLES);
	assert_int_equal(document_of(&message, "example.org", &count).len, 20);
	(void)issuer_say(&issuer, "document spiffe://example.org/x 20");
	expect_state(&role, WORKLOAD_DISCARDED, "names no trust domain");
	(void)issuer_say(&issuer, "document-delete spiffe://example.org/x");
	expect_state(&role, WORKLOAD_CONNECTED, "");
	(void)issuer_say(&issuer, "document spiffe://example.org 20");
	expect_state(&role, WORKLOAD_DISCARDED, "twice");
	expect_quiet(&role);
}

/* TV-WA-16: up to 4 MiB; the document of over 1 MiB is the agent's to refuse (JB-11). */
static void idp_passes_on_large_messages_and_refuses_larger_ones(void **state)
{
	struct ipc_message message;
	size_t count;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		(void)issuer_say(&issuer, "document big%u.example %u", i, DOCUMENT_BYTES);
		message = expect(&role, IDP_BUNDLES);
	}
	(void)issuer_say(&issuer, "document big2.example %u", DOCUMENT_BYTES + 1);
	message = expect(&role, IDP_BUNDLES);
	assert_int_equal(document_of(&message, "big0.example", &count).len, DOCUMENT_BYTES);
	assert_int_equal(document_of(&message, "big2.example", &count).len, DOCUMENT_BYTES + 1);
	assert_int_equal(count, 4);
	(void)issuer_say(&issuer, "document big3.example %u", 2 * DOCUMENT_BYTES);
	expect_state(&role, WORKLOAD_BACKING_OFF, "ResourceExhausted");
	expect_quiet(&role);
	(void)issuer_say(&issuer, "document-delete big3.example");
	expect_state(&role, WORKLOAD_CONNECTED, "");
	expect_quiet(&role);
}

/* ---- streams that end ---------------------------------------------------------------------------------------------
 */

/* TV-WA-07: OK, end of file, the process killed; the documents stay, and the first attempt is at once.  TV-WA-19: the
 * agent that comes back is another process at the same path. */
static void idp_comes_back_after_every_kind_of_end(void **state)
{
	long gap = -1;

	(void)state;
	(void)issuer_say(&issuer, "close");
	expect_state(&role, WORKLOAD_BACKING_OFF, "server ended the stream");
	expect_state(&role, WORKLOAD_CONNECTED, "");
	(void)sscanf(issuer_say(&issuer, "times"), "%ld", &gap);
	(void)issuer_say(&issuer, "disconnect");
	expect_state(&role, WORKLOAD_BACKING_OFF, "Unavailable");
	expect_state(&role, WORKLOAD_CONNECTED, "");
	issuer_kill(&issuer);
	expect_state(&role, WORKLOAD_BACKING_OFF, "Unavailable");
	expect_quiet(&role);
	/* a new process, a new inode at the same path, and, since its memory is gone, another key */
	issuer_start(&issuer, with_entry);
	expect_own_document(&role, &issuer);
	/* The gap also holds the way of our two lines to the issuer. */
	assert_in_range(gap, 0, 1000);
}

/* TV-WA-08, WA-06: and it keeps asking. */
static void idp_withdraws_when_permission_is_denied(void **state)
{
	struct ipc_message message;

	(void)state;
	(void)issuer_say(&issuer, "entry-delete any");
	message = expect(&role, IDP_WITHDRAWN);
	assert_non_null(memmem(message.part[0].data, message.part[0].len, "no identity issued", 18));
	expect_state(&role, WORKLOAD_BACKING_OFF, "PermissionDenied");
	(void)issuer_say(&issuer, "entry any spiffe://prod.example/idp");
	expect_own_document(&role, &issuer); /* the same documents, but news again */
}

/* TV-WA-06: absent at the start. */
static void idp_waits_for_a_workload_api_that_comes_late(void **state)
{
	(void)state;
	issuer_prepare(&issuer);
	role_start(&role, issuer.endpoint);
	expect_state(&role, WORKLOAD_BACKING_OFF, "Unavailable");
	(void)poll(NULL, 0, 2000);
	issuer_start(&issuer, with_entry);
	expect_own_document(&role, &issuer);
	role_stop(&role);
	issuer_remove(&issuer);
}

/* TV-WA-02 to TV-WA-05, side by side since each takes seconds. */
static void idp_retries_each_status_as_the_standard_says(void **state)
{
	static const struct {
		const char *line;
		bool recovers;
	} rows[] = { { "invalid", false }, { "unimplemented", false }, { "unavailable 3", true }, { "deny 3", true } };
	enum { COUNT = sizeof(rows) / sizeof(rows[0]) };
	static struct issuer_child issuers[COUNT];
	static struct role roles[COUNT];
	uint64_t start;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		issuer_prepare(&issuers[i]);
		issuer_start(&issuers[i], with_entry);
		(void)issuer_say(&issuers[i], "%s", rows[i].line);
		role_start(&roles[i], issuers[i].endpoint);
	}
	start = clock_mono_us();
	for (size_t i = 0; i < COUNT; i++)
		if (rows[i].recovers)
			expect_own_document(&roles[i], &issuers[i]);
		else
			expect_state(&roles[i], WORKLOAD_REFUSED, "");
	while (clock_mono_us() - start < 5 * US_PER_S)
		(void)poll(NULL, 0, 100);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(issuer_seen(&issuers[i], "bundles"), rows[i].recovers ? 4 : 1);
		if (rows[i].recovers) {
			long gaps[3] = { 0 };

			assert_int_equal(
				sscanf(issuer_say(&issuers[i], "times"), "%ld %ld %ld", &gaps[0], &gaps[1], &gaps[2]),
				3);
			assert_in_range(gaps[0], 480, 1500); /* 1, 2, 4 s, each with jitter down to half */
			assert_in_range(gaps[1], 980, 2500);
			assert_in_range(gaps[2], 1980, 4500);
		}
		role_stop(&roles[i]);
		issuer_remove(&issuers[i]);
	}
}

/* ---- keyreeved and the agent
 * ------------------------------------------------------------------------------------------ */

static void idp_tells_a_new_agent_what_is_in_force(void **state)
{
	(void)state;
	give_agent(&role);
	expect_hello(&role);
	expect_own_document(&role, &issuer);
	expect_state(&role, WORKLOAD_CONNECTED, "");
	/* The agent dies first, and is replaced a moment later. */
	ipc_free(role.agent);
	role.agent = NULL;
	(void)issuer_say(&issuer, "add-key k2 ES384");
	(void)poll(NULL, 0, 100);
	give_agent(&role);
	expect_hello(&role);
	expect_own_document(&role, &issuer);
	/* A withdrawal is in force too. */
	(void)issuer_say(&issuer, "deny");
	(void)expect(&role, IDP_WITHDRAWN);
	give_agent(&role);
	expect_hello(&role);
	(void)expect(&role, IDP_WITHDRAWN);
	assert_int_equal(issuer_seen(&issuer, "bad-metadata"), 0);
}

/* An agent that does not read gets the last snapshot in the end, not every one on the way. */
static void idp_does_not_wait_for_an_agent_that_does_not_read(void **state)
{
	struct ipc_message message;
	unsigned snapshots = 0;
	size_t count = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		(void)issuer_say(&issuer, "document d%u.example 4000", i);
	while (count < 101) {
		message = expect(&role, IDP_BUNDLES);
		(void)document_of(&message, "spiffe://prod.example", &count);
		snapshots++;
	}
	assert_int_equal(count, 101);
	assert_in_range(snapshots, 1, 100);
}

static void idp_drops_an_agent_that_speaks(void **state)
{
	struct ipc_message wrong = ipc_message_of(IDP_BUNDLES, 0), message;
	struct status st = OK;

	(void)state;
	assert_ok(ipc_send(role.agent, &wrong));
	assert_ok(ipc_flush_wait(role.agent, PATIENCE_MS));
	while (st.code == STATUS_OK)
		st = ipc_wait(role.agent, PATIENCE_MS, &message);
	assert_int_equal(st.code, STATUS_IPC_CLOSED);
	give_agent(&role);
	expect_hello(&role);
	expect_own_document(&role, &issuer);
}

static void ask(uint64_t id, const char *token, uint64_t deadline_us)
{
	struct ipc_message message = ipc_message_of(IDP_VALIDATE, id);

	message.deadline_us = deadline_us;
	message.part[0] = BYTES_LITERAL("parsec");
	message.part[1] = bytes_from_text(token);
	assert_ok(ipc_send(role.agent, &message));
	assert_ok(ipc_flush_wait(role.agent, PATIENCE_MS));
}

static uint64_t soon(void)
{
	return clock_mono_us() + IDP_VALIDATE_MS * (uint64_t)US_PER_MS;
}

static void idp_asks_the_workload_api_about_tokens(void **state)
{
	static const struct {
		const char *opinion;
		enum status_code want;
	} rows[] = { { "good", STATUS_OK }, { "invalid", STATUS_JWT_REMOTE }, { "unavailable", STATUS_JWT_UNDECIDED },
		{ "no-claims", STATUS_JWT_UNDECIDED }, { "hang", STATUS_JWT_UNDECIDED } };
	char *token = strdup(issuer_say(&issuer, "mint spiffe://prod.example/w parsec 300"));

	(void)state;
	assert_non_null(token);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_message verdict;

		(void)issuer_say(&issuer, "validate %s", rows[i].opinion);
		ask(100 + i, token, soon());
		verdict = expect(&role, IDP_VERDICT);
		assert_int_equal(verdict.id, 100 + i);
		if (verdict.status != rows[i].want)
			fail_msg("%s: %s", rows[i].opinion, status_name(verdict.status));
		if (verdict.status == STATUS_OK)
			assert_bytes(verdict.part[0], BYTES_LITERAL("spiffe://prod.example/w"));
		else
			assert_true(verdict.part[0].len > 0);
	}
	/* what cannot be asked any more is answered without asking */
	(void)issuer_say(&issuer, "validate good");
	ask(1, token, clock_mono_us());
	assert_int_equal(expect(&role, IDP_VERDICT).status, STATUS_JWT_UNDECIDED);
	free(token);
}

/* A Workload API that hangs costs a bounded number of questions, each its own time, and not the documents. */
static void idp_answers_every_question_in_time(void **state)
{
	enum { QUESTIONS = IDP_VALIDATIONS_MAX + 16 };
	bool answered[QUESTIONS] = { false };
	uint64_t start = clock_mono_us();

	(void)state;
	(void)issuer_say(&issuer, "validate hang");
	for (uint64_t i = 0; i < QUESTIONS; i++)
		ask(i, "a.b.c", start + IDP_VALIDATE_MS * (uint64_t)US_PER_MS);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct ipc_message verdict = expect(&role, IDP_VERDICT);

		assert_int_equal(verdict.status, STATUS_JWT_UNDECIDED);
		assert_true(verdict.id < QUESTIONS && !answered[verdict.id]);
		answered[verdict.id] = true;
	}
	assert_true(clock_mono_us() - start < (IDP_VALIDATE_MS + 1000) * (uint64_t)US_PER_MS);
	assert_true(issuer_seen(&issuer, "validations") <= 8); /* few at a time, none twice */
	(void)issuer_say(&issuer, "validate good");
	ask(1000, issuer_say(&issuer, "mint spiffe://prod.example/w parsec 300"), soon());
	assert_int_equal(expect(&role, IDP_VERDICT).status, STATUS_OK);
}

static void idp_does_not_tell_a_new_agent_what_the_last_one_asked(void **state)
{
	struct ipc_message message;

	(void)state;
	(void)issuer_say(&issuer, "validate hang");
	for (uint64_t i = 0; i < 10; i++)
		ask(i, "a.b.c", soon());
	give_agent(&role);
	expect_hello(&role);
	expect_own_document(&role, &issuer);
	assert_false(next_of(&role, IDP_VERDICT, IDP_VALIDATE_MS + 1000, &message));
	(void)issuer_say(&issuer, "validate good");
	ask(7, issuer_say(&issuer, "mint spiffe://prod.example/w parsec 300"), soon());
	message = expect(&role, IDP_VERDICT);
	assert_int_equal(message.id, 7);
	assert_int_equal(message.status, STATUS_OK);
}

static void idp_ends_when_keyreeved_does_also_while_backing_off(void **state)
{
	(void)state;
	issuer_prepare(&issuer);
	role_start(&role, issuer.endpoint);
	expect_state(&role, WORKLOAD_BACKING_OFF, "Unavailable");
	role_stop(&role); /* asserts exit code and time */
	issuer_remove(&issuer);
}

static void idp_refuses_an_endpoint_that_is_none(void **state)
{
	static const char *const endpoints[] = { "", "/run/x.sock", "unix://relative", "http://127.0.0.1:1" };

	(void)state;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		struct ipc_message answer;

		role = (struct role){ 0 };
		spawn_role(&role);
		answer = configure(&role, endpoints[i]);
		assert_int_equal(answer.type, ROLE_FAILED);
		assert_int_equal(answer.status, STATUS_CLIENT_ENDPOINT);
		assert_int_equal(exit_code(role.pid), 1);
		ipc_free(role.ctl);
		ipc_free(role.agent);
		role = (struct role){ 0 };
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define WITH_ROLE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define ALONE(name) cmocka_unit_test_teardown(name, clean_up)
		WITH_ROLE(idp_passes_on_each_change_as_a_whole),
		WITH_ROLE(idp_discards_a_message_without_documents),
		WITH_ROLE(idp_discards_messages_whose_keys_name_no_or_one_domain_twice),
		WITH_ROLE(idp_passes_on_large_messages_and_refuses_larger_ones),
		WITH_ROLE(idp_comes_back_after_every_kind_of_end),
		WITH_ROLE(idp_withdraws_when_permission_is_denied),
		ALONE(idp_waits_for_a_workload_api_that_comes_late),
		ALONE(idp_retries_each_status_as_the_standard_says),
		WITH_ROLE(idp_tells_a_new_agent_what_is_in_force),
		WITH_ROLE(idp_does_not_wait_for_an_agent_that_does_not_read),
		WITH_ROLE(idp_drops_an_agent_that_speaks),
		WITH_ROLE(idp_asks_the_workload_api_about_tokens),
		WITH_ROLE(idp_answers_every_question_in_time),
		WITH_ROLE(idp_does_not_tell_a_new_agent_what_the_last_one_asked),
		ALONE(idp_ends_when_keyreeved_does_also_while_backing_off),
		ALONE(idp_refuses_an_endpoint_that_is_none),
	};

	return unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
