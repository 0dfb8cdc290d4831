/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "agent/turns.h"
#include "base/own.h"

struct job {
	struct turn turn;
	uid_t uid;
	uint64_t process;
	unsigned number;
};

static void auto_turns(struct turns **turns)
{
	turns_free(*turns);
}

static struct turns *queue(void)
{
	struct turns *turns = NULL;

	assert_ok(turns_new(&turns));
	return turns;
}

static void submit(struct turns *turns, struct job *job, uid_t uid, uint64_t process, unsigned number)
{
	struct principal who = { .uid = uid, .process = { process, 0 } };

	*job = (struct job){ .uid = uid, .process = process, .number = number };
	assert_ok(turns_submit(turns, &job->turn, &who));
}

static bool anyone(void *context, uid_t uid)
{
	(void)context;
	(void)uid;
	return true;
}

/* context: the uid that may not */
static bool not_this_one(void *context, uid_t uid)
{
	return uid != *(const uid_t *)context;
}

static struct job *next(struct turns *turns)
{
	return (struct job *)turns_next(turns, anyone, NULL);
}

static void nobody_waits_and_nobody_comes(void **state)
{
	AUTO(auto_turns) struct turns *turns = queue();

	(void)state;
	assert_null(next(turns));
	assert_int_equal(turns_waiting(turns), 0);
}

static void one_of_a_uid_is_looked_at_at_a_time(void **state)
{
	AUTO(auto_turns) struct turns *turns = queue();
	struct job jobs[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		submit(turns, &jobs[i], 1, i, i);
	assert_int_equal(turns_waiting(turns), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(next(turns), &jobs[i]);
		assert_null(next(turns));
		turns_done(turns, &jobs[i].turn);
	}
	assert_null(next(turns));
}

static void so_many_uids_are_looked_at_at_a_time(void **state)
{
	AUTO(auto_turns) struct turns *turns = queue();
	struct job jobs[TURNS_RUNNING + 1];

	(void)state;
	for (unsigned i = 0; i <= TURNS_RUNNING; i++)
		submit(turns, &jobs[i], i, 0, i);
	for (unsigned i = 0; i < TURNS_RUNNING; i++)
		assert_ptr_equal(next(turns), &jobs[i]);
	assert_null(next(turns));
	turns_done(turns, &jobs[2].turn);
	assert_ptr_equal(next(turns), &jobs[TURNS_RUNNING]);
	for (unsigned i = 0; i <= TURNS_RUNNING; i++)
		if (i != 2)
			turns_done(turns, &jobs[i].turn);
}

/* Uid 1: process 10 with a hundred, process 11 with two; uid 2 with two. */
static void uids_take_turns_and_their_processes_do(void **state)
{
	static const struct {
		uid_t uid;
		uint64_t process;
		unsigned number;
	} want[] = { { 1, 10, 0 }, { 2, 20, 0 }, { 1, 11, 0 }, { 2, 20, 1 }, { 1, 10, 1 }, { 1, 11, 1 }, { 1, 10, 2 },
		{ 1, 10, 3 } };
	AUTO(auto_turns) struct turns *turns = queue();
	struct job many[100], few[2], others[2];

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		submit(turns, &many[i], 1, 10, i);
	for (unsigned i = 0; i < 2; i++)
		submit(turns, &few[i], 1, 11, i);
	for (unsigned i = 0; i < 2; i++)
		submit(turns, &others[i], 2, 20, i);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct job *job = next(turns);

		assert_non_null(job);
		assert_int_equal(job->uid, want[i].uid);
		assert_int_equal(job->process, want[i].process);
		assert_int_equal(job->number, want[i].number);
		turns_done(turns, &job->turn);
	}
	assert_int_equal(turns_waiting(turns), 96);
}

static void a_uid_that_may_not_yet_keeps_its_place(void **state)
{
	AUTO(auto_turns) struct turns *turns = queue();
	struct job slow[2], fast[2];
	uid_t throttled = 1;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		submit(turns, &slow[i], 1, 10, i);
		submit(turns, &fast[i], 2, 20, i);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_ptr_equal(turns_next(turns, not_this_one, &throttled), &fast[i].turn);
		assert_null(turns_next(turns, not_this_one, &throttled));
		turns_done(turns, &fast[i].turn);
	}
	assert_null(turns_next(turns, not_this_one, &throttled));
	assert_int_equal(turns_waiting(turns), 2);
	assert_ptr_equal(next(turns), &slow[0]);
	turns_done(turns, &slow[0].turn);
	assert_ptr_equal(next(turns), &slow[1]);
	turns_done(turns, &slow[1].turn);
}

static void who_comes_while_its_neighbour_is_looked_at_waits(void **state)
{
	AUTO(auto_turns) struct turns *turns = queue();
	struct job first, second, third;

	(void)state;
	submit(turns, &first, 1, 10, 0);
	assert_ptr_equal(next(turns), &first);
	submit(turns, &second, 1, 10, 1);
	submit(turns, &third, 1, 0, 2); /* not known */
	assert_null(next(turns));
	turns_done(turns, &first.turn);
	assert_null(first.turn.line);
	assert_ptr_equal(next(turns), &second);
	turns_done(turns, &second.turn);
	assert_ptr_equal(next(turns), &third);
	turns_done(turns, &third.turn);
	submit(turns, &first, 1, 10, 3);
	assert_ptr_equal(next(turns), &first);
	turns_done(turns, &first.turn);
}

/* A thousand jobs of random uids and processes: each is handed out once, and while anyone of a uid waits, no other uid
 * is served twice in a row. */
static void everyone_is_served_once_and_nobody_twice_in_a_row(void **state)
{
	enum { JOBS = 1000, UIDS = 7 };
	AUTO(auto_turns) struct turns *turns = queue();
	static struct job jobs[JOBS];
	unsigned served[JOBS] = { 0 }, left[UIDS] = { 0 };
	uint32_t seed = 4711;
	uid_t last = UIDS;

	(void)state;
	for (unsigned i = 0; i < JOBS; i++) {
		uid_t uid;

		seed = seed * 1664525 + 1013904223;
		uid = (seed >> 16) % UIDS;
		left[uid]++;
		submit(turns, &jobs[i], uid, (seed >> 8) % 13, i);
	}
	for (unsigned i = 0; i < JOBS; i++) {
		struct job *job = next(turns);
		unsigned others = 0;

		assert_non_null(job);
		served[job->number]++;
		for (uid_t uid = 0; uid < UIDS; uid++)
			others += uid != job->uid && left[uid] > 0;
		assert_true(job->uid != last || others == 0);
		last = job->uid;
		left[last]--;
		turns_done(turns, &job->turn);
	}
	assert_null(next(turns));
	for (unsigned i = 0; i < JOBS; i++)
		assert_int_equal(served[i], 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nobody_waits_and_nobody_comes),
	cmocka_unit_test(one_of_a_uid_is_looked_at_at_a_time),
	cmocka_unit_test(so_many_uids_are_looked_at_at_a_time),
	cmocka_unit_test(uids_take_turns_and_their_processes_do),
	cmocka_unit_test(a_uid_that_may_not_yet_keeps_its_place),
	cmocka_unit_test(who_comes_while_its_neighbour_is_looked_at_waits),
	cmocka_unit_test(everyone_is_served_once_and_nobody_twice_in_a_row),
};

UNIT_MAIN(tests)
