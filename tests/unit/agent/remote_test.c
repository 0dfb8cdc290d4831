/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about tokens, with a keyreeve-idp at the other end that says what the test says. */
#include "tests/support/unit.h"

#include <sys/socket.h>

#include "agent/remote.h"
#include "base/clock.h"
#include "spiffe/id.h"
#include "spiffe/idp_msg.h"

enum { CALLS = IDP_VALIDATIONS_MAX + 1, TEXT_BYTES = 64 };

#define ID "spiffe://a.example/web"
#define AUDIENCE BYTES_LITERAL("parsec")
#define TOKEN BYTES_LITERAL("a.b.c")

struct call {
	struct remote_call call;
	unsigned done;
	enum status_code verdict;
	char text[TEXT_BYTES];
};

static struct {
	struct loop loop;
	struct trust trust;
	struct remote remote;
	struct ipc *idp;
	struct call calls[CALLS];
	struct remote_call *next; /* asked when one is told its end */
} w;

static void on_done(struct remote_call *remote_call, enum status_code verdict, struct bytes text)
{
	struct call *call = (struct call *)remote_call;

	call->done++;
	call->verdict = verdict;
	(void)snprintf(call->text, sizeof(call->text), "%.*s", (int)text.len, (const char *)text.data);
	if (w.next != NULL) {
		struct remote_call *next = w.next;

		w.next = NULL;
		assert_ok(remote_ask(&w.remote, next, AUDIENCE, TOKEN));
	}
}

static void end_turn(void *context)
{
	(void)context;
	loop_stop(&w.loop);
}

/* What keyreeve-idp said is taken. */
static void one_turn(void)
{
	w.loop.stopping = false;
	w.loop.next_second_us = 0; /* does not wait */
	assert_ok(loop_run(&w.loop));
}

static void idp_comes(void)
{
	int fds[2];

	ipc_free(w.idp);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(ipc_new(fds[1], &w.idp));
	assert_ok(trust_connect(&w.trust, fds[0]));
}

static void idp_goes(void)
{
	ipc_free(w.idp);
	w.idp = NULL;
	one_turn();
}

static int begin(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	assert_ok(loop_init(&w.loop));
	w.loop.turn = end_turn;
	w.trust = (struct trust){ .loop = &w.loop, .watch.fd = -1 };
	remote_init(&w.remote, &w.trust);
	for (size_t i = 0; i < CALLS; i++)
		w.calls[i].call.done = on_done;
	idp_comes();
	return 0;
}

static int finish(void **state)
{
	(void)state;
	if (w.idp != NULL)
		idp_goes();
	loop_done(&w.loop);
	return 0;
}

static struct status ask(size_t i)
{
	return remote_ask(&w.remote, &w.calls[i].call, AUDIENCE, TOKEN);
}

/* The next question that keyreeve-idp has. */
static uint64_t asked(uint64_t *ret_deadline_us)
{
	struct ipc_message message;
	bool have;

	(void)ipc_receive(w.idp);
	assert_ok(ipc_next(w.idp, &message, &have));
	assert_true(have);
	assert_int_equal(message.type, IDP_VALIDATE);
	assert_bytes(message.part[0], AUDIENCE);
	assert_bytes(message.part[1], TOKEN);
	if (ret_deadline_us != NULL)
		*ret_deadline_us = message.deadline_us;
	return message.id;
}

static void answer(uint64_t id, enum status_code status, struct bytes text)
{
	struct ipc_message message = ipc_message_of(IDP_VERDICT, id);

	message.status = status;
	message.part[0] = text;
	assert_ok(ipc_send(w.idp, &message));
	assert_ok(ipc_flush(w.idp));
	one_turn();
}

static void assert_told(size_t i, enum status_code verdict, const char *text)
{
	assert_int_equal(w.calls[i].done, 1);
	assert_int_equal(w.calls[i].verdict, verdict);
	assert_string_equal(w.calls[i].text, text);
}

static void assert_waiting(unsigned count)
{
	unsigned waiting = 0;

	for (const struct remote_call *call = w.remote.waiting; call != NULL; call = call->next)
		waiting++;
	assert_int_equal(waiting, count);
	assert_int_equal(w.remote.count, count);
}

/* ---- answers ----------------------------------------------------------------------------------------- */

static void an_answer_goes_to_the_question_with_its_number(void **state)
{
	uint64_t ids[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_ok(ask(i));
		ids[i] = asked(NULL);
	}
	assert_true(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
	answer(ids[1], STATUS_JWT_REMOTE, BYTES_LITERAL("no"));
	assert_told(1, STATUS_JWT_REMOTE, "no");
	assert_waiting(2);
	answer(ids[2], STATUS_OK, BYTES_LITERAL(ID));
	assert_told(2, STATUS_OK, ID);
	answer(ids[0], STATUS_JWT_UNDECIDED, BYTES_LITERAL("who knows"));
	assert_told(0, STATUS_JWT_UNDECIDED, "who knows");
	assert_waiting(0);
}

static void an_answer_to_no_question_changes_nothing(void **state)
{
	uint64_t id;

	(void)state;
	answer(1, STATUS_OK, BYTES_LITERAL(ID)); /* before anything was asked */
	assert_ok(ask(0));
	id = asked(NULL);
	answer(id + 1, STATUS_OK, BYTES_LITERAL(ID));
	answer(0, STATUS_OK, BYTES_LITERAL(ID));
	assert_int_equal(w.calls[0].done, 0);
	assert_waiting(1);
	answer(id, STATUS_JWT_REMOTE, BYTES_LITERAL("no"));
	answer(id, STATUS_OK, BYTES_LITERAL(ID)); /* once more: nobody waits */
	assert_told(0, STATUS_JWT_REMOTE, "no");
	assert_ok(ask(1)); /* and the next question has another number */
	assert_int_not_equal(asked(NULL), id);
	assert_int_equal(w.calls[1].done, 0);
}

static void an_answer_that_is_none_is_refused(void **state)
{
	static uint8_t text[SPIFFE_ID_MAX_BYTES + 1];
	static const struct {
		enum status_code status;
		size_t len;
	} rows[] = {
		{ STATUS_JWT_EXPIRED, 1 },
		{ STATUS_OK, SPIFFE_ID_MAX_BYTES + 1 },
		{ STATUS_JWT_REMOTE, 257 },
		{ STATUS_JWT_UNDECIDED, 257 },
	};
	struct ipc_message message = ipc_message_of(IDP_VERDICT, 0);

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_ok(ask(0));
	message.id = asked(NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		message.status = rows[i].status;
		message.part[0] = bytes_of(text, rows[i].len);
		assert_fails(remote_verdict(&w.remote, &message), IPC_MALFORMED);
		assert_int_equal(w.calls[0].done, 0);
	}
	message.status = STATUS_JWT_REMOTE;
	message.part[0] = bytes_of(text, 256);
	assert_ok(remote_verdict(&w.remote, &message));
	assert_int_equal(w.calls[0].verdict, STATUS_JWT_REMOTE);
}

/* ---- no answer --------------------------------------------------------------------------------------- */

static void a_question_has_two_seconds_and_one_of_grace(void **state)
{
	uint64_t before = clock_mono_us(), deadline_us;

	(void)state;
	assert_ok(ask(0));
	(void)asked(&deadline_us);
	assert_in_range(deadline_us, before + 2 * US_PER_S, clock_mono_us() + 2 * US_PER_S);
	assert_int_equal(w.calls[0].call.deadline_us, deadline_us);
	remote_second(&w.remote, deadline_us + US_PER_S);
	assert_int_equal(w.calls[0].done, 0);
	assert_ok(ask(1));
	w.calls[1].call.deadline_us += US_PER_S; /* asked a second later */
	remote_second(&w.remote, deadline_us + US_PER_S + 1);
	assert_told(0, STATUS_JWT_UNDECIDED, "keyreeve-idp does not answer");
	assert_int_equal(w.calls[1].done, 0);
	assert_waiting(1);
	remote_second(&w.remote, deadline_us + 3 * US_PER_S);
	assert_told(1, STATUS_JWT_UNDECIDED, "keyreeve-idp does not answer");
	assert_waiting(0);
}

static void an_answer_after_the_end_changes_nothing(void **state)
{
	uint64_t id, deadline_us;

	(void)state;
	assert_ok(ask(0));
	id = asked(&deadline_us);
	remote_second(&w.remote, deadline_us + 2 * US_PER_S);
	answer(id, STATUS_OK, BYTES_LITERAL(ID));
	assert_told(0, STATUS_JWT_UNDECIDED, "keyreeve-idp does not answer");
}

static void what_was_asked_over_a_lost_link_is_undecided_at_once(void **state)
{
	uint64_t id;

	(void)state;
	assert_ok(ask(0));
	assert_ok(ask(1));
	id = asked(NULL);
	idp_goes();
	for (size_t i = 0; i < 2; i++)
		assert_told(i, STATUS_JWT_UNDECIDED, "keyreeve-idp is not there");
	assert_waiting(0);
	assert_fails(ask(2), JWT_UNDECIDED); /* and is not told once more */
	assert_int_equal(w.calls[2].done, 0);
	idp_comes();
	assert_ok(ask(2));
	assert_true(asked(NULL) > id + 1); /* numbers go on: an answer of the one before fits no question */
	answer(id, STATUS_OK, BYTES_LITERAL(ID));
	assert_int_equal(w.calls[2].done, 0);
}

static void a_new_link_ends_what_was_asked_over_the_old_one(void **state)
{
	(void)state;
	assert_ok(ask(0));
	idp_comes();
	assert_told(0, STATUS_JWT_UNDECIDED, "keyreeve-idp is not there");
	assert_ok(ask(1));
	answer(asked(NULL), STATUS_OK, BYTES_LITERAL(ID));
	assert_told(1, STATUS_OK, ID);
}

/* ---- too many ---------------------------------------------------------------------------------------- */

static void only_so_many_are_asked_at_a_time(void **state)
{
	uint64_t ids[IDP_VALIDATIONS_MAX];

	(void)state;
	for (size_t i = 0; i < IDP_VALIDATIONS_MAX; i++) {
		assert_ok(ask(i));
		ids[i] = asked(NULL);
	}
	assert_fails(ask(IDP_VALIDATIONS_MAX), JWT_UNDECIDED);
	assert_waiting(IDP_VALIDATIONS_MAX);
	assert_int_equal(w.calls[IDP_VALIDATIONS_MAX].done, 0);
	answer(ids[7], STATUS_OK, BYTES_LITERAL(ID));
	assert_ok(ask(IDP_VALIDATIONS_MAX)); /* in the place of the one that is over */
	answer(asked(NULL), STATUS_JWT_REMOTE, BYTES_LITERAL("no"));
	assert_told(IDP_VALIDATIONS_MAX, STATUS_JWT_REMOTE, "no");
	for (size_t i = 0; i < IDP_VALIDATIONS_MAX; i++)
		assert_int_equal(w.calls[i].done, i == 7);
	idp_goes();
	for (size_t i = 0; i < CALLS; i++)
		assert_int_equal(w.calls[i].done, 1);
}

static void who_is_told_may_ask_at_once(void **state)
{
	(void)state;
	assert_ok(ask(0));
	w.next = &w.calls[1].call;
	answer(asked(NULL), STATUS_OK, BYTES_LITERAL(ID));
	assert_waiting(1);
	answer(asked(NULL), STATUS_JWT_REMOTE, BYTES_LITERAL("no"));
	assert_told(0, STATUS_OK, ID);
	assert_told(1, STATUS_JWT_REMOTE, "no");
}

static const struct CMUnitTest tests[] = {
#define REMOTE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
	REMOTE_TEST(an_answer_goes_to_the_question_with_its_number),
	REMOTE_TEST(an_answer_to_no_question_changes_nothing),
	REMOTE_TEST(an_answer_that_is_none_is_refused),
	REMOTE_TEST(a_question_has_two_seconds_and_one_of_grace),
	REMOTE_TEST(an_answer_after_the_end_changes_nothing),
	REMOTE_TEST(what_was_asked_over_a_lost_link_is_undecided_at_once),
	REMOTE_TEST(a_new_link_ends_what_was_asked_over_the_old_one),
	REMOTE_TEST(only_so_many_are_asked_at_a_time),
	REMOTE_TEST(who_is_told_may_ask_at_once),
};

UNIT_MAIN(tests)
