/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/bind.h"
#include "base/own.h"
#include "tests/support/failalloc.h"

enum { NOW = 1800000000, LIFE_S = 310 };

static const struct bind_time now = { NOW, 1000 };
static const struct principal_facts no_facts;

static void auto_binds(struct binds **binds)
{
	binds_free(*binds);
}

static struct binds *make(void)
{
	struct binds *binds = NULL;

	assert_ok(binds_new(&no_facts, BIND_DESCRIPTORS_MAX, &binds));
	return binds;
}

/* A token by number: those of one identity, or of one each. */
struct numbered {
	uint8_t hash[BIND_HASH_BYTES];
	char name[48];
	struct bind_token token;
};

static struct bind_token *token_of(struct numbered *to, unsigned identity, unsigned number)
{
	memset(to->hash, 0, sizeof(to->hash));
	memcpy(to->hash, &number, sizeof(number));
	memcpy(to->hash + sizeof(number), &identity, sizeof(identity));
	(void)snprintf(to->name, sizeof(to->name), "spiffe://d/%u", identity);
	to->token = (struct bind_token){ .hash = to->hash,
		.authenticator = AUTHENTICATOR_JWT_SVID,
		.identity = bytes_from_text(to->name),
		.until_s = NOW + LIFE_S };
	return &to->token;
}

static const struct config_principal declared_list[] = {
	{ .uid = 1, .gid = 1 },
	{ .uid = 2, .gid = CONFIG_UNSET },
	{ .uid = CONFIG_UNSET, .gid = CONFIG_UNSET, .label = (char *)(uintptr_t) "web" },
};
static const struct config_bind first_use = { BINDING_FIRST_USE, CONFIG_UNSET, INSTANCE_PROCESS, NULL, 0, false,
	false },
				one_process = { BINDING_FIRST_USE, 1, INSTANCE_PROCESS, NULL, 0, false, false },
				two_processes = { BINDING_FIRST_USE, 2, INSTANCE_PROCESS, NULL, 0, false, false },
				one_cgroup = { BINDING_FIRST_USE, 1, INSTANCE_CGROUP, NULL, 0, false, false },
				watch = { BINDING_WATCH, CONFIG_UNSET, INSTANCE_PROCESS, NULL, 0, false, false },
				none = { BINDING_NONE, CONFIG_UNSET, INSTANCE_PROCESS, NULL, 0, false, false };
static struct config_bind declared = { BINDING_DECLARED, CONFIG_UNSET, INSTANCE_PROCESS, NULL, 3, false, false };

/* Process and cgroup by number; no pidfd, so their ends are not seen. */
#define WHO(u, g, p, c)                                                                   \
	{                                                                                 \
		.uid = (u), .gid = (g), .pidfd = -1, .process = { (p), 0 }, .cgroup = (c) \
	}
static const struct principal owner = WHO(1, 1, 11, 101), replica = WHO(1, 1, 12, 101), elsewhere = WHO(1, 1, 13, 102),
			      other_gid = WHO(1, 9, 14, 101), other_uid = WHO(9, 1, 15, 103),
			      second_uid = WHO(2, 7, 16, 104), unknown = WHO(1, 1, 0, 0),
			      labelled = { .uid = 1,
				      .gid = 1,
				      .pidfd = -1,
				      .process = { 17, 0 },
				      .label_len = 3,
				      .label = "web" };

static struct bind_verdict check(struct binds *binds, const struct config_bind *rule, const struct bind_token *token,
	const struct principal *who, const struct bind_time *at, enum status_code want)
{
	struct bind_verdict verdict;
	struct status st = bind_check(binds, rule, token, who, at, &verdict);

	if (st.code != want)
		fail_msg("uid %u gid %u process %u: %s, want %s", who->uid, who->gid, (unsigned)who->process.id,
			status_name(st.code), status_name(want));
	return verdict;
}

/* ---- who may ----------------------------------------------------------------------------------------------------- */

/* Presentations of one token in their order. */
static void each_binding_serves_whom_it_says_and_alarms(void **state)
{
	static const struct {
		const char *what;
		const struct config_bind *rule;
		struct {
			const struct principal *who;
			enum status_code want;
			enum bind_alarm alarm;
		} steps[6];
	} rows[] = {
		{ "first-use", &first_use,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &replica, STATUS_OK, BIND_QUIET },
				{ &elsewhere, STATUS_OK, BIND_QUIET }, { &unknown, STATUS_OK, BIND_QUIET },
				{ &other_gid, STATUS_BIND_SCOPE, BIND_ALARM_TOKEN },
				{ &owner, STATUS_OK, BIND_QUIET } } },
		{ "first-use, uid", &first_use,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &other_uid, STATUS_BIND_SCOPE, BIND_ALARM_TOKEN } } },
		{ "first-use, label", &first_use,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &labelled, STATUS_BIND_SCOPE, BIND_ALARM_TOKEN } } },
		{ "first-use, the thief first: loud", &first_use,
			{ { &other_uid, STATUS_OK, BIND_QUIET }, { &owner, STATUS_BIND_SCOPE, BIND_ALARM_TOKEN } } },
		{ "one process", &one_process,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &owner, STATUS_OK, BIND_QUIET },
				{ &replica, STATUS_BIND_INSTANCES, BIND_ALARM_TOKEN },
				{ &unknown, STATUS_BIND_UNKNOWN, BIND_QUIET },
				{ &other_gid, STATUS_BIND_SCOPE, BIND_QUIET }, { &owner, STATUS_OK, BIND_QUIET } } },
		{ "one process, unknown first", &one_process,
			{ { &unknown, STATUS_BIND_UNKNOWN, BIND_QUIET }, { &owner, STATUS_OK, BIND_QUIET } } },
		{ "two processes", &two_processes,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &replica, STATUS_OK, BIND_QUIET },
				{ &elsewhere, STATUS_BIND_INSTANCES, BIND_ALARM_TOKEN },
				{ &replica, STATUS_OK, BIND_QUIET } } },
		{ "one cgroup", &one_cgroup,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &replica, STATUS_OK, BIND_QUIET },
				{ &elsewhere, STATUS_BIND_INSTANCES, BIND_ALARM_TOKEN },
				{ &unknown, STATUS_BIND_UNKNOWN, BIND_QUIET } } },
		{ "declared", &declared,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &second_uid, STATUS_OK, BIND_QUIET },
				{ &labelled, STATUS_OK, BIND_QUIET },
				{ &other_gid, STATUS_BIND_DECLARED, BIND_ALARM_TOKEN },
				{ &other_uid, STATUS_BIND_DECLARED, BIND_QUIET }, { &owner, STATUS_OK, BIND_QUIET } } },
		{ "declared, a stranger first", &declared,
			{ { &other_uid, STATUS_BIND_DECLARED, BIND_ALARM_TOKEN }, { &owner, STATUS_OK, BIND_QUIET } } },
		{ "watch", &watch,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &replica, STATUS_OK, BIND_QUIET },
				{ &other_uid, STATUS_OK, BIND_ALARM_TOKEN }, { &other_gid, STATUS_OK, BIND_QUIET },
				{ &owner, STATUS_OK, BIND_QUIET } } },
		{ "none", &none,
			{ { &owner, STATUS_OK, BIND_QUIET }, { &other_uid, STATUS_OK, BIND_QUIET },
				{ &labelled, STATUS_OK, BIND_QUIET } } },
	};

	(void)state;
	declared.declared = (struct config_principal *)(uintptr_t)declared_list;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(auto_binds) struct binds *binds = make();
		struct numbered token;

		(void)token_of(&token, 1, 1);
		for (size_t k = 0; k < 6 && rows[i].steps[k].who != NULL; k++) {
			struct bind_verdict verdict;
			struct status st =
				bind_check(binds, rows[i].rule, &token.token, rows[i].steps[k].who, &now, &verdict);

			if (st.code != rows[i].steps[k].want || verdict.alarm != rows[i].steps[k].alarm)
				fail_msg("%s, step %zu: %s and alarm %d", rows[i].what, k, status_name(st.code),
					verdict.alarm);
		}
	}
}

/* An empty rule, as forgotten memory would be, is for nobody. */
static void a_rule_of_zeros_refuses(void **state)
{
	static const struct config_bind zero;
	AUTO(auto_binds) struct binds *binds = make();
	struct numbered token;

	(void)state;
	check(binds, &zero, token_of(&token, 1, 1), &owner, &now, STATUS_BIND_DECLARED);
}

static void of_a_declared_principal_everything_must_fit(void **state)
{
	static const struct {
		struct config_principal one;
		bool want;
	} rows[] = {
		{ { .uid = 1, .gid = 1 }, true }, { { .uid = 1, .gid = CONFIG_UNSET }, true },
		{ { .uid = CONFIG_UNSET, .gid = 1 }, true }, { { .uid = 1, .gid = 2 }, false },
		{ { .uid = 2, .gid = 1 }, false }, { { .uid = 1, .gid = 1, .label = (char *)(uintptr_t) "web" }, true },
		{ { .uid = 1, .gid = 1, .label = (char *)(uintptr_t) "we" }, false },
		{ { .uid = 1, .gid = 1, .label = (char *)(uintptr_t) "webs" }, false },
		{ { .uid = 2, .gid = 1, .label = (char *)(uintptr_t) "web" }, false },
		{ { .uid = 1, .gid = 1, .cgroup = (char *)(uintptr_t) "/" }, false }, /* its cgroup is not known */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (bind_is_declared(&rows[i].one, 1, &labelled, &no_facts) != rows[i].want)
			fail_msg("row %zu", i);
	assert_false(bind_is_declared(NULL, 0, &owner, &no_facts));
}

/* ---- instances --------------------------------------------------------------------------------------------------- */

/* A process with a pidfd of its own, that ends when the other end of the pipe is closed. */
static struct principal process_begin(int *ret_leash)
{
	static uint64_t number = 1000;
	const uint64_t own = number++;
	struct principal who = { .uid = 1, .gid = 1, .pidfd = -1, .process = { own, 0 }, .cgroup = own };
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	/* a pipe is readable at its end, as a pidfd is at the process's */
	who.pidfd = ends[0];
	*ret_leash = ends[1];
	return who;
}

static void the_end_of_a_process_frees_its_place_and_not_its_account(void **state)
{
	static const struct config_bind *const rules[] = { &one_process, &one_cgroup };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO(auto_binds) struct binds *binds = make();
		AUTO(own_close) int leash = -1;
		AUTO(own_close) int leash_2 = -1;
		struct principal first = process_begin(&leash), second = process_begin(&leash_2);
		struct bind_counts counts;
		struct numbered token;

		(void)token_of(&token, 1, 1);
		check(binds, rules[i], &token.token, &first, &now, STATUS_OK);
		principal_done(&first); /* the connection is closed; the process lives */
		check(binds, rules[i], &token.token, &second, &now, STATUS_BIND_INSTANCES);
		own_close(&leash);
		check(binds, rules[i], &token.token, &other_uid, &now, STATUS_BIND_SCOPE);
		check(binds, rules[i], &token.token, &second, &now, STATUS_OK);
		check(binds, rules[i], &token.token, &first, &now, STATUS_BIND_INSTANCES);
		binds_count(binds, &counts);
		assert_int_equal(counts.descriptors, 1);
		principal_done(&second);
	}
}

/* A cgroup's place is held by the process of it that came last. */
static void a_cgroup_keeps_its_place_while_its_latest_process_lives(void **state)
{
	AUTO(auto_binds) struct binds *binds = make();
	AUTO(own_close) int leash = -1;
	AUTO(own_close) int leash_2 = -1;
	AUTO(own_close) int leash_3 = -1;
	struct principal first = process_begin(&leash), second = process_begin(&leash_2),
			 other = process_begin(&leash_3);
	struct numbered token;

	(void)state;
	second.cgroup = first.cgroup;
	(void)token_of(&token, 1, 1);
	check(binds, &one_cgroup, &token.token, &first, &now, STATUS_OK);
	check(binds, &one_cgroup, &token.token, &second, &now, STATUS_OK);
	own_close(&leash);
	check(binds, &one_cgroup, &token.token, &other, &now, STATUS_BIND_INSTANCES);
	own_close(&leash_2);
	check(binds, &one_cgroup, &token.token, &other, &now, STATUS_OK);
	principal_done(&first);
	principal_done(&second);
	principal_done(&other);
}

/* Without a descriptor for it the place stays taken: stricter, never laxer. */
static void without_descriptors_a_place_lasts_as_long_as_the_token(void **state)
{
	AUTO(auto_binds) struct binds *binds = NULL;
	AUTO(own_close) int leash = -1;
	AUTO(own_close) int leash_2 = -1;
	struct principal first = process_begin(&leash), second = process_begin(&leash_2);
	struct bind_counts counts;
	struct numbered token;

	(void)state;
	assert_ok(binds_new(&no_facts, 0, &binds));
	(void)token_of(&token, 1, 1);
	check(binds, &one_process, &token.token, &first, &now, STATUS_OK);
	own_close(&leash);
	check(binds, &one_process, &token.token, &second, &now, STATUS_BIND_INSTANCES);
	binds_count(binds, &counts);
	assert_int_equal(counts.descriptors, 0);
	principal_done(&first);
	principal_done(&second);
}

/* ---- principals and alarms ----------------------------------------------------------------------------------------
 */

static void principals_are_those_that_hold_living_tokens_of_an_identity(void **state)
{
	AUTO(auto_binds) struct binds *binds = make();
	struct numbered a, b, c;
	struct bind_verdict verdict;
	struct bind_time later = { NOW + LIFE_S + 1, now.mono_s + LIFE_S + 1 };

	(void)state;
	(void)token_of(&a, 1, 1);
	(void)token_of(&b, 1, 2);
	b.token.until_s += 100;
	(void)token_of(&c, 2, 3);
	assert_int_equal(check(binds, &first_use, &a.token, &owner, &now, STATUS_OK).principals, 1);
	assert_int_equal(check(binds, &first_use, &a.token, &replica, &now, STATUS_OK).principals, 1);
	/* refused: it holds nothing */
	assert_int_equal(check(binds, &first_use, &a.token, &other_uid, &now, STATUS_BIND_SCOPE).principals, 1);
	verdict = check(binds, &first_use, &b.token, &other_uid, &now, STATUS_OK);
	assert_int_equal(verdict.principals, 2);
	assert_int_equal(verdict.alarm, BIND_ALARM_IDENTITY);
	assert_int_equal(verdict.uid, 1);
	assert_int_equal(check(binds, &first_use, &c.token, &other_uid, &now, STATUS_OK).principals, 1);
	/* the first token dies, and with it the first holder */
	for (int i = 0; i < 8; i++)
		binds_second(binds, &later);
	assert_int_equal(check(binds, &first_use, &b.token, &other_uid, &later, STATUS_OK).principals, 1);
	assert_int_equal(check(binds, &none, &b.token, &other_uid, &later, STATUS_OK).principals, 0);
}

/* Where both were declared, two accounts of one identity are what was meant. */
static void declared_principals_may_share_an_identity_quietly(void **state)
{
	AUTO(auto_binds) struct binds *binds = make();
	struct bind_verdict verdict;
	struct numbered a, b;

	(void)state;
	declared.declared = (struct config_principal *)(uintptr_t)declared_list;
	check(binds, &declared, token_of(&a, 1, 1), &owner, &now, STATUS_OK);
	verdict = check(binds, &declared, token_of(&b, 1, 2), &second_uid, &now, STATUS_OK);
	assert_int_equal(verdict.alarm, BIND_QUIET);
	assert_int_equal(verdict.principals, 2);
}

static void an_alarm_comes_once_a_minute_and_counts(void **state)
{
	AUTO(auto_binds) struct binds *binds = make();
	struct bind_time at = now;
	struct bind_verdict verdict;
	struct numbered token, other;

	(void)state;
	(void)token_of(&token, 1, 1);
	check(binds, &first_use, &token.token, &owner, &at, STATUS_OK);
	for (int i = 0; i < 2 * BIND_ALARM_S; i++) {
		verdict = check(binds, &first_use, &token.token, &other_uid, &at, STATUS_BIND_SCOPE);
		assert_int_equal(verdict.alarm, i % BIND_ALARM_S == 0 ? BIND_ALARM_TOKEN : BIND_QUIET);
		if (verdict.alarm != BIND_QUIET) {
			assert_int_equal(verdict.conflicts, i == 0 ? 1 : BIND_ALARM_S);
			assert_true(verdict.has_first);
			assert_int_equal(verdict.uid, 1);
			assert_int_equal(verdict.gid, 1);
		}
		at.mono_s++;
	}
	/* another token has an alarm of its own */
	check(binds, &first_use, token_of(&other, 1, 2), &owner, &at, STATUS_OK);
	assert_int_equal(
		check(binds, &first_use, &other.token, &other_uid, &at, STATUS_BIND_SCOPE).alarm, BIND_ALARM_TOKEN);
}

/* ---- life and room ------------------------------------------------------------------------------------------------
 */

static void a_pin_dies_when_both_clocks_say_so(void **state)
{
	static const struct {
		const char *what;
		int64_t wall_s;
		uint64_t mono_s;
		bool is_dead;
	} rows[] = {
		{ "its last second", LIFE_S, LIFE_S, false },
		{ "the next", LIFE_S + 1, LIFE_S + 1, true },
		{ "a wall clock that went a day ahead", 86400, 10, false },
		{ "a wall clock that was set back", -3600, LIFE_S + 1, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(auto_binds) struct binds *binds = make();
		struct bind_time at = { NOW + rows[i].wall_s, now.mono_s + rows[i].mono_s };
		struct bind_counts counts;
		struct numbered token;

		check(binds, &first_use, token_of(&token, 1, 1), &owner, &now, STATUS_OK);
		for (int second = 0; second < 8; second++)
			binds_second(binds, &at);
		binds_count(binds, &counts);
		if (counts.pins != !rows[i].is_dead || counts.identities != !rows[i].is_dead)
			fail_msg("%s: %zu pins, %zu identities", rows[i].what, counts.pins, counts.identities);
		check(binds, &first_use, &token.token, &other_uid, &at,
			rows[i].is_dead ? STATUS_OK : STATUS_BIND_SCOPE);
	}
}

/* Tokens, of so many identities each; how many were refused for room. */
static unsigned fill(struct binds *binds, unsigned identities, unsigned from, unsigned each)
{
	unsigned refused = 0;

	for (unsigned identity = from; identity < from + identities; identity++)
		for (unsigned number = 0; number < each; number++) {
			struct bind_verdict verdict;
			struct numbered token;
			struct status st = bind_check(
				binds, &first_use, token_of(&token, identity, number), &owner, &now, &verdict);

			if (st.code != STATUS_OK)
				assert_int_equal(st.code, STATUS_BIND_FULL);
			refused += st.code != STATUS_OK;
		}
	return refused;
}

static void a_full_table_refuses_the_noisy_and_forgets_nobody(void **state)
{
	AUTO(auto_binds) struct binds *binds = make();
	struct bind_counts counts;
	struct numbered token;
	const unsigned modest = (BIND_PINS_MAX - BIND_PINS_FREE) / BIND_PINS_OF_MODEST;

	(void)state;
	/* somebody whose token must stay pinned */
	check(binds, &first_use, token_of(&token, 0, 7), &owner, &now, STATUS_OK);
	/* the noisy get three quarters, together and each by itself */
	assert_int_equal(fill(binds, 1, 1, BIND_PINS_OF_IDENTITY + 10), 10);
	assert_int_equal(fill(binds, 2, 2, BIND_PINS_OF_IDENTITY), 1);
	assert_int_equal(fill(binds, 1, 4, BIND_PINS_OF_MODEST + 5), 5);
	/* the modest are served to the end */
	assert_int_equal(fill(binds, modest - 1, 10, BIND_PINS_OF_MODEST), 0);
	binds_count(binds, &counts);
	assert_int_equal(counts.pins, BIND_PINS_MAX);
	assert_int_equal(counts.full, 10 + 1 + 5);
	assert_int_equal(fill(binds, 1, 1000000, 1), 1);
	binds_count(binds, &counts);
	assert_int_equal(counts.identities, 1 + 3 + 1 + modest - 1); /* the one refused left nothing behind */
	check(binds, &first_use, &token.token, &owner, &now, STATUS_OK);
	check(binds, &first_use, &token.token, &other_uid, &now, STATUS_BIND_SCOPE);
}

/* Beyond what one token may have, watch serves on and counts no more. */
static void watch_serves_more_principals_than_it_counts(void **state)
{
	AUTO(auto_binds) struct binds *binds = make();
	struct numbered token;
	struct principal who = owner;

	(void)state;
	(void)token_of(&token, 1, 1);
	for (unsigned i = 1; i <= BIND_PLACES_OF_TOKEN + 10; i++) {
		who.uid = i;
		assert_int_equal(check(binds, &watch, &token.token, &who, &now, STATUS_OK).principals,
			i < BIND_PLACES_OF_TOKEN ? i : BIND_PLACES_OF_TOKEN);
	}
}

static void without_memory_nothing_is_pinned_and_nobody_served(void **state)
{
	unsigned refusals = 0;

	(void)state;
	for (unsigned nth = 1; nth < 10; nth++) {
		AUTO(auto_binds) struct binds *binds = make();
		struct bind_verdict verdict;
		struct bind_counts counts;
		struct numbered token;
		struct status st;

		(void)token_of(&token, 1, 1);
		failalloc_arm(nth);
		st = bind_check(binds, &first_use, &token.token, &owner, &now, &verdict);
		if (!failalloc_disarm()) {
			assert_int_equal(st.code, STATUS_OK);
			break;
		}
		refusals++;
		assert_int_equal(st.code, STATUS_NO_MEMORY);
		binds_count(binds, &counts);
		assert_true(counts.identities == counts.pins);
		check(binds, &first_use, &token.token, &owner, &now, STATUS_OK);
		check(binds, &first_use, &token.token, &other_uid, &now, STATUS_BIND_SCOPE);
	}
	assert_int_equal(refusals, 4); /* identity, pin, place, holder */
}

/* ---- what is there ------------------------------------------------------------------------------------------------
 */

struct seen {
	unsigned count, stop_at;
	struct bind_view last;
	char label[8];
};

static bool see(void *context, const struct bind_view *pin)
{
	struct seen *seen = context;

	seen->last = *pin;
	assert_true(pin->label.len < sizeof(seen->label));
	if (pin->label.len > 0)
		memcpy(seen->label, pin->label.data, pin->label.len);
	return ++seen->count != seen->stop_at;
}

static void an_administrator_sees_every_pin_in_force(void **state)
{
	AUTO(auto_binds) struct binds *binds = make();
	struct numbered a, b;
	struct seen seen = { 0 };

	(void)state;
	check(binds, &two_processes, token_of(&a, 1, 1), &labelled, &now, STATUS_OK);
	check(binds, &two_processes, &a.token, &other_uid, &now, STATUS_BIND_SCOPE);
	binds_visit(binds, NOW, see, &seen);
	assert_int_equal(seen.count, 1);
	assert_memory_equal(seen.last.hash, a.hash, sizeof(a.hash));
	assert_int_equal(seen.last.authenticator, AUTHENTICATOR_JWT_SVID);
	assert_true(seen.last.has_first);
	assert_int_equal(seen.last.uid, 1);
	assert_int_equal(seen.last.gid, 1);
	assert_string_equal(seen.label, "web");
	assert_int_equal(seen.last.principals, 1);
	assert_int_equal(seen.last.instances, 1);
	assert_int_equal(seen.last.refused, 1);
	assert_int_equal(seen.last.until_s, NOW + LIFE_S);
	check(binds, &watch, token_of(&b, 2, 2), &owner, &now, STATUS_OK);
	check(binds, &watch, &b.token, &other_uid, &now, STATUS_OK);
	seen = (struct seen){ .stop_at = 1 };
	binds_visit(binds, NOW, see, &seen);
	assert_int_equal(seen.count, 1);
	seen = (struct seen){ 0 };
	binds_visit(binds, NOW, see, &seen);
	assert_int_equal(seen.count, 2);
	seen = (struct seen){ 0 };
	binds_visit(binds, NOW + LIFE_S + 1, see, &seen); /* not swept yet, and not in force */
	assert_int_equal(seen.count, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_binding_serves_whom_it_says_and_alarms),
	cmocka_unit_test(a_rule_of_zeros_refuses),
	cmocka_unit_test(of_a_declared_principal_everything_must_fit),
	cmocka_unit_test(the_end_of_a_process_frees_its_place_and_not_its_account),
	cmocka_unit_test(a_cgroup_keeps_its_place_while_its_latest_process_lives),
	cmocka_unit_test(without_descriptors_a_place_lasts_as_long_as_the_token),
	cmocka_unit_test(principals_are_those_that_hold_living_tokens_of_an_identity),
	cmocka_unit_test(declared_principals_may_share_an_identity_quietly),
	cmocka_unit_test(an_alarm_comes_once_a_minute_and_counts),
	cmocka_unit_test(a_pin_dies_when_both_clocks_say_so),
	cmocka_unit_test(a_full_table_refuses_the_noisy_and_forgets_nobody),
	cmocka_unit_test(watch_serves_more_principals_than_it_counts),
	cmocka_unit_test(without_memory_nothing_is_pinned_and_nobody_served),
	cmocka_unit_test(an_administrator_sees_every_pin_in_force),
};

UNIT_MAIN(tests)
