/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "agent/quota.h"
#include "base/own.h"

enum { DAY_S = 86400, NOON_S = 20000 * DAY_S + DAY_S / 2, S_US = 1000000 };

static const struct config_quota none = { CONFIG_UNSET, { 0, 0 }, CONFIG_UNSET, CONFIG_UNSET };

static struct config_quota limits_of(uint32_t per_s, uint32_t per_d, uint32_t in_flight, uint32_t bytes_per_s)
{
	return (struct config_quota){ CONFIG_UNSET, { per_s, per_d }, in_flight, bytes_per_s };
}

static void auto_quota(struct quota **quota)
{
	quota_free(*quota);
}

static struct quota *table(size_t max)
{
	struct quota *quota = NULL;

	assert_ok(quota_new(max, &quota));
	return quota;
}

static struct namespace_name tenant_of(const char *name)
{
	return (struct namespace_name){ 4, BYTES_LITERAL("example.org"), bytes_from_text(name), BYTES_LITERAL("id") };
}

static struct quota_time at(uint64_t mono_us)
{
	return (struct quota_time){ mono_us, NOON_S + (int64_t)(mono_us / S_US) };
}

/* Enter and, when let in, leave at once. */
static enum status_code once(
	struct quota *quota, const char *tenant, const struct config_quota *limits, size_t bytes, struct quota_time now)
{
	struct namespace_name space = tenant_of(tenant);
	struct quota_use *use;
	struct status st = quota_enter(quota, &space, limits, bytes, &now, &use);

	quota_leave(use, limits, 0, &now);
	return st.code;
}

static unsigned let_in(
	struct quota *quota, const char *tenant, const struct config_quota *limits, struct quota_time now)
{
	unsigned count = 0;

	while (count < 100000 && once(quota, tenant, limits, 0, now) == STATUS_OK)
		count++;
	return count;
}

static void a_second_s_worth_passes_at_once_and_then_as_many_as_the_rate_says(void **state)
{
	static const uint32_t rates[] = { 1, 3, 7, 50, 999, 12345 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		AUTO(auto_quota) struct quota *quota = table(10);
		struct config_quota limits = limits_of(rates[i], 0, CONFIG_UNSET, CONFIG_UNSET);

		assert_int_equal(let_in(quota, "a", &limits, at(S_US)), rates[i]);
		assert_int_equal(once(quota, "a", &limits, 0, at(S_US)), STATUS_QUOTA_RATE);
		/* half a second later half of them, rounded down; one may be due at this very moment */
		assert_in_range(let_in(quota, "a", &limits, at(S_US + S_US / 2)), rates[i] / 2, (rates[i] + 1) / 2);
		/* and however long it was idle, no more than a second's worth */
		assert_int_equal(let_in(quota, "a", &limits, at(UINT64_C(1000) * S_US)), rates[i]);
	}
}

static void what_is_refused_costs_nothing(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(10);
	struct config_quota limits = limits_of(10, 12, CONFIG_UNSET, CONFIG_UNSET);

	(void)state;
	assert_int_equal(let_in(quota, "a", &limits, at(0)), 10);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(once(quota, "a", &limits, 0, at(0)), STATUS_QUOTA_RATE);
	/* neither of the second's nor of the day's */
	assert_int_equal(once(quota, "a", &limits, 0, at(S_US / 10)), STATUS_OK);
	assert_int_equal(let_in(quota, "a", &limits, at(10 * S_US)), 1);
	assert_int_equal(once(quota, "a", &limits, 0, at(20 * S_US)), STATUS_QUOTA_DAY);
}

static void only_so_many_at_a_time(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(10);
	struct config_quota limits = limits_of(0, 0, 2, CONFIG_UNSET);
	struct namespace_name space = tenant_of("a");
	struct quota_time now = at(0);
	struct quota_use *first, *second, *third;

	(void)state;
	assert_ok(quota_enter(quota, &space, &limits, 0, &now, &first));
	assert_ok(quota_enter(quota, &space, &limits, 0, &now, &second));
	assert_fails(quota_enter(quota, &space, &limits, 0, &now, &third), QUOTA_IN_FLIGHT);
	assert_null(third);
	quota_leave(first, &limits, 0, &now);
	assert_ok(quota_enter(quota, &space, &limits, 0, &now, &third));
	quota_leave(second, &limits, 0, &now);
	quota_leave(third, &limits, 0, &now);
	quota_leave(NULL, &limits, 0, &now);
}

static void a_day_is_utc_s_and_does_not_come_back(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(10);
	struct config_quota limits = limits_of(0, 3, CONFIG_UNSET, CONFIG_UNSET);
	struct quota_time last = { 0, (NOON_S / DAY_S + 1) * (int64_t)DAY_S - 1 }, first = { 0, last.wall_s + 1 };

	(void)state;
	assert_int_equal(let_in(quota, "a", &limits, last), 3);
	assert_int_equal(once(quota, "a", &limits, 0, last), STATUS_QUOTA_DAY);
	assert_int_equal(once(quota, "a", &limits, 0, first), STATUS_OK);
	/* the clock steps back over midnight: the new day's count goes on */
	assert_int_equal(let_in(quota, "a", &limits, last), 2);
	assert_int_equal(once(quota, "a", &limits, 0, first), STATUS_QUOTA_DAY);
	first.wall_s += DAY_S;
	assert_int_equal(let_in(quota, "a", &limits, first), 3);
}

static void bytes_beyond_a_second_s_worth_delay_the_next_request(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(10);
	struct config_quota limits = limits_of(0, 0, CONFIG_UNSET, 1000);
	struct namespace_name space = tenant_of("a");
	struct quota_time now = at(S_US);
	struct quota_use *use;

	(void)state;
	assert_int_equal(once(quota, "a", &limits, 900, now), STATUS_OK);
	/* one of any size passes, and its answer counts, too */
	assert_ok(quota_enter(quota, &space, &limits, 2000, &now, &use));
	quota_leave(use, &limits, 100, &now);
	assert_int_equal(once(quota, "a", &limits, 1, now), STATUS_QUOTA_BYTES);
	assert_int_equal(once(quota, "a", &limits, 1, at(3 * S_US)), STATUS_QUOTA_BYTES);
	assert_int_equal(once(quota, "a", &limits, 1, at(3 * S_US + 1)), STATUS_OK);
	assert_int_equal(once(quota, "b", &limits, 1, now), STATUS_OK);
}

static void a_tenant_is_authenticator_domain_and_name_and_not_the_identity(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(10);
	struct config_quota limits = limits_of(1, 0, CONFIG_UNSET, CONFIG_UNSET);
	struct namespace_name spaces[] = { { 4, BYTES_LITERAL("a.org"), BYTES_LITERAL("t"), BYTES_LITERAL("one") },
		{ 4, BYTES_LITERAL("a.org"), BYTES_LITERAL("t"), BYTES_LITERAL("two") },
		{ 4, BYTES_LITERAL("a.org"), BYTES_LITERAL("t"), { 0 } },
		{ 4, BYTES_LITERAL("b.org"), BYTES_LITERAL("t"), BYTES_LITERAL("one") },
		{ 1, { 0 }, BYTES_LITERAL("t"), BYTES_LITERAL("one") },
		{ 3, { 0 }, BYTES_LITERAL("t"), BYTES_LITERAL("one") },
		{ 4, BYTES_LITERAL("a.org"), BYTES_LITERAL("u"), BYTES_LITERAL("one") } };
	static const enum status_code want[] = { STATUS_OK, STATUS_QUOTA_RATE, STATUS_QUOTA_RATE, STATUS_OK, STATUS_OK,
		STATUS_OK, STATUS_OK };
	struct quota_time now = at(0);

	(void)state;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		struct quota_use *use;

		assert_status(quota_enter(quota, &spaces[i], &limits, 0, &now, &use), want[i]);
		quota_leave(use, &limits, 0, &now);
	}
}

static void entries_with_other_limits_share_the_count_of_one_tenant(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(10);
	struct config_quota slow = limits_of(10, 20, CONFIG_UNSET, CONFIG_UNSET);
	struct config_quota fast = limits_of(100, 60, CONFIG_UNSET, CONFIG_UNSET);

	(void)state;
	/* half a second of the one leaves half a second of the other */
	for (int i = 0; i < 5; i++)
		assert_int_equal(once(quota, "a", &slow, 0, at(0)), STATUS_OK);
	assert_int_equal(let_in(quota, "a", &fast, at(0)), 50);
	assert_int_equal(once(quota, "a", &slow, 0, at(5 * S_US)), STATUS_QUOTA_DAY);
	assert_int_equal(let_in(quota, "a", &fast, at(5 * S_US)), 5);
}

static void without_limits_nothing_is_counted_and_no_room_is_needed(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(0);
	struct config_quota keys_only = none;
	struct namespace_name space = tenant_of("a");
	struct quota_time now = at(0);
	struct quota_use *use;

	(void)state;
	keys_only.keys = 1;
	assert_ok(quota_enter(quota, &space, &none, 1 << 20, &now, &use));
	assert_null(use);
	assert_ok(quota_enter(quota, &space, &keys_only, 1 << 20, &now, &use));
	assert_null(use);
}

static void a_full_table_refuses_newcomers_and_forgets_only_who_counts_nothing(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(2);
	struct config_quota rate = limits_of(1, 0, CONFIG_UNSET, CONFIG_UNSET);
	struct config_quota day = limits_of(0, 5, CONFIG_UNSET, CONFIG_UNSET);
	uint8_t value[QUOTA_VALUE_BYTES];
	struct fact fact;
	bool is_out;

	(void)state;
	assert_int_equal(once(quota, "daily", &day, 0, at(0)), STATUS_OK);
	assert_true(quota_changed(quota, value, &fact, &is_out));
	assert_false(is_out);
	assert_int_equal(once(quota, "rated", &rate, 0, at(0)), STATUS_OK);
	assert_int_equal(once(quota, "third", &rate, 0, at(0)), STATUS_QUOTA_TENANTS);
	/* who is known is served */
	assert_int_equal(once(quota, "daily", &day, 0, at(0)), STATUS_OK);
	/* a second later the one with a rate counts nothing; the day still does */
	assert_int_equal(once(quota, "third", &rate, 0, at(S_US)), STATUS_OK);
	assert_int_equal(once(quota, "rated", &rate, 0, at(S_US)), STATUS_QUOTA_TENANTS);
	assert_int_equal(once(quota, "rated", &rate, 0, at(UINT64_C(86400) * S_US)), STATUS_OK);
	/* and what was kept of it goes with the day */
	assert_int_equal(quota_changed_count(quota), 1);
	assert_true(quota_changed(quota, value, &fact, &is_out));
	assert_true(is_out);
	assert_false(quota_changed(quota, value, &fact, &is_out));
}

static void a_request_under_way_keeps_its_tenant(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(1);
	struct config_quota limits = limits_of(0, 0, 1, CONFIG_UNSET);
	struct namespace_name a = tenant_of("a");
	struct quota_time now = at(0);
	struct quota_use *use;

	(void)state;
	assert_ok(quota_enter(quota, &a, &limits, 0, &now, &use));
	for (int i = 0; i < 3; i++)
		quota_second(quota, &now);
	assert_int_equal(once(quota, "b", &limits, 0, at(S_US)), STATUS_QUOTA_TENANTS);
	quota_leave(use, &limits, 0, &now);
	assert_int_equal(once(quota, "b", &limits, 0, at(S_US)), STATUS_OK);
}

/* Hand all changes of one table to another. */
static unsigned carry(struct quota *from, struct quota *to)
{
	uint8_t value[QUOTA_VALUE_BYTES];
	unsigned count = 0;
	struct fact fact;
	bool is_out;

	while (quota_changed(from, value, &fact, &is_out)) {
		assert_false(is_out);
		assert_int_equal(fact.kind, FACT_QUOTA);
		if (to != NULL)
			assert_ok(quota_restore(to, &fact));
		count++;
	}
	return count;
}

static void a_day_s_count_goes_on_after_a_restart(void **state)
{
	AUTO(auto_quota) struct quota *before = table(10), *after = table(10);
	struct config_quota limits = limits_of(0, 5, CONFIG_UNSET, CONFIG_UNSET);
	struct config_quota rate = limits_of(100, 0, CONFIG_UNSET, CONFIG_UNSET);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(once(before, "a", &limits, 0, at(0)), STATUS_OK);
	assert_int_equal(once(before, "b", &limits, 0, at(0)), STATUS_OK);
	assert_int_equal(once(before, "rate only", &rate, 0, at(0)), STATUS_OK);
	assert_int_equal(quota_changed_count(before), 2);
	assert_int_equal(carry(before, after), 2);
	assert_int_equal(carry(before, NULL), 0);
	assert_int_equal(let_in(after, "a", &limits, at(S_US)), 2);
	assert_int_equal(let_in(after, "b", &limits, at(S_US)), 4);
	/* what may not have been written is handed out again */
	quota_keep_again(before);
	assert_int_equal(carry(before, NULL), 2);
}

static void a_day_that_is_over_is_forgotten_after_a_restart(void **state)
{
	AUTO(auto_quota) struct quota *before = table(10), *after = table(10);
	struct config_quota limits = limits_of(0, 5, CONFIG_UNSET, CONFIG_UNSET);
	uint8_t value[QUOTA_VALUE_BYTES];
	struct quota_time now = at(UINT64_C(86400) * S_US);
	struct fact fact;
	bool is_out = false;

	(void)state;
	assert_int_equal(once(before, "a", &limits, 0, at(0)), STATUS_OK);
	assert_int_equal(carry(before, after), 1);
	quota_second(after, &now);
	assert_true(quota_changed(after, value, &fact, &is_out));
	assert_true(is_out);
	assert_int_equal(let_in(after, "a", &limits, now), 5);
}

static void a_fact_that_is_none_is_refused(void **state)
{
	AUTO(auto_quota) struct quota *from = table(10), *quota = table(10);
	struct config_quota limits = limits_of(0, 5, CONFIG_UNSET, CONFIG_UNSET);
	uint8_t value[QUOTA_VALUE_BYTES];
	struct fact good, bad;
	bool is_out;

	(void)state;
	assert_int_equal(once(from, "a", &limits, 0, at(0)), STATUS_OK);
	assert_true(quota_changed(from, value, &good, &is_out));
	for (size_t len = 0; len < good.id.len; len++) {
		bad = good;
		bad.id.len = len;
		assert_fails(quota_restore(quota, &bad), RECORD_CORRUPT);
	}
	for (size_t len = 0; len < good.value.len; len++) {
		bad = good;
		bad.value.len = len;
		assert_fails(quota_restore(quota, &bad), RECORD_CORRUPT);
	}
	assert_ok(quota_restore(quota, &good));
	assert_fails(quota_restore(quota, &good), RECORD_CORRUPT);
}

struct seen {
	unsigned count;
	struct quota_view last;
};

static void see(void *context, const struct quota_view *view)
{
	struct seen *seen = context;

	seen->count++;
	seen->last = *view;
}

static void an_administrator_sees_what_a_tenant_uses(void **state)
{
	AUTO(auto_quota) struct quota *quota = table(10);
	struct config_quota limits = limits_of(0, 5, 7, CONFIG_UNSET);
	struct namespace_name space = tenant_of("a");
	struct quota_time now = at(0);
	struct quota_use *use;
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(once(quota, "a", &limits, 0, now), STATUS_OK);
	assert_ok(quota_enter(quota, &space, &limits, 0, &now, &use));
	quota_visit(quota, &now, see, &seen);
	assert_int_equal(seen.count, 1);
	assert_bytes(seen.last.tenant.tenant, BYTES_LITERAL("a"));
	assert_bytes(seen.last.tenant.domain, BYTES_LITERAL("example.org"));
	assert_int_equal(seen.last.tenant.identity.len, 0);
	assert_int_equal(seen.last.in_flight, 1);
	assert_int_equal(seen.last.requests, 2);
	assert_int_equal(seen.last.day, NOON_S / DAY_S);
	assert_int_equal(seen.last.limits.in_flight, 7);
	assert_int_equal(seen.last.requests_second, 0);
	assert_int_equal(seen.last.bytes_second, 0);
	assert_true(quota_remembers(quota, &space));
	space.tenant = BYTES_LITERAL("b");
	assert_false(quota_remembers(quota, &space));
	quota_leave(use, &limits, 0, &now);
}

static void what_is_used_of_a_second_is_seen_and_comes_back(void **state)
{
	static const struct {
		uint64_t at_us, requests, bytes;
	} rows[] = { { 0, 3, 2500 }, { 1, 3, 2500 }, { 100000, 2, 2400 }, { S_US, 0, 1500 }, { 5 * S_US / 2, 0, 0 } };
	AUTO(auto_quota) struct quota *quota = table(10);
	struct config_quota limits = limits_of(10, 0, CONFIG_UNSET, 1000);

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(once(quota, "a", &limits, 250, at(0)), STATUS_OK);
	assert_int_equal(once(quota, "a", &limits, 2000, at(0)), STATUS_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct quota_time now = at(rows[i].at_us);
		struct seen seen = { 0 };

		quota_visit(quota, &now, see, &seen);
		assert_int_equal(seen.last.requests_second, rows[i].requests);
		assert_int_equal(seen.last.bytes_second, rows[i].bytes);
		assert_int_equal(seen.last.limits.requests.per_s, 10);
		assert_int_equal(seen.last.limits.bytes_per_s, 1000);
	}
	/* a second of one entry's worth, seen with another's limit: no number overflows */
	limits.bytes_per_s = 1;
	limits.requests.per_s = 1;
	assert_int_equal(once(quota, "b", &limits, UINT32_MAX, at(0)), STATUS_OK);
	limits.bytes_per_s = CONFIG_FLOW_MAX;
	limits.requests.per_s = CONFIG_RATE_MAX;
	assert_int_equal(once(quota, "b", &limits, 0, at(0)), STATUS_QUOTA_RATE);
	{
		const struct quota_time now = at(0);
		struct seen seen = { 0 };

		quota_visit(quota, &now, see, &seen);
		assert_int_equal(seen.last.bytes_second, (uint64_t)UINT32_MAX * CONFIG_FLOW_MAX);
		assert_int_equal(seen.last.requests_second, CONFIG_RATE_MAX);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_second_s_worth_passes_at_once_and_then_as_many_as_the_rate_says),
	cmocka_unit_test(what_is_refused_costs_nothing),
	cmocka_unit_test(only_so_many_at_a_time),
	cmocka_unit_test(a_day_is_utc_s_and_does_not_come_back),
	cmocka_unit_test(bytes_beyond_a_second_s_worth_delay_the_next_request),
	cmocka_unit_test(a_tenant_is_authenticator_domain_and_name_and_not_the_identity),
	cmocka_unit_test(entries_with_other_limits_share_the_count_of_one_tenant),
	cmocka_unit_test(without_limits_nothing_is_counted_and_no_room_is_needed),
	cmocka_unit_test(a_full_table_refuses_newcomers_and_forgets_only_who_counts_nothing),
	cmocka_unit_test(a_request_under_way_keeps_its_tenant),
	cmocka_unit_test(a_day_s_count_goes_on_after_a_restart),
	cmocka_unit_test(a_day_that_is_over_is_forgotten_after_a_restart),
	cmocka_unit_test(a_fact_that_is_none_is_refused),
	cmocka_unit_test(an_administrator_sees_what_a_tenant_uses),
	cmocka_unit_test(what_is_used_of_a_second_is_seen_and_comes_back),
};

UNIT_MAIN(tests)
