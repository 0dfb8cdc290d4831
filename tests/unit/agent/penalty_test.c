/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "agent/penalty.h"
#include "base/own.h"

enum { AFTER = 8, S_US = 1000000 };
#define MINUTE_US (UINT64_C(60) * S_US)

static void auto_penalties(struct penalties **penalties)
{
	penalty_free(*penalties);
}

static struct penalties *table(uint32_t after)
{
	struct penalties *penalties = NULL;

	assert_ok(penalty_new(after, &penalties));
	return penalties;
}

static struct principal process(uid_t uid, uint64_t id)
{
	return (struct principal){ .uid = uid, .pid = (pid_t)id, .pidfd = -1, .process = { id, 0 } };
}

static struct penalty_news once_more(struct penalties *penalties, const struct principal *who, uint64_t now_us)
{
	return penalty_fail(penalties, who, PENALTY_FAILURE, now_us);
}

static void a_process_is_boxed_at_its_last_failure_and_for_twice_as_long_each_time(void **state)
{
	static const uint32_t lengths[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600 };
	AUTO(auto_penalties) struct penalties *penalties = table(AFTER);
	struct principal thief = process(1, 42), neighbour = process(1, 43);
	uint64_t now = S_US;

	(void)state;
	for (uint32_t i = 1; i < AFTER; i++) {
		struct penalty_news news = once_more(penalties, &thief, now);

		assert_int_equal(news.box_s, 0);
		assert_int_equal(news.failures, i);
		assert_false(penalty_is_boxed(penalties, &thief, now));
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_int_equal(once_more(penalties, &thief, now).box_s, lengths[i]);
		assert_true(penalty_is_boxed(penalties, &thief, now));
		assert_false(penalty_is_boxed(penalties, &neighbour, now));
		now += (uint64_t)lengths[i] * S_US - 1;
		assert_true(penalty_is_boxed(penalties, &thief, now));
		now++;
		assert_false(penalty_is_boxed(penalties, &thief, now));
	}
}

static void what_was_begun_before_the_box_costs_nothing_more(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(1);
	struct principal who = process(1, 42);

	(void)state;
	assert_int_equal(once_more(penalties, &who, 0).box_s, 1);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(once_more(penalties, &who, i).failures, 0);
	assert_int_equal(once_more(penalties, &who, S_US).box_s, 2);
}

static void a_failure_is_forgotten_for_each_minute_outside_of_the_box(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(3);
	struct principal who = process(1, 42);
	uint64_t now = 0;

	(void)state;
	/* one a minute is nobody's concern, however long */
	for (int i = 0; i < 100; i++, now += MINUTE_US)
		assert_int_equal(once_more(penalties, &who, now).failures, 1);
	assert_int_equal(once_more(penalties, &who, now).failures, 1);
	assert_int_equal(once_more(penalties, &who, now).failures, 2);
	assert_int_equal(once_more(penalties, &who, now + MINUTE_US - 1).box_s, 1);
	now += MINUTE_US - 1 + S_US;
	assert_int_equal(once_more(penalties, &who, now).box_s, 2);
	now += 2 * S_US;
	/* the box's own time counts for nothing: a minute after its end one of four is forgotten */
	assert_int_equal(once_more(penalties, &who, now + MINUTE_US - 1).box_s, 4);
	now += MINUTE_US - 1 + 4 * S_US;
	assert_int_equal(once_more(penalties, &who, now + MINUTE_US).box_s, 4);
	now += MINUTE_US + 4 * S_US;
	assert_int_equal(once_more(penalties, &who, now + 3 * MINUTE_US).failures, 3);
	now += 3 * MINUTE_US + S_US;
	assert_int_equal(once_more(penalties, &who, now + 3 * MINUTE_US).failures, 1);
}

static void a_uid_is_throttled_after_ten_times_as_many_and_never_boxed(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(AFTER);
	struct principal neighbour = process(1, 1), other = process(2, 2);
	unsigned looked_at = 0, refused = 0;

	(void)state;
	/* a process per attempt */
	for (uint64_t i = 0; i < PENALTY_UID_TIMES * AFTER; i++) {
		struct principal forked = process(1, 1000 + i);
		struct penalty_news news = once_more(penalties, &forked, 0);

		assert_int_equal(news.box_s, 0);
		assert_int_equal(news.uid_throttled, i == PENALTY_UID_TIMES * AFTER - 1);
	}
	assert_false(penalty_is_boxed(penalties, &neighbour, 0));
	for (uint64_t us = 0; us < S_US; us += 100)
		if (penalty_may_verify(penalties, 1, us))
			looked_at++;
		else
			refused++;
	assert_in_range(looked_at, PENALTY_UID_PER_S, PENALTY_UID_PER_S + PENALTY_UID_BURST);
	assert_true(refused > 0);
	for (int i = 0; i < 1000; i++)
		assert_true(penalty_may_verify(penalties, other.uid, 0));
	/* and a minute later it has fallen below: ten are forgotten */
	assert_false(once_more(penalties, &neighbour, 0).uid_throttled);
	for (int i = 0; i < 1000; i++)
		assert_true(penalty_may_verify(penalties, 1, MINUTE_US));
}

static void a_process_that_is_not_known_is_its_uid_and_never_boxed(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(2);
	struct principal nobody = process(1, 0);

	(void)state;
	for (uint32_t i = 1; i <= 100; i++) {
		struct penalty_news news = once_more(penalties, &nobody, 0);

		assert_int_equal(news.box_s, 0);
		assert_int_equal(news.uid_throttled, i == 20);
		assert_false(penalty_is_boxed(penalties, &nobody, 0));
	}
}

static void failures_for_want_of_a_key_are_forgiven_when_keys_change(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(2);
	struct principal keyless = process(1, 1), mixed = process(2, 2);

	(void)state;
	for (int i = 0; i < 2; i++)
		(void)penalty_fail(penalties, &keyless, PENALTY_NO_KEY, 0);
	(void)penalty_fail(penalties, &mixed, PENALTY_NO_KEY, 0);
	(void)penalty_fail(penalties, &mixed, PENALTY_FAILURE, 0);
	assert_true(penalty_is_boxed(penalties, &keyless, 0) && penalty_is_boxed(penalties, &mixed, 0));
	penalty_keys_changed(penalties);
	assert_false(penalty_is_boxed(penalties, &keyless, 0));
	assert_true(penalty_is_boxed(penalties, &mixed, 0));
}

static void the_tables_are_bounded_and_the_oldest_goes_first(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(1);
	struct principal first = process(1, 1), second = process(1, 2);

	(void)state;
	(void)once_more(penalties, &first, 0);
	(void)once_more(penalties, &second, 0);
	for (uint64_t i = 0; i < PENALTY_PROCESSES - 1; i++) {
		struct principal more = process((uid_t)(10 + i), 10 + i);

		assert_int_equal(once_more(penalties, &more, 1).box_s, 1);
	}
	assert_false(penalty_is_boxed(penalties, &first, 2));
	assert_true(penalty_is_boxed(penalties, &second, 2));
	for (uint64_t i = 0; i < PENALTY_PROCESSES; i++) { /* who only knocks takes nobody's place */
		struct principal knocker = process(1, 2 * PENALTY_PROCESSES + i);

		assert_false(penalty_knock(penalties, &knocker));
	}
	assert_true(penalty_is_boxed(penalties, &second, 2));
}

static void connections_for_nothing_are_one_failure_together(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(2);
	struct principal one = process(1, 1), other = process(1, 2), unknown = process(1, 0);

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 1; i < PENALTY_KNOCKS; i++)
			assert_false(penalty_knock(penalties, &one));
		assert_false(penalty_knock(penalties, &other));
		assert_true(penalty_knock(penalties, &one));
		assert_int_equal(once_more(penalties, &one, 0).failures, round + 1);
	}
	assert_true(penalty_is_boxed(penalties, &one, 0));
	assert_false(penalty_is_boxed(penalties, &other, 0));
	for (int i = 0; i < 2 * PENALTY_KNOCKS; i++) /* it may be all of its uid */
		assert_false(penalty_knock(penalties, &unknown));
}

static void another_limit_counts_from_the_next_failure_on(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(100);
	struct principal who = process(1, 1);

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(once_more(penalties, &who, 0).box_s, 0);
	penalty_limit(penalties, 3);
	assert_int_equal(once_more(penalties, &who, 0).box_s, 4);
	penalty_limit(penalties, 100);
	assert_int_equal(once_more(penalties, &who, 4 * S_US).box_s, 0);
}

struct seen {
	unsigned boxed, throttled;
	struct penalty_view last;
};

static void see(void *context, const struct penalty_view *view)
{
	struct seen *seen = context;

	if (view->is_uid)
		seen->throttled++;
	else
		seen->boxed++;
	seen->last = *view;
}

static void an_administrator_sees_and_forgives(void **state)
{
	AUTO(auto_penalties) struct penalties *penalties = table(1);
	struct principal who = process(7, 77), other = process(8, 88);
	struct seen seen = { 0 };

	(void)state;
	(void)once_more(penalties, &who, 0);
	penalty_visit(penalties, S_US / 2, see, &seen);
	assert_int_equal(seen.boxed, 1);
	assert_int_equal(seen.throttled, 0);
	assert_int_equal(seen.last.uid, 7);
	assert_int_equal(seen.last.pid, 77);
	assert_int_equal(seen.last.left_s, 1);
	for (uint64_t i = 0; i < PENALTY_UID_TIMES; i++) {
		struct principal forked = process(7, 1000 + i);

		(void)once_more(penalties, &forked, 0);
	}
	(void)once_more(penalties, &other, 0);
	seen = (struct seen){ 0 };
	penalty_visit(penalties, 0, see, &seen);
	assert_int_equal(seen.boxed, PENALTY_UID_TIMES + 2);
	assert_int_equal(seen.throttled, 1);
	assert_int_equal(penalty_forgive(penalties, 7), PENALTY_UID_TIMES + 2);
	assert_false(penalty_is_boxed(penalties, &who, 0));
	assert_true(penalty_is_boxed(penalties, &other, 0));
}

static void what_costs_and_what_does_not(void **state)
{
	static const struct {
		enum status_code code;
		enum penalty_cause want;
	} rows[] = {
		{ STATUS_JWT_SIGNATURE, PENALTY_FAILURE },
		{ STATUS_JWT_MALFORMED, PENALTY_FAILURE },
		{ STATUS_JWT_EXPIRED, PENALTY_FAILURE },
		{ STATUS_JWT_KEY_UNKNOWN, PENALTY_NO_KEY },
		{ STATUS_JWT_DOMAIN_UNKNOWN, PENALTY_NO_KEY },
		{ STATUS_PEER_UID, PENALTY_FAILURE },
		{ STATUS_TENANT_NONE, PENALTY_FAILURE },
		{ STATUS_TENANT_TOKEN, PENALTY_FAILURE },
		{ STATUS_FRAME_MAGIC, PENALTY_FAILURE },
		{ STATUS_FRAME_SHORT, PENALTY_FAILURE },
		{ STATUS_FRAME_TIMEOUT, PENALTY_FAILURE },
		{ STATUS_BODY_SYNTAX, PENALTY_FAILURE },
		{ STATUS_CREDENTIAL_REVOKED, PENALTY_FAILURE },
		{ STATUS_BIND_DECLARED, PENALTY_FAILURE },
		/* whose owner may have come second */
		{ STATUS_BIND_SCOPE, PENALTY_NONE },
		{ STATUS_BIND_INSTANCES, PENALTY_NONE },
		{ STATUS_TOKEN_USED, PENALTY_NONE },
		/* what a newer client may ask, what others decide, what is our own fault, and the penalty itself */
		{ STATUS_OK, PENALTY_NONE },
		{ STATUS_FRAME_OPCODE, PENALTY_NONE },
		{ STATUS_FRAME_PROVIDER, PENALTY_NONE },
		{ STATUS_AUTHN_NOT_LISTED, PENALTY_NONE },
		{ STATUS_AUTHN_NEEDED, PENALTY_NONE },
		{ STATUS_POLICY_DENIED, PENALTY_NONE },
		{ STATUS_KEY_ABSENT, PENALTY_NONE },
		{ STATUS_SIGNATURE_WRONG, PENALTY_NONE },
		{ STATUS_QUEUE_FULL, PENALTY_NONE },
		{ STATUS_QUOTA_RATE, PENALTY_NONE },
		{ STATUS_NO_MEMORY, PENALTY_NONE },
		{ STATUS_PENALTY_BOXED, PENALTY_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (penalty_cause(rows[i].code) != rows[i].want)
			fail_msg("%s", status_name(rows[i].code));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_process_is_boxed_at_its_last_failure_and_for_twice_as_long_each_time),
	cmocka_unit_test(what_was_begun_before_the_box_costs_nothing_more),
	cmocka_unit_test(a_failure_is_forgotten_for_each_minute_outside_of_the_box),
	cmocka_unit_test(a_uid_is_throttled_after_ten_times_as_many_and_never_boxed),
	cmocka_unit_test(a_process_that_is_not_known_is_its_uid_and_never_boxed),
	cmocka_unit_test(failures_for_want_of_a_key_are_forgiven_when_keys_change),
	cmocka_unit_test(the_tables_are_bounded_and_the_oldest_goes_first),
	cmocka_unit_test(connections_for_nothing_are_one_failure_together),
	cmocka_unit_test(another_limit_counts_from_the_next_failure_on),
	cmocka_unit_test(an_administrator_sees_and_forgives),
	cmocka_unit_test(what_costs_and_what_does_not),
};

UNIT_MAIN(tests)
