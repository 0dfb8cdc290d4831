/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/park.h"
#include "base/own.h"

#define BEGIN UINT64_C(10000000) /* some time after the machine was started */

static int descriptor(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void come(struct park *park, uid_t uid, uint64_t until_us)
{
	assert_true(park_put(park, descriptor(), uid, until_us));
}

static void go(struct park *park)
{
	int fd = park_take(park);

	assert_true(fd >= 0);
	own_close(&fd);
}

static void go_due(struct park *park)
{
	int fd = park_take_due(park);

	assert_true(fd >= 0);
	own_close(&fd);
}

static void they_go_in_the_order_in_which_they_came(void **state)
{
	AUTO(park_done) struct park park = { 0 };

	(void)state;
	assert_ok(park_init(&park, 4));
	assert_int_equal(park_take(&park), -1);
	assert_true(park_due_us(&park) == UINT64_MAX);
	come(&park, 1, BEGIN);
	for (uint64_t i = 1; i < 10; i++) { /* twice around */
		come(&park, (uid_t)i, BEGIN + i);
		assert_true(park_due_us(&park) == BEGIN + i - 1);
		go(&park);
	}
	go(&park);
	assert_int_equal(park_take(&park), -1);
}

static void a_uid_has_three_quarters_and_all_together_no_more_than_all(void **state)
{
	AUTO(park_done) struct park park = { 0 };
	AUTO(own_close) int more = descriptor();

	(void)state;
	assert_ok(park_init(&park, 8));
	for (int i = 0; i < 6; i++)
		come(&park, 1, 1);
	assert_false(park_put(&park, more, 1, 1));
	come(&park, 2, 1);
	come(&park, 2, 1);
	assert_false(park_put(&park, more, 2, 1)); /* full */
	assert_true(is_open(more));
	go(&park);
	come(&park, 1, 1);
}

static void those_who_came_together_are_due_one_after_another(void **state)
{
	enum { MANY = 100, UNTIL = 10000000, LATER = UNTIL + 10000, SPREAD_US = PARK_SPREAD_MS * 1000 };
	AUTO(park_done) struct park park = { 0 };
	uint64_t last = 0;

	(void)state;
	assert_ok(park_init(&park, 4 * MANY));
	assert_int_equal(park_take_due(&park), -1);
	for (int i = 0; i < MANY; i++)
		come(&park, 1, UNTIL);
	assert_true(park_due_us(&park) == UNTIL);
	for (uint64_t i = 0; i < 4; i++) {
		assert_true(park_due_us(&park) ==
			    UNTIL + i * (SPREAD_US / (MANY - 1))); /* as they are fewer it does not grow */
		go_due(&park);
	}
	for (int i = 0; i < MANY; i++) /* more are due before those are gone: closer together */
		come(&park, 1, LATER);
	while (park.count > 0) {
		assert_true(park_due_us(&park) > last);
		last = park_due_us(&park);
		go_due(&park);
	}
	assert_true(last > UNTIL + SPREAD_US / 2 && last <= LATER + SPREAD_US);
	come(&park, 1, UNTIL + 2 * SPREAD_US); /* alone it is not held back */
	assert_true(park_due_us(&park) == UNTIL + 2 * SPREAD_US);
}

/* A few with a wide gap, and before they are gone a crowd. */
static void a_crowd_behind_a_few_is_not_held_back_for_longer(void **state)
{
	enum { MANY = 300, SPREAD_US = PARK_SPREAD_MS * 1000 };
	AUTO(park_done) struct park park = { 0 };
	uint64_t last = 0;

	(void)state;
	assert_ok(park_init(&park, 4 * MANY));
	come(&park, 1, BEGIN);
	come(&park, 1, BEGIN);
	go_due(&park);
	assert_true(park_due_us(&park) == BEGIN + SPREAD_US);
	for (int i = 0; i < MANY; i++)
		come(&park, 1, BEGIN + 10);
	for (; park.count > 0; go_due(&park))
		last = park_due_us(&park);
	assert_true(last <= BEGIN + 10 + SPREAD_US);
}

static void the_bound_holds_whatever_is_asked_for(void **state)
{
	AUTO(park_done) struct park park = { 0 }, none = { 0 };
	AUTO(own_close) int fd = descriptor();

	(void)state;
	assert_ok(park_init(&park, SIZE_MAX));
	assert_int_equal(park.max, PARK_MAX);
	assert_ok(park_init(&none, 0));
	assert_false(park_put(&none, fd, 1, 1));
	assert_int_equal(park_take(&none), -1);
}

static void the_end_closes_what_is_there(void **state)
{
	struct park park;
	int fd = descriptor();

	(void)state;
	assert_ok(park_init(&park, 2));
	assert_true(park_put(&park, fd, 1, 1));
	park_done(&park);
	assert_false(is_open(fd));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(they_go_in_the_order_in_which_they_came),
	cmocka_unit_test(a_uid_has_three_quarters_and_all_together_no_more_than_all),
	cmocka_unit_test(those_who_came_together_are_due_one_after_another),
	cmocka_unit_test(a_crowd_behind_a_few_is_not_held_back_for_longer),
	cmocka_unit_test(the_bound_holds_whatever_is_asked_for),
	cmocka_unit_test(the_end_closes_what_is_there),
};

UNIT_MAIN(tests)
