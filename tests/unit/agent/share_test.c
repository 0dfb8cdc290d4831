/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/share.h"
#include "base/own.h"
#include "tests/support/failalloc.h"

enum { SEATS = 64 };

static void auto_shares(struct shares **shares)
{
	shares_free(*shares);
}

static struct shares *house(size_t all, size_t uid)
{
	struct shares *shares = NULL;

	assert_ok(shares_new(&shares));
	shares_limit(shares, all, uid);
	return shares;
}

/* process 0: not known */
static struct principal who(uid_t uid, uint64_t process)
{
	return (struct principal){ .uid = uid, .pidfd = -1, .process = { process, 0 } };
}

/* Takes a place; whoever must leave for it leaves and is returned. */
static struct share_seat *come(struct shares *shares, uid_t uid, uint64_t process, struct share_seat *seat)
{
	const struct principal principal = who(uid, process);
	struct share_seat *leaves = seat;

	assert_ok(share_take(shares, &principal, seat, &leaves));
	if (leaves != NULL)
		share_leave(shares, leaves);
	return leaves;
}

static void come_free(struct shares *shares, uid_t uid, uint64_t process, struct share_seat *seats, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_null(come(shares, uid, process, &seats[i]));
}

static void refused(struct shares *shares, uid_t uid, uint64_t process)
{
	const struct principal principal = who(uid, process);
	struct share_seat seat = { 0 }, *leaves = &seat;

	assert_fails(share_take(shares, &principal, &seat, &leaves), QUEUE_FULL);
	assert_null(seat.of);
	assert_ptr_equal(leaves, &seat);
	share_leave(shares, &seat); /* nothing */
}

static void with_room_everybody_has_what_he_likes(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(8, 5);
	struct share_seat one[5], other[3];

	(void)state;
	come_free(shares, 1, 11, one, 5);
	refused(shares, 1, 11); /* its uid's limit */
	come_free(shares, 2, 21, other, 3);
	refused(shares, 1, 11);
	share_leave(shares, &one[0]);
	come_free(shares, 1, 11, &one[0], 1);
}

static void a_uid_that_is_full_gives_places_of_its_largest_process_to_smaller_ones(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(100, 8);
	struct share_seat large[6], small[2], new[4];

	(void)state;
	come_free(shares, 1, 11, large, 6);
	come_free(shares, 1, 12, small, 2);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(come(shares, 1, 13, &new[i]), &large[i]); /* the one quiet longest */
	refused(shares, 1, 13);						   /* three, and nobody has more */
	refused(shares, 1, 11);
	assert_non_null(come(shares, 1, 12, &new[3])); /* two and the largest have three: three of either */
	refused(shares, 1, 12);
}

static void a_house_that_is_full_gives_places_of_its_largest_uid_to_smaller_ones(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(10, 8);
	struct share_seat one[7], two[3], new[4];

	(void)state;
	come_free(shares, 1, 11, one, 4);
	come_free(shares, 1, 12, one + 4, 3);
	come_free(shares, 2, 21, two, 3);
	assert_ptr_equal(come(shares, 3, 31, &new[0]), &one[0]); /* largest uid, its largest process */
	assert_ptr_equal(come(shares, 2, 22, &new[1]), &one[1]); /* of two with three the one quiet longest */
	assert_ptr_equal(come(shares, 3, 31, &new[2]), &one[4]);
	refused(shares, 1, 11);					 /* its uid has as many as any */
	assert_ptr_equal(come(shares, 1, 13, &new[3]), &one[2]); /* but a process of it that has none comes in */
}

/* However many processes somebody starts, they have one uid's part. */
static void processes_by_the_hundred_keep_nobody_out(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(SEATS, SEATS - 8);
	struct share_seat storm[2 * SEATS] = { 0 }, neighbour, other[SEATS / 2], late[SEATS / 2];
	size_t kept = 0;

	(void)state;
	for (uint64_t i = 0; i < 2 * SEATS; i++)
		(void)come(shares, 1, 100 + i, &storm[i]);
	for (size_t i = 0; i < 2 * SEATS; i++)
		kept += storm[i].of != NULL;
	assert_int_equal(kept, SEATS - 8);
	assert_non_null(come(shares, 1, 1, &neighbour)); /* the same uid */
	for (uint64_t i = 0; i < SEATS / 2; i++) /* who come later take the places of who have been quiet longer */
		(void)come(shares, 1, 1000 + i, &late[i]);
	assert_non_null(neighbour.of);
	for (size_t i = 0; i < SEATS / 2; i++)
		(void)come(shares, 2, 21, &other[i]); /* another, up to half of all */
	refused(shares, 2, 21);
}

static void whoever_has_a_request_under_way_stays(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(3, 3);
	struct share_seat seats[3], new;

	(void)state;
	come_free(shares, 1, 11, seats, 3);
	share_busy(&seats[0]);
	share_busy(&seats[0]);
	share_busy(&seats[2]);
	assert_ptr_equal(share_first_to_leave(shares), &seats[1]);
	share_busy(&seats[1]);
	assert_null(share_first_to_leave(shares));
	refused(shares, 2, 21);
	share_quiet(&seats[2]);
	share_quiet(&seats[1]);
	share_quiet(&seats[1]);
	assert_ptr_equal(come(shares, 2, 21, &new), &seats[2]); /* quiet longest now */
	assert_ptr_equal(share_first_to_leave(shares), &seats[1]);
}

static void processes_that_are_not_told_apart_replace_their_own(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(4, 2);
	struct share_seat seats[2], new, same;

	(void)state;
	come_free(shares, 1, 0, seats, 2);
	assert_ptr_equal(come(shares, 1, 0, &new), &seats[0]);
	come_free(shares, 2, 0, &same, 1); /* of another uid they are others */
	share_busy(&seats[1]);
	share_busy(&new);
	refused(shares, 1, 0);
}

static void its_own_oldest_goes_where_nobody_has_more(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(4, 4);
	const struct principal one = who(1, 11), two = who(2, 21);
	struct share_seat first[3], second, new[2], *leaves = NULL;

	(void)state;
	come_free(shares, 1, 11, first, 3);
	come_free(shares, 2, 21, &second, 1);
	refused(shares, 1, 11);
	assert_ok(share_take_own(shares, &two, &new[0], &leaves)); /* somebody has more */
	assert_ptr_equal(leaves, &first[0]);
	share_leave(shares, leaves);
	assert_ok(share_take_own(shares, &one, &new[1], &leaves));
	assert_ptr_equal(leaves, &first[1]);
	share_leave(shares, leaves);
	share_busy(&first[2]);
	share_busy(&new[1]);
	assert_fails(share_take_own(shares, &one, &first[0], &leaves), QUEUE_FULL);
}

static void a_smaller_limit_takes_nothing_away(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(8, 8);
	struct share_seat seats[8], new;

	(void)state;
	come_free(shares, 1, 11, seats, 8);
	shares_limit(shares, 4, 2);
	refused(shares, 1, 11);
	for (size_t i = 0; i < 4; i++)
		share_leave(shares, &seats[i]);
	assert_ptr_equal(come(shares, 2, 21, &new), &seats[4]);
}

static void want_of_memory_leaves_nothing_behind(void **state)
{
	AUTO(auto_shares) struct shares *shares = house(4, 4);
	const struct principal principal = who(1, 11);
	struct share_seat seat = { 0 }, *leaves = NULL;

	(void)state;
	for (unsigned n = 1; n <= 2; n++) {
		failalloc_arm(n);
		assert_fails(share_take(shares, &principal, &seat, &leaves), NO_MEMORY);
		assert_true(failalloc_disarm());
		assert_null(share_first_to_leave(shares));
	}
	come_free(shares, 1, 11, &seat, 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(with_room_everybody_has_what_he_likes),
	cmocka_unit_test(a_uid_that_is_full_gives_places_of_its_largest_process_to_smaller_ones),
	cmocka_unit_test(a_house_that_is_full_gives_places_of_its_largest_uid_to_smaller_ones),
	cmocka_unit_test(processes_by_the_hundred_keep_nobody_out),
	cmocka_unit_test(whoever_has_a_request_under_way_stays),
	cmocka_unit_test(processes_that_are_not_told_apart_replace_their_own),
	cmocka_unit_test(its_own_oldest_goes_where_nobody_has_more),
	cmocka_unit_test(a_smaller_limit_takes_nothing_away),
	cmocka_unit_test(want_of_memory_leaves_nothing_behind),
};

UNIT_MAIN(tests)
