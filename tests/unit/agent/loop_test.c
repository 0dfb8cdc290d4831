/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/loop.h"
#include "base/clock.h"

enum { TIMERS = 4, THREADS = 2, POSTS = 5000 };

/* What the callbacks write: one test at a time. */
static struct {
	struct loop loop;
	struct timer {
		struct deadline deadline;
		int name;
		int disarms, arms; /* index of the timer to disarm or arm again; -1 none */
	} timers[TIMERS];
	int order[16];
	size_t count, stop_after;
} w;

static void expired(struct deadline *deadline)
{
	struct timer *timer = (struct timer *)deadline;

	assert_false(deadline->armed);
	w.order[w.count++] = timer->name;
	if (timer->disarms >= 0)
		deadline_disarm(&w.loop, &w.timers[timer->disarms].deadline);
	if (timer->arms >= 0) {
		deadline_arm(&w.loop, &w.timers[timer->arms].deadline, DEADLINE_IDLE);
		timer->arms = -1;
	}
	if (w.count >= w.stop_after)
		loop_stop(&w.loop);
}

static void world_begin(size_t stop_after)
{
	memset(&w, 0, sizeof(w));
	assert_ok(loop_init(&w.loop));
	w.stop_after = stop_after;
	for (int i = 0; i < TIMERS; i++)
		w.timers[i] = (struct timer){ .deadline.expired = expired, .name = i, .disarms = -1, .arms = -1 };
	w.loop.length_us[DEADLINE_ARRIVE] = 20 * US_PER_MS;
	w.loop.length_us[DEADLINE_IDLE] = 40 * US_PER_MS;
}

static void assert_order(const int *want, size_t count)
{
	assert_int_equal(w.count, count);
	assert_memory_equal(w.order, want, count * sizeof(int));
}

static void deadlines_of_a_kind_expire_in_order_of_arming(void **state)
{
	static const int want[] = { 1, 3, 0, 2 };
	uint64_t before;

	(void)state;
	world_begin(4);
	before = w.loop.now_us;
	deadline_arm(&w.loop, &w.timers[0].deadline, DEADLINE_IDLE); /* 40 ms */
	deadline_arm(&w.loop, &w.timers[1].deadline, DEADLINE_ARRIVE);
	deadline_arm(&w.loop, &w.timers[2].deadline, DEADLINE_IDLE);
	deadline_arm(&w.loop, &w.timers[3].deadline, DEADLINE_ARRIVE);
	assert_ptr_equal(deadline_first(&w.loop, DEADLINE_IDLE), &w.timers[0].deadline);
	assert_ptr_equal(deadline_first(&w.loop, DEADLINE_ARRIVE), &w.timers[1].deadline);
	assert_null(deadline_first(&w.loop, DEADLINE_DRAIN));
	assert_ok(loop_run(&w.loop));
	assert_order(want, 4);
	assert_true(clock_mono_us() - before >= 40 * US_PER_MS);
	loop_done(&w.loop);
}

static void arming_again_moves_to_the_end(void **state)
{
	static const int want[] = { 1, 0 };

	(void)state;
	world_begin(2);
	deadline_arm(&w.loop, &w.timers[0].deadline, DEADLINE_ARRIVE);
	deadline_arm(&w.loop, &w.timers[1].deadline, DEADLINE_ARRIVE);
	deadline_arm(&w.loop, &w.timers[0].deadline, DEADLINE_ARRIVE);
	assert_ptr_equal(deadline_first(&w.loop, DEADLINE_ARRIVE), &w.timers[1].deadline);
	deadline_arm(&w.loop, &w.timers[2].deadline, DEADLINE_ARRIVE);
	deadline_disarm(&w.loop, &w.timers[2].deadline);
	deadline_disarm(&w.loop, &w.timers[2].deadline); /* twice is once */
	assert_ok(loop_run(&w.loop));
	assert_order(want, 2);
	assert_null(deadline_first(&w.loop, DEADLINE_ARRIVE));
	loop_done(&w.loop);
}

/* All three are due in the same turn: the first takes the second away and arms the fourth; it does not expire. */
static void a_callback_may_disarm_what_is_due_and_arm_anew(void **state)
{
	static const int want[] = { 0, 2, 3 };

	(void)state;
	world_begin(3);
	for (int i = 0; i < 3; i++)
		deadline_arm(&w.loop, &w.timers[i].deadline, DEADLINE_ARRIVE);
	w.timers[0].disarms = 1;
	w.timers[0].arms = 3;
	(void)usleep(30 * US_PER_MS);
	assert_ok(loop_run(&w.loop));
	assert_order(want, 3);
	loop_done(&w.loop);
}

static void one_that_arms_itself_again_does_not_hold_the_turn(void **state)
{
	static const int want[] = { 0, 1, 0 };

	(void)state;
	world_begin(3);
	deadline_arm(&w.loop, &w.timers[0].deadline, DEADLINE_ARRIVE);
	deadline_arm(&w.loop, &w.timers[1].deadline, DEADLINE_ARRIVE);
	w.timers[0].arms = 0;
	assert_ok(loop_run(&w.loop));
	assert_order(want, 3);
	loop_done(&w.loop);
}

/* ---- posts -------------------------------------------------------------------------------------- */

struct parcel {
	struct post post;
	int thread, number;
};

static struct parcel parcels[THREADS][POSTS];
static int last[THREADS];
static size_t arrived;
static pthread_t home;

static void parcel_done(struct post *post)
{
	const struct parcel *parcel = (const struct parcel *)post;

	assert_true(pthread_equal(pthread_self(), home));
	assert_int_equal(parcel->number, last[parcel->thread] + 1);
	last[parcel->thread] = parcel->number;
	if (++arrived == (size_t)THREADS * POSTS)
		loop_stop(&w.loop);
}

static void *pusher(void *arg)
{
	struct parcel *mine = arg;

	for (int i = 0; i < POSTS;) {
		if (i % 7 == 0 && i + 3 <= POSTS) { /* a chain of three */
			mine[i].post.next = &mine[i + 1].post;
			mine[i + 1].post.next = &mine[i + 2].post;
			post_push_chain(&w.loop, &mine[i].post, &mine[i + 2].post);
			i += 3;
		} else {
			post_push(&w.loop, &mine[i++].post);
		}
	}
	return NULL;
}

static void posts_of_other_threads_run_here_all_and_in_order(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	world_begin(1);
	home = pthread_self();
	arrived = 0;
	for (int t = 0; t < THREADS; t++) {
		last[t] = -1;
		for (int i = 0; i < POSTS; i++)
			parcels[t][i] = (struct parcel){ .post.done = parcel_done, .thread = t, .number = i };
		assert_int_equal(pthread_create(&threads[t], NULL, pusher, parcels[t]), 0);
	}
	assert_ok(loop_run(&w.loop));
	for (int t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	assert_int_equal(arrived, (size_t)THREADS * POSTS);
	loop_done(&w.loop);
}

static int pushes_left;

static void push_again(struct post *post)
{
	if (--pushes_left > 0)
		post_push(&w.loop, post);
	else
		loop_stop(&w.loop);
}

static void a_post_may_push_itself_again(void **state)
{
	struct post post = { .done = push_again };

	(void)state;
	world_begin(1);
	pushes_left = 100;
	post_push(&w.loop, &post);
	assert_ok(loop_run(&w.loop));
	assert_int_equal(pushes_left, 0);
	loop_done(&w.loop);
}

/* ---- watches ------------------------------------------------------------------------------------ */

static struct watch pair[2];
static int ready_count, turns;

static void remove_both(struct watch *watch, uint32_t events)
{
	(void)watch;
	assert_true((events & EPOLLIN) != 0);
	ready_count++;
	watch_remove(&w.loop, &pair[0]);
	watch_remove(&w.loop, &pair[1]);
}

static void count_turn(void *context)
{
	assert_ptr_equal(context, &turns);
	if (++turns == 2)
		loop_stop(&w.loop);
}

/* Both are ready in one turn; the one that is served first takes the other away. */
static void what_was_removed_in_a_turn_is_not_served_in_it(void **state)
{
	(void)state;
	world_begin(1);
	ready_count = 0;
	turns = 0;
	for (int i = 0; i < 2; i++) {
		pair[i] = (struct watch){ .fd = eventfd(1, EFD_CLOEXEC), .events = EPOLLIN, .ready = remove_both };
		assert_ok(watch_add(&w.loop, &pair[i]));
	}
	w.loop.turn = count_turn;
	w.loop.second = count_turn; /* the second turn comes with the second */
	w.loop.context = &turns;
	assert_ok(loop_run(&w.loop));
	assert_int_equal(ready_count, 1);
	assert_int_equal(close(pair[0].fd), 0);
	assert_int_equal(close(pair[1].fd), 0);
	assert_fails(watch_add(&w.loop, &pair[0]), IO);
	loop_done(&w.loop);
}

enum { CROWD = 3 * LOOP_STRANGERS + 1, TURNS = 8 };

static struct {
	struct watch known, crowd[CROWD];
	struct deadline deadlines[2 * LOOP_EXPIRIES + 1];
	unsigned served[CROWD], in_turn, turns, expired_in_turn, expired;
	bool known_in_turn;
} c;

static void known_ready(struct watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	assert_int_equal(c.in_turn, 0); /* nobody before it */
	c.known_in_turn = true;
}

static void stranger_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	c.served[watch - c.crowd]++;
	c.in_turn++;
}

static void crowd_turn(void *context)
{
	(void)context;
	assert_true(c.known_in_turn);
	assert_int_equal(c.in_turn, LOOP_STRANGERS);
	c.known_in_turn = false;
	c.in_turn = 0;
	if (++c.turns == TURNS)
		loop_stop(&w.loop);
}

/* All are ready all the time. */
static void strangers_come_after_all_others_a_few_in_each_turn_and_every_one_in_turn(void **state)
{
	(void)state;
	world_begin(1);
	memset(&c, 0, sizeof(c));
	for (size_t i = 0; i < CROWD; i++) {
		c.crowd[i] = (struct watch){
			.fd = eventfd(1, EFD_CLOEXEC), .events = EPOLLIN, .is_stranger = true, .ready = stranger_ready
		};
		assert_ok(watch_add(&w.loop, &c.crowd[i]));
	}
	c.known = (struct watch){ .fd = eventfd(1, EFD_CLOEXEC), .events = EPOLLIN, .ready = known_ready };
	assert_ok(watch_add(&w.loop, &c.known));
	w.loop.turn = crowd_turn;
	assert_ok(loop_run(&w.loop));
	for (size_t i = 0; i < CROWD; i++) {
		assert_in_range(c.served[i], TURNS * LOOP_STRANGERS / CROWD, TURNS * LOOP_STRANGERS / CROWD + 1);
		watch_events(&w.loop, &c.crowd[i], 0);
		watch_remove(&w.loop, &c.crowd[i]);
		assert_int_equal(close(c.crowd[i].fd), 0);
	}
	assert_int_equal(close(c.known.fd), 0);
	loop_done(&w.loop);
}

static void one_expired(struct deadline *deadline)
{
	(void)deadline;
	c.expired++;
	c.expired_in_turn++;
}

static void expiry_turn(void *context)
{
	(void)context;
	assert_true(c.expired_in_turn <= LOOP_EXPIRIES);
	c.expired_in_turn = 0;
	if (c.expired == sizeof(c.deadlines) / sizeof(c.deadlines[0]))
		loop_stop(&w.loop);
}

static void those_that_expire_together_take_several_turns(void **state)
{
	(void)state;
	world_begin(1);
	memset(&c, 0, sizeof(c));
	for (size_t i = 0; i < sizeof(c.deadlines) / sizeof(c.deadlines[0]); i++) {
		c.deadlines[i].expired = one_expired;
		deadline_arm(&w.loop, &c.deadlines[i], DEADLINE_ARRIVE);
	}
	w.loop.turn = expiry_turn;
	assert_ok(loop_run(&w.loop));
	loop_done(&w.loop);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(strangers_come_after_all_others_a_few_in_each_turn_and_every_one_in_turn),
	cmocka_unit_test(those_that_expire_together_take_several_turns),
	cmocka_unit_test(deadlines_of_a_kind_expire_in_order_of_arming),
	cmocka_unit_test(arming_again_moves_to_the_end),
	cmocka_unit_test(a_callback_may_disarm_what_is_due_and_arm_anew),
	cmocka_unit_test(one_that_arms_itself_again_does_not_hold_the_turn),
	cmocka_unit_test(posts_of_other_threads_run_here_all_and_in_order),
	cmocka_unit_test(a_post_may_push_itself_again),
	cmocka_unit_test(what_was_removed_in_a_turn_is_not_served_in_it),
};

UNIT_MAIN(tests)
