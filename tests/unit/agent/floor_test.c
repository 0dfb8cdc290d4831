/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "agent/floor.h"
#include "base/own.h"

enum { S = 1000000 };
static const int64_t MINUTE = 60LL * S, HOUR = 3600LL * S, DAY = 86400LL * S;
/* True time is NOON plus what the boot clock has counted. */
static const int64_t NOON = 1790000000LL * S;
static const char BOOT_A[FLOOR_BOOT_BYTES] = "0123456789abcdef0123456789abcde";
static const char BOOT_B[FLOOR_BOOT_BYTES] = "f123456789abcdef0123456789abcde";

/* The clocks when the boot clock stands at boot_us and the wall clock is off by `off_us`. */
static struct floor_reading at(int64_t boot_us, int64_t off_us)
{
	return (struct floor_reading){ .wall_us = NOON + boot_us + off_us, .boot_us = (uint64_t)boot_us };
}

static struct floor first_start(int64_t boot_us, int64_t off_us)
{
	struct floor_reading now = at(boot_us, off_us);
	enum floor_start start;
	struct floor floor;
	int64_t behind;

	assert_ok(floor_begin(&floor, (struct bytes){ 0 }, BOOT_A, &now, &start, &behind));
	assert_int_equal(start, FLOOR_FIRST);
	assert_true(behind == 0);
	return floor;
}

/* Saved at one moment, begun anew at another; in the same boot where boot is BOOT_A. */
static struct floor restart(struct floor *floor, struct floor_reading saved_at, const char boot[FLOOR_BOOT_BYTES],
	struct floor_reading now, enum floor_start want)
{
	AUTO(buf_done) struct buf saved = buf_make(FLOOR_SAVED_MAX);
	enum floor_start start;
	struct floor next;
	int64_t behind;

	floor_save_put(floor, &saved_at, &saved);
	assert_ok(buf_check(&saved));
	assert_ok(floor_begin(&next, buf_bytes(&saved), boot, &now, &start, &behind));
	assert_int_equal(start, want);
	assert_true((behind > 0) == (want == FLOOR_BEHIND));
	return next;
}

/* How far the time to judge by is from true time. */
static int64_t error_at(struct floor *floor, int64_t boot_us, int64_t off_us)
{
	struct floor_reading now = at(boot_us, off_us);

	return floor_now(floor, &now) - (NOON + boot_us);
}

static void with_a_good_clock_it_is_the_wall_clock(void **state)
{
	struct floor floor = first_start(HOUR, 0);

	(void)state;
	for (int64_t t = HOUR; t < 3 * HOUR; t += MINUTE)
		assert_true(error_at(&floor, t, 0) == 0);
	assert_true(error_at(&floor, 30 * DAY, 0) == 0);
}

static void a_step_back_while_running_revives_nothing(void **state)
{
	struct floor floor = first_start(HOUR, 0);

	(void)state;
	assert_true(error_at(&floor, 2 * HOUR, 0) == 0);
	assert_true(error_at(&floor, 2 * HOUR + 1, -HOUR) == 0);
	assert_true(error_at(&floor, 5 * HOUR, -HOUR) == 0); /* and it goes on, hours later */
	struct floor_reading now = at(5 * HOUR, -HOUR);

	assert_true(floor_behind_us(&floor, &now) == HOUR);
	assert_true(error_at(&floor, 6 * HOUR, 0) == 0); /* right again */
}

static void a_step_back_over_a_restart_revives_nothing(void **state)
{
	struct floor floor = first_start(HOUR, 0);

	(void)state;
	floor = restart(&floor, at(2 * HOUR, 0), BOOT_A, at(2 * HOUR + MINUTE, -HOUR), FLOOR_BEHIND);
	assert_true(error_at(&floor, 2 * HOUR + MINUTE, -HOUR) == 0);
	assert_true(error_at(&floor, 4 * HOUR, -HOUR) == 0);
	/* over a second one, too */
	floor = restart(&floor, at(4 * HOUR, -HOUR), BOOT_A, at(4 * HOUR + 1, -HOUR), FLOOR_BEHIND);
	assert_true(error_at(&floor, 4 * HOUR + 1, -HOUR) == 0);
}

static void a_step_back_over_a_reboot_revives_nothing(void **state)
{
	struct floor floor = first_start(HOUR, 0);
	struct floor_reading rebooted = { .wall_us = NOON + HOUR, .boot_us = S };

	(void)state;
	floor = restart(&floor, at(2 * HOUR, 0), BOOT_B, rebooted, FLOOR_BEHIND);
	assert_true(floor_now(&floor, &rebooted) == NOON + 2 * HOUR);
}

static void forward_and_back_is_healed_by_a_restart(void **state)
{
	struct floor floor = first_start(HOUR, 0);
	int64_t left;

	(void)state;
	assert_true(error_at(&floor, HOUR + MINUTE, DAY) == DAY); /* the clock says so: nobody knows better */
	left = error_at(&floor, HOUR + 2 * MINUTE, 0);
	assert_true(left > 0 && left <= 5 * MINUTE); /* far from a day */
	floor = restart(&floor, at(HOUR + 3 * MINUTE, 0), BOOT_A, at(HOUR + 4 * MINUTE, -1), FLOOR_BELIEVED);
	assert_true(error_at(&floor, HOUR + 4 * MINUTE, 0) == 0);
}

static void a_day_too_far_at_a_start_is_healed_by_the_next(void **state)
{
	struct floor floor = first_start(HOUR, 0);

	(void)state;
	floor = restart(&floor, at(2 * HOUR, 0), BOOT_A, at(2 * HOUR + S, DAY), FLOOR_GOOD);
	assert_true(error_at(&floor, 2 * HOUR + 2 * S, DAY) == DAY);
	assert_true(error_at(&floor, 2 * HOUR + 3 * S, 0) > HOUR); /* this run believed it */
	floor = restart(&floor, at(3 * HOUR, 0), BOOT_A, at(3 * HOUR + S, 0), FLOOR_BELIEVED);
	assert_true(error_at(&floor, 3 * HOUR + S, 0) == 0);
}

static void many_steps_forward_do_not_add_up(void **state)
{
	struct floor floor = first_start(HOUR, 0);

	(void)state;
	for (int64_t t = HOUR; t < 2 * HOUR; t += MINUTE)
		(void)error_at(&floor, t, (t - HOUR) / 2);
	assert_true(error_at(&floor, 2 * HOUR, 0) <= 5 * MINUTE);
}

/* Off for ten hours: the floor follows when the clock has been steady for an hour, and not when it was set. */
static void after_a_reboot_a_steady_clock_is_followed(void **state)
{
	(void)state;
	for (int is_set = 0; is_set < 2; is_set++) {
		struct floor_reading up = { .wall_us = NOON + 12 * HOUR, .boot_us = S };
		struct floor floor = first_start(HOUR, 0);
		struct floor_reading now = up;

		floor = restart(&floor, at(2 * HOUR, 0), BOOT_B, up, FLOOR_GOOD);
		for (int minute = 0; minute < 61; minute++) {
			now.wall_us += MINUTE + (is_set == 1 && minute == 30 ? 5 * S : 0);
			now.boot_us += (uint64_t)MINUTE;
			(void)floor_now(&floor, &now);
			assert_true((floor_step_us(&floor, &now) != 0) == (is_set == 1 && minute == 30));
		}
		struct floor_reading back = { .wall_us = now.wall_us - HOUR, .boot_us = now.boot_us + S };

		assert_true(floor_now(&floor, &back) >= now.wall_us); /* this run knows in any case */
		(void)restart(&floor, now, BOOT_B, back, is_set == 1 ? FLOOR_GOOD : FLOOR_BEHIND);
	}
}

static void an_administrator_lowers_it(void **state)
{
	struct floor floor = first_start(HOUR, 0);
	struct floor_reading now = at(2 * HOUR, -HOUR);

	(void)state;
	assert_true(error_at(&floor, 2 * HOUR, 0) == 0);
	assert_true(error_at(&floor, 2 * HOUR, -HOUR) == 0);
	floor_lower(&floor, &now);
	assert_true(error_at(&floor, 2 * HOUR + 1, -HOUR) == -HOUR);
	assert_true(floor_save_is_due(&floor, &now));
	floor = restart(&floor, now, BOOT_A, at(2 * HOUR + S, -HOUR), FLOOR_GOOD);
	assert_true(error_at(&floor, 2 * HOUR + S, -HOUR) == -HOUR);
}

static void steps_are_told_once_and_slewing_is_none(void **state)
{
	struct floor floor = first_start(HOUR, 0);
	struct floor_reading a = at(HOUR + S, S), b = at(HOUR + 2 * S, HOUR), c = at(HOUR + 3 * S, HOUR),
			     d = at(HOUR + 4 * S, 0);

	(void)state;
	assert_true(floor_step_us(&floor, &a) == 0);
	assert_true(floor_step_us(&floor, &b) == HOUR - S);
	assert_true(floor_step_us(&floor, &c) == 0);
	assert_true(floor_step_us(&floor, &d) == -HOUR);
}

static void it_is_saved_at_once_and_then_each_minute(void **state)
{
	AUTO(buf_done) struct buf saved = buf_make(FLOOR_SAVED_MAX);
	struct floor floor = first_start(HOUR, 0);
	struct floor_reading now = at(HOUR, 0), soon = at(HOUR + 59 * S, 0), later = at(HOUR + MINUTE, 0);

	(void)state;
	assert_true(floor_save_is_due(&floor, &now));
	floor_save_put(&floor, &now, &saved);
	assert_false(floor_save_is_due(&floor, &soon));
	assert_true(floor_save_is_due(&floor, &later));
}

static void what_was_saved_is_read_whole_or_refused(void **state)
{
	AUTO(buf_done) struct buf saved = buf_make(FLOOR_SAVED_MAX);
	struct floor floor = first_start(HOUR, 0);
	struct floor_reading now = at(HOUR, 0);
	enum floor_start start;
	int64_t behind;

	(void)state;
	floor_save_put(&floor, &now, &saved);
	for (size_t cut = 1; cut < saved.len; cut++)
		assert_fails(
			floor_begin(&floor, bytes_of(saved.data, cut), BOOT_A, &now, &start, &behind), RECORD_CORRUPT);
	saved.data[7] = 0x80; /* before 1970 */
	assert_fails(floor_begin(&floor, buf_bytes(&saved), BOOT_A, &now, &start, &behind), RECORD_CORRUPT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(with_a_good_clock_it_is_the_wall_clock),
	cmocka_unit_test(a_step_back_while_running_revives_nothing),
	cmocka_unit_test(a_step_back_over_a_restart_revives_nothing),
	cmocka_unit_test(a_step_back_over_a_reboot_revives_nothing),
	cmocka_unit_test(forward_and_back_is_healed_by_a_restart),
	cmocka_unit_test(a_day_too_far_at_a_start_is_healed_by_the_next),
	cmocka_unit_test(many_steps_forward_do_not_add_up),
	cmocka_unit_test(after_a_reboot_a_steady_clock_is_followed),
	cmocka_unit_test(an_administrator_lowers_it),
	cmocka_unit_test(steps_are_told_once_and_slewing_is_none),
	cmocka_unit_test(it_is_saved_at_once_and_then_each_minute),
	cmocka_unit_test(what_was_saved_is_read_whole_or_refused),
};

UNIT_MAIN(tests)
