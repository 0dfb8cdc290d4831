/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's side of a worker, with a worker at the other end that does what the test says. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/lane.h"
#include "base/own.h"

enum { CALLS = 100, TURN_MS = 1000 };

struct call {
	struct lane_call call;
	unsigned done;
	enum status_code code;
	int64_t native;
	char answer[16];
};

static struct {
	struct loop loop;
	struct lane lane;
	struct ipc *worker;
	struct worker_page *page; /* the worker's view */
	struct call calls[CALLS];
	size_t done_count;
	unsigned hellos, kills;
	char state[16]; /* new state of the last hello */
} w;

static void on_hello(struct lane *lane, struct bytes new_state)
{
	assert_ptr_equal(lane, &w.lane);
	assert_int_equal(lane->state, LANE_RECOVERING);
	assert_true(new_state.len < sizeof(w.state));
	(void)snprintf(w.state, sizeof(w.state), "%.*s", (int)new_state.len, (const char *)new_state.data);
	w.hellos++;
}

static void on_kill(struct lane *lane, const char *why)
{
	assert_ptr_equal(lane, &w.lane);
	assert_non_null(why);
	w.kills++;
}

static void on_done(struct lane_call *lane_call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct call *call = (struct call *)lane_call;

	call->done++;
	call->code = st.code;
	call->native = native;
	(void)snprintf(call->answer, sizeof(call->answer), "%.*s", (int)answer[0].len, (const char *)answer[0].data);
	w.done_count++;
}

/* ---- the worker --------------------------------------------------------------------------------- */

static void connect_worker(void)
{
	int fds[2], page_fd = memfd_create("page", MFD_CLOEXEC);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(ftruncate(page_fd, sizeof(struct worker_page)), 0);
	w.page = mmap(NULL, sizeof(*w.page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	assert_ptr_not_equal(w.page, MAP_FAILED);
	assert_ok(ipc_new(fds[1], &w.worker));
	assert_ok(lane_connect(&w.lane, fds[0], page_fd));
}

static void worker_dies(void)
{
	ipc_free(w.worker);
	w.worker = NULL;
	assert_int_equal(munmap(w.page, sizeof(*w.page)), 0);
}

static void worker_says(const struct ipc_message *message)
{
	assert_ok(ipc_send(w.worker, message));
	assert_ok(ipc_flush_wait(w.worker, TURN_MS));
}

static void worker_hello(const char *new_state)
{
	struct worker_info info = { .description = "fake", .threads = 2, .needs_parent = true };
	struct ipc_message hello = ipc_message_of(WORKER_HELLO, 0);
	struct buf raw = buf_make(IPC_INLINE_MAX);

	worker_info_put(&raw, &info);
	hello.part[0] = ipc_build_id();
	hello.part[1] = buf_bytes(&raw);
	hello.part[2] = bytes_from_text(new_state);
	worker_says(&hello);
	buf_done(&raw);
}

/* The next message that the lane sent; false when there is none. */
static bool worker_hears(struct ipc_message *ret_message)
{
	bool have = false;

	assert_ok(ipc_next(w.worker, ret_message, &have));
	if (have)
		return true;
	assert_ok(ipc_receive(w.worker));
	assert_ok(ipc_next(w.worker, ret_message, &have));
	return have;
}

static void answer_call(uint64_t id, uint16_t type, enum status_code code, const char *text)
{
	struct ipc_message answer = ipc_message_of(type, id);

	answer.status = code;
	answer.native = code == STATUS_OK ? 0 : 77;
	answer.part[0] = bytes_from_text(text);
	worker_says(&answer);
}

/* ---- the agent ---------------------------------------------------------------------------------- */

static void end_turn(void *context)
{
	(void)context;
	lane_turn(&w.lane);
	loop_stop(&w.loop);
}

/* One turn of the loop: what the worker said is taken, what was queued is handed over. */
static void one_turn(void)
{
	w.loop.stopping = false;
	w.loop.next_second_us = 0; /* does not wait */
	assert_ok(loop_run(&w.loop));
}

static void world_begin(size_t queue_max)
{
	memset(&w, 0, sizeof(w));
	assert_ok(loop_init(&w.loop));
	w.loop.turn = end_turn;
	lane_init(&w.lane, &w.loop, "tpm", 3, queue_max);
	w.lane.hello = on_hello;
	w.lane.kill = on_kill;
	for (size_t i = 0; i < CALLS; i++)
		w.calls[i].call = (struct lane_call){ .type = WORKER_SIGN,
			.deadline_us = 1000 + i,
			.repeatable = true,
			.part = { BYTES_LITERAL("blob"), BYTES_LITERAL("hash") },
			.done = on_done };
}

/* The hello is exchanged and recovery is over. */
static void world_up(void)
{
	struct ipc_message hello;

	connect_worker();
	assert_true(worker_hears(&hello));
	worker_hello("");
	one_turn();
	assert_int_equal(w.lane.state, LANE_RECOVERING);
	lane_open(&w.lane);
	assert_int_equal(w.lane.state, LANE_UP);
}

static void world_end(void)
{
	if (w.worker != NULL)
		worker_dies();
	lane_done(&w.lane);
	loop_done(&w.loop);
}

static void submit(size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_ok(lane_submit(&w.lane, &w.calls[i].call));
}

static void assert_done(size_t i, enum status_code code)
{
	assert_int_equal(w.calls[i].done, 1);
	assert_int_equal(w.calls[i].code, code);
}

/* What came before the end is read first, the end in the next turn. */
static void assert_death_is_noticed(void)
{
	one_turn();
	one_turn();
	assert_null(w.lane.ipc);
	assert_int_equal(w.lane.state, LANE_STARTING);
}

/* ---- tests -------------------------------------------------------------------------------------- */

static void hello_comes_before_every_call_and_carries_the_state(void **state)
{
	struct ipc_message heard;

	(void)state;
	world_begin(10);
	assert_fails(lane_submit(&w.lane, &w.calls[0].call), LANE_DOWN);
	buf_put_text(&w.lane.state_kept, "kept");
	memcpy(w.lane.tag, "8 bytes.", WORKER_TAG_BYTES);
	connect_worker();
	assert_int_equal(w.lane.state, LANE_STARTING);
	submit(1); /* waits */
	assert_fails(lane_submit_recovery(&w.lane, &w.calls[1].call), LANE_DOWN);
	one_turn();
	assert_true(worker_hears(&heard));
	assert_int_equal(heard.type, WORKER_HELLO);
	assert_bytes(heard.part[0], ipc_build_id());
	assert_bytes(heard.part[1], BYTES_LITERAL("kept"));
	assert_bytes(heard.part[2], BYTES_LITERAL("8 bytes."));
	assert_false(worker_hears(&heard));

	worker_hello("newer");
	one_turn();
	assert_int_equal(w.hellos, 1);
	assert_string_equal(w.state, "newer");
	assert_string_equal(w.lane.info.description, "fake");
	assert_true(w.lane.info.needs_parent);
	assert_int_equal(w.lane.state, LANE_RECOVERING);
	one_turn();
	assert_false(worker_hears(&heard)); /* the queue waits for recovery ... */
	assert_ok(lane_submit_recovery(&w.lane, &w.calls[1].call));
	one_turn();
	assert_true(worker_hears(&heard)); /* ... which goes past it */
	assert_true(heard.id == w.calls[1].call.id);
	assert_false(worker_hears(&heard));

	lane_open(&w.lane);
	one_turn();
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[0].call.id);
	assert_int_equal(heard.type, WORKER_SIGN);
	assert_int_equal(heard.deadline_us, 1000);
	assert_int_equal(heard.part[0].len, WORKER_REQUEST_BYTES);
	assert_bytes(heard.part[1], BYTES_LITERAL("blob"));
	assert_bytes(heard.part[2], BYTES_LITERAL("hash"));
	world_end();
}

static void the_window_is_bounded_and_the_queue_too(void **state)
{
	enum { QUEUE = 70 };
	struct ipc_message heard;
	size_t count = 0;

	(void)state;
	world_begin(QUEUE);
	world_up();
	submit(QUEUE);
	assert_fails(lane_submit(&w.lane, &w.calls[QUEUE].call), QUEUE_FULL);
	one_turn();
	while (worker_hears(&heard))
		assert_true(heard.id == w.calls[count++].call.id);
	assert_int_equal(count, LANE_WINDOW);
	assert_int_equal(w.lane.queue_count, QUEUE - LANE_WINDOW);
	assert_ok(lane_submit(&w.lane, &w.calls[QUEUE].call)); /* the window is not the queue */
	answer_call(w.calls[0].call.id, WORKER_SIGN, STATUS_OK, "x");
	one_turn();
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[LANE_WINDOW].call.id);
	assert_false(worker_hears(&heard));
	world_end();
}

static void answers_may_come_in_any_order(void **state)
{
	static const size_t order[] = { 2, 0, 3, 1 };

	(void)state;
	world_begin(10);
	world_up();
	submit(4);
	one_turn();
	for (size_t i = 0; i < 4; i++) {
		char text[8];

		(void)snprintf(text, sizeof(text), "%zu", order[i]);
		answer_call(
			w.calls[order[i]].call.id, WORKER_SIGN, order[i] == 3 ? STATUS_DEVICE_FAILED : STATUS_OK, text);
		one_turn();
		assert_int_equal(w.done_count, i + 1);
		assert_done(order[i], order[i] == 3 ? STATUS_DEVICE_FAILED : STATUS_OK);
	}
	assert_string_equal(w.calls[1].answer, "1");
	assert_string_equal(w.calls[2].answer, "2");
	assert_string_equal(w.calls[3].answer, ""); /* a failure carries nothing */
	assert_int_equal(w.calls[3].native, 77);
	world_end();
}

/* 0 was answered before the death, 1 was executing, 2 waited, 3 may not be repeated, 4 was queued after it. */
static void a_death_fails_what_was_executing_and_repeats_the_rest_once(void **state)
{
	struct ipc_message heard;

	(void)state;
	world_begin(10);
	world_up();
	w.calls[3].call.repeatable = false;
	w.calls[3].call.type = WORKER_GENERATE;
	submit(4);
	one_turn();
	while (worker_hears(&heard))
		;
	atomic_store(&w.page->executing[1], w.calls[1].call.id);
	assert_true(lane_is_executing(&w.lane, &w.calls[1].call));
	assert_false(lane_is_executing(&w.lane, &w.calls[2].call));
	answer_call(w.calls[0].call.id, WORKER_SIGN, STATUS_OK, "in time");
	worker_dies();
	assert_death_is_noticed();
	assert_done(0, STATUS_OK);
	assert_string_equal(w.calls[0].answer, "in time");
	assert_done(1, STATUS_LANE_DIED);
	assert_done(3, STATUS_LANE_DIED); /* never twice: the journal decides */
	assert_int_equal(w.calls[2].done, 0);
	assert_false(lane_is_executing(&w.lane, &w.calls[2].call));
	assert_ok(lane_submit(&w.lane, &w.calls[4].call));

	world_up(); /* the next worker */
	one_turn();
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[2].call.id);
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[4].call.id);
	worker_dies();
	assert_death_is_noticed();
	assert_done(2, STATUS_LANE_DIED); /* that was its second */
	assert_int_equal(w.calls[4].done, 0);

	world_up();
	one_turn();
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[4].call.id);
	assert_false(worker_hears(&heard));
	answer_call(heard.id, WORKER_SIGN, STATUS_OK, "");
	one_turn();
	assert_done(4, STATUS_OK);
	assert_int_equal(w.done_count, 5);
	world_end();
}

static void a_new_worker_while_the_old_one_lives_takes_its_place(void **state)
{
	struct ipc_message heard;
	struct worker_page *old_page;
	struct ipc *old;

	(void)state;
	world_begin(10);
	world_up();
	submit(1);
	one_turn();
	old = w.worker;
	old_page = w.page;
	world_up();
	one_turn();
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[0].call.id);
	assert_int_equal(w.hellos, 2);
	ipc_free(old);
	assert_int_equal(munmap(old_page, sizeof(*old_page)), 0);
	world_end();
}

static void what_makes_no_sense_ends_the_worker(void **state)
{
	enum { UNKNOWN_ID, OTHER_TYPE, TWICE, SECOND_HELLO, GARBAGE, ROWS };

	(void)state;
	for (int row = 0; row < ROWS; row++) {
		char peek;

		world_begin(10);
		world_up();
		w.calls[0].call.repeatable = false;
		submit(2);
		one_turn();
		if (row == UNKNOWN_ID)
			answer_call(4711, WORKER_SIGN, STATUS_OK, "");
		if (row == OTHER_TYPE)
			answer_call(w.calls[0].call.id, WORKER_GENERATE, STATUS_OK, "");
		if (row == TWICE) {
			answer_call(w.calls[1].call.id, WORKER_SIGN, STATUS_OK, "");
			answer_call(w.calls[1].call.id, WORKER_SIGN, STATUS_OK, "");
		}
		if (row == SECOND_HELLO)
			worker_hello("");
		if (row == GARBAGE)
			assert_int_equal(
				send(ipc_fd(w.worker), (char[IPC_HEADER_BYTES]){ [7] = 1 }, IPC_HEADER_BYTES, 0),
				IPC_HEADER_BYTES);
		one_turn();
		assert_int_equal(w.lane.state, LANE_STARTING);
		assert_null(w.lane.ipc);
		assert_done(0, STATUS_LANE_DIED);
		assert_int_equal(w.calls[1].done, row == TWICE ? 1 : 0);
		while (recv(ipc_fd(w.worker), &peek, 1, 0) > 0)
			;
		assert_int_equal(recv(ipc_fd(w.worker), &peek, 1, 0), 0); /* hung up on */
		world_end();
	}
}

static void a_hello_that_does_not_fit_ends_the_worker(void **state)
{
	enum { OTHER_BUILD, NO_INFO, LONG_STATE, FAILED, ROWS };
	static const uint8_t wide[WORKER_STATE_MAX + 1];

	(void)state;
	for (int row = 0; row < ROWS; row++) {
		struct worker_info info = { .description = "fake", .threads = 1 };
		struct ipc_message hello = ipc_message_of(WORKER_HELLO, 0);
		struct buf raw = buf_make(IPC_INLINE_MAX);

		world_begin(10);
		connect_worker();
		worker_info_put(&raw, &info);
		hello.part[0] = row == OTHER_BUILD ? bytes_of(wide, IPC_BUILD_BYTES) : ipc_build_id();
		hello.part[1] = row == NO_INFO ? BYTES_LITERAL("none") : buf_bytes(&raw);
		hello.part[2] = row == LONG_STATE ? bytes_of(wide, sizeof(wide)) : (struct bytes){ 0 };
		hello.status = row == FAILED ? STATUS_DEVICE_GONE : STATUS_OK;
		worker_says(&hello);
		one_turn();
		assert_int_equal(w.hellos, 0);
		assert_null(w.lane.ipc);
		assert_int_equal(w.lane.state, LANE_STARTING);
		buf_done(&raw);
		world_end();
	}
}

static void given_up_everything_fails_at_once(void **state)
{
	(void)state;
	world_begin(CALLS);
	world_up();
	submit(80);
	one_turn();
	assert_ok(lane_submit(&w.lane, &w.calls[80].call));
	lane_give_up(&w.lane, "the PIN was refused");
	assert_int_equal(w.done_count, 81);
	for (size_t i = 0; i < 81; i++) /* those in the window waited their turn again */
		assert_done(i, STATUS_LANE_DOWN);
	assert_int_equal(w.lane.state, LANE_DOWN);
	assert_true(w.lane.is_given_up);
	assert_string_equal(w.lane.reason, "the PIN was refused");
	assert_fails(lane_submit(&w.lane, &w.calls[81].call), LANE_DOWN);
	worker_dies();
	world_up(); /* back again */
	assert_false(w.lane.is_given_up);
	assert_ok(lane_submit(&w.lane, &w.calls[81].call));
	world_end();
}

static void only_what_was_not_handed_over_can_be_recalled(void **state)
{
	struct ipc_message heard;

	(void)state;
	world_begin(10);
	world_up();
	submit(1);
	one_turn();
	assert_ok(lane_submit(&w.lane, &w.calls[1].call));
	assert_ok(lane_submit(&w.lane, &w.calls[2].call));
	assert_false(lane_recall(&w.lane, &w.calls[0].call));
	assert_true(lane_recall(&w.lane, &w.calls[1].call));
	one_turn();
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[0].call.id);
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[2].call.id);
	assert_false(worker_hears(&heard));
	assert_int_equal(w.calls[1].done, 0);
	world_end();
}

static void a_worker_that_is_replaced_answers_what_it_has_and_the_next_gets_the_rest(void **state)
{
	struct ipc_message heard;

	(void)state;
	world_begin(10);
	world_up();
	submit(1);
	one_turn();
	assert_true(worker_hears(&heard));
	lane_wind_up(&w.lane);
	assert_ok(lane_submit(&w.lane, &w.calls[1].call));
	one_turn();
	assert_false(worker_hears(&heard));
	assert_int_equal(w.kills, 0);
	answer_call(w.calls[0].call.id, WORKER_SIGN, STATUS_OK, "first");
	one_turn();
	assert_done(0, STATUS_OK);
	assert_int_equal(w.kills, 1);
	assert_int_equal(w.lane.state, LANE_STARTING);
	worker_dies();

	world_up();
	one_turn();
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[1].call.id);
	assert_int_equal(w.calls[1].done, 0);
	assert_int_equal(w.kills, 1);
	world_end();
}

static void of_a_provider_that_is_taken_out_everything_is_answered_first(void **state)
{
	struct ipc_message heard;

	(void)state;
	world_begin(10);
	world_up();
	submit(1);
	one_turn();
	assert_true(worker_hears(&heard));
	w.lane.is_configured = false;
	lane_wind_up(&w.lane);
	assert_ok(lane_submit(&w.lane, &w.calls[1].call));
	answer_call(w.calls[0].call.id, WORKER_SIGN, STATUS_OK, "first");
	one_turn();
	assert_int_equal(w.kills, 0);
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[1].call.id);
	answer_call(w.calls[1].call.id, WORKER_SIGN, STATUS_OK, "second");
	one_turn();
	assert_done(1, STATUS_OK);
	assert_int_equal(w.kills, 1);
	assert_int_equal(w.lane.state, LANE_DOWN);
	assert_true(w.lane.is_given_up);
	assert_fails(lane_submit(&w.lane, &w.calls[2].call), LANE_DOWN);
	worker_dies();

	/* It comes back: calls wait for its worker. */
	w.lane.is_configured = true;
	lane_expect(&w.lane);
	assert_ok(lane_submit(&w.lane, &w.calls[2].call));
	world_up();
	one_turn();
	assert_true(worker_hears(&heard));
	assert_true(heard.id == w.calls[2].call.id);
	world_end();
}

static void a_worker_is_greeted_when_its_state_was_read(void **state)
{
	struct ipc_message heard;

	(void)state;
	world_begin(10);
	w.lane.awaits_state = true;
	connect_worker();
	one_turn();
	assert_false(worker_hears(&heard));
	lane_state_came(&w.lane, BYTES_LITERAL("kept"));
	assert_true(worker_hears(&heard));
	assert_int_equal(heard.type, WORKER_HELLO);
	assert_bytes(heard.part[1], BYTES_LITERAL("kept"));
	world_end();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(hello_comes_before_every_call_and_carries_the_state),
	cmocka_unit_test(the_window_is_bounded_and_the_queue_too),
	cmocka_unit_test(answers_may_come_in_any_order),
	cmocka_unit_test(a_death_fails_what_was_executing_and_repeats_the_rest_once),
	cmocka_unit_test(a_new_worker_while_the_old_one_lives_takes_its_place),
	cmocka_unit_test(what_makes_no_sense_ends_the_worker),
	cmocka_unit_test(a_hello_that_does_not_fit_ends_the_worker),
	cmocka_unit_test(given_up_everything_fails_at_once),
	cmocka_unit_test(only_what_was_not_handed_over_can_be_recalled),
	cmocka_unit_test(a_worker_that_is_replaced_answers_what_it_has_and_the_next_gets_the_rest),
	cmocka_unit_test(of_a_provider_that_is_taken_out_everything_is_answered_first),
	cmocka_unit_test(a_worker_is_greeted_when_its_state_was_read),
};

UNIT_MAIN(tests)
