/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a trust domain's key documents, one after the other, by scripted steps. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/trust_book.h"
#include "base/clock.h"
#include "base/own.h"
#include "tests/support/mint.h"

enum { KEYS = 5, NOW_S = 2000000000, DAY_S = 86400 };

static struct mint_key *keys[KEYS];
static char *jwks[KEYS]; /* as a SPIFFE bundle has them, and as good in a JWK Set */
static char *prints[KEYS];

static struct trust_time at(int64_t s)
{
	return (struct trust_time){ NOW_S + s, (uint64_t)(s + DAY_S * 100) * US_PER_S };
}

/* "{..}" of the keys that `which` names by their digits; head: "\"spiffe_sequence\":4,". */
static char *document_of(const char *which, const char *head)
{
	char *list[KEYS], *set, *whole;
	size_t count = 0;

	for (; *which != '\0'; which++)
		list[count++] = jwks[*which - '0'];
	set = mint_jwks(list, count);
	whole = mint_printf("{%s%s", head, set + 1);
	free(set);
	return whole;
}

static enum trust_verdict give(struct trust_domain *domain, enum trust_origin origin, const char *which,
	const char *head, const struct trust_rules *rules, int64_t s)
{
	char *document = document_of(which, head);
	struct bundle_set *set = NULL;
	enum trust_verdict verdict;

	assert_ok(trust_document_decode(origin, bytes_from_text(domain->name), bytes_from_text(document), &set));
	assert_ok(trust_domain_take(
		domain, origin, bytes_from_text(document), set, bundle_set_at(set, 0), rules, at(s), &verdict));
	bundle_set_unref(set);
	free(document);
	return verdict;
}

static struct trust_domain *domain_new(struct trust_book *book, const char *name)
{
	struct trust_domain *domain;

	assert_ok(trust_book_get(book, bytes_from_text(name), &domain));
	return domain;
}

static void book_done(struct trust_book *book)
{
	trust_book_done(book);
}

/* ---- judging -------------------------------------------------------------------------------------------- */

struct step {
	const char *keys; /* NULL: withdraw */
	const char *head;
	int64_t at_s;
	enum trust_verdict want;
};

static void run(const char *name, enum trust_origin origin, const struct trust_rules *rules, const struct step *steps)
{
	AUTO(book_done) struct trust_book book = { 0 };
	struct trust_domain *domain = domain_new(&book, "example.org");

	for (size_t i = 0; steps[i].want != TRUST_NOTHING || steps[i].keys == NULL; i++) {
		enum trust_verdict got;

		if (steps[i].keys == NULL && steps[i].head == NULL)
			return;
		if (steps[i].keys == NULL) {
			trust_domain_withdraw(domain);
			assert_false(trust_domain_is_believed(domain));
			continue;
		}
		got = give(domain, origin, steps[i].keys, steps[i].head, rules, steps[i].at_s);
		if (got != steps[i].want)
			fail_msg("%s, step %zu: %s, want %s", name, i, trust_verdict_name(got),
				trust_verdict_name(steps[i].want));
		if (got != TRUST_OLDER && trust_domain_is_believed(domain) != (got >= TRUST_FIRST))
			fail_msg("%s, step %zu: believed or not", name, i);
	}
}
#define WITHDRAWN                          \
	{                                  \
		NULL, "", 0, TRUST_NOTHING \
	}
#define END                                  \
	{                                    \
		NULL, NULL, 0, TRUST_NOTHING \
	}

static void a_set_is_believed_when_it_continues_the_one_before(void **state)
{
	const struct trust_rules rules = { .max_age_s = DAY_S };
	const struct step rotation[] = { { "0", "", 0, TRUST_FIRST }, { "01", "", 1, TRUST_CONTINUES },
		{ "1", "", 2, TRUST_CONTINUES }, { "12", "", 3, TRUST_CONTINUES }, { "2", "", 4, TRUST_CONTINUES },
		END };
	const struct step replaced[] = { { "0", "", 0, TRUST_FIRST }, { "1", "", 1, TRUST_HELD },
		{ "12", "", 2, TRUST_HELD }, { "02", "", 3, TRUST_CONTINUES }, END };
	/* What is empty or withdrawn counts no more at once, and is no way around the rule. */
	const struct step emptied[] = { { "0", "", 0, TRUST_FIRST }, { "", "", 1, TRUST_EMPTY },
		{ "1", "", 2, TRUST_HELD }, { "0", "", 3, TRUST_CONTINUES }, WITHDRAWN, { "1", "", 4, TRUST_HELD },
		{ "01", "", 5, TRUST_CONTINUES }, END };
	/* What nobody has confirmed for too long says nothing about the next one, unless that was held already. */
	const struct step aged[] = { { "0", "", 0, TRUST_FIRST }, { "1", "", DAY_S + 1, TRUST_FIRST }, END };
	const struct step waited[] = { { "0", "", 0, TRUST_FIRST }, { "1", "", DAY_S, TRUST_HELD },
		{ "12", "", 9 * DAY_S, TRUST_HELD }, { "02", "", 9 * DAY_S, TRUST_CONTINUES }, END };

	(void)state;
	run("rotation", TRUST_STREAM, &rules, rotation);
	run("replaced", TRUST_STREAM, &rules, replaced);
	run("emptied", TRUST_STREAM, &rules, emptied);
	run("aged", TRUST_STREAM, &rules, aged);
	run("waited", TRUST_STREAM, &rules, waited);
	run("replaced", TRUST_ENDPOINT, &rules, replaced);
}

static void a_pinned_key_decides(void **state)
{
	char *pins[] = { prints[3], prints[2] };
	const struct trust_rules rules = { .pins = pins, .pin_count = 2, .max_age_s = DAY_S };
	const struct step steps[] = { { "0", "", 0, TRUST_HELD }, { "12", "", 1, TRUST_PINNED },
		{ "1", "", 2, TRUST_CONTINUES }, { "0", "", 3, TRUST_HELD }, { "3", "", 4, TRUST_PINNED },
		{ "0", "", 2 * DAY_S, TRUST_HELD }, END };

	(void)state;
	run("pins", TRUST_STREAM, &rules, steps);
}

static void the_configuration_may_go_on_with_an_alarm(void **state)
{
	const struct trust_rules rules = { .continuity = CONTINUITY_ALARM, .max_age_s = DAY_S };
	const struct step steps[] = { { "0", "", 0, TRUST_FIRST }, { "1", "", 1, TRUST_ALARMED },
		{ "12", "", 2, TRUST_CONTINUES }, END };

	(void)state;
	run("alarm", TRUST_STREAM, &rules, steps);
}

/* SB-12: old kept. */
static void TV_SB_06_a_lower_sequence_number_is_not_taken(void **state)
{
	const struct trust_rules rules = { .max_age_s = DAY_S };
	const struct step steps[] = { { "0", "\"spiffe_sequence\":5,", 0, TRUST_FIRST },
		{ "01", "\"spiffe_sequence\":4,", 1, TRUST_OLDER },
		{ "01", "\"spiffe_sequence\":5,", 2, TRUST_CONTINUES },
		{ "12", "\"spiffe_sequence\":18446744073709551615,", 3, TRUST_CONTINUES },
		{ "1", "\"spiffe_sequence\":6,", 4, TRUST_OLDER }, { "2", "", 5, TRUST_CONTINUES },
		{ "2", "\"spiffe_sequence\":1,", 6, TRUST_CONTINUES }, END };
	AUTO(book_done) struct trust_book book = { 0 };
	struct trust_domain *domain = domain_new(&book, "example.org");

	(void)state;
	run("sequence", TRUST_ENDPOINT, &rules, steps);
	assert_int_equal(give(domain, TRUST_ENDPOINT, "01", "\"spiffe_sequence\":5,", &rules, 0), TRUST_FIRST);
	assert_int_equal(give(domain, TRUST_ENDPOINT, "0", "\"spiffe_sequence\":4,", &rules, 1), TRUST_OLDER);
	assert_true(trust_domain_is_believed(domain));
	assert_int_equal(domain->bundle->key_count, 2);
}

/* FD-08: clamped. */
static void TV_SB_07_the_refresh_hint_has_bounds(void **state)
{
	static const struct {
		struct bundle bundle;
		uint32_t max_age_s, want;
	} rows[] = {
		{ { .has_refresh_hint = true, .refresh_hint_s = 0 }, 7 * DAY_S, 30 },
		{ { .has_refresh_hint = true, .refresh_hint_s = 5 }, 7 * DAY_S, 30 },
		{ { .has_refresh_hint = true, .refresh_hint_s = 1000000000 }, 7 * DAY_S, DAY_S },
		{ { .has_refresh_hint = true, .refresh_hint_s = UINT64_MAX }, 7 * DAY_S, DAY_S },
		{ { .has_refresh_hint = false }, 7 * DAY_S, 300 },
		{ { .has_refresh_hint = true, .refresh_hint_s = 600 }, 7 * DAY_S, 600 },
		{ { .has_refresh_hint = true, .refresh_hint_s = 100000 }, DAY_S, DAY_S / 3 },
		{ { .has_refresh_hint = true, .refresh_hint_s = 600 }, 60, 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(trust_interval_s(&rows[i].bundle, 300, rows[i].max_age_s), rows[i].want);
	assert_int_equal(trust_interval_s(NULL, 300, DAY_S), 30);
}

static void a_file_is_believed_as_it_is(void **state)
{
	const struct trust_rules rules = { .max_age_s = 10 };
	const struct step steps[] = { { "0", "\"spiffe_sequence\":5,", 0, TRUST_GIVEN },
		{ "1", "\"spiffe_sequence\":4,", 1, TRUST_GIVEN }, { "", "", 2, TRUST_EMPTY }, END };

	(void)state;
	run("file", TRUST_FILE, &rules, steps);
}

static void what_is_held_is_judged_again_when_pins_change(void **state)
{
	char *pins[] = { prints[1] };
	const struct trust_rules without = { .max_age_s = DAY_S },
				 with = { .pins = pins, .pin_count = 1, .max_age_s = DAY_S };
	AUTO(book_done) struct trust_book book = { 0 };
	struct trust_domain *domain = domain_new(&book, "example.org");
	enum trust_verdict verdict;

	(void)state;
	assert_int_equal(give(domain, TRUST_STREAM, "0", "", &without, 0), TRUST_FIRST);
	assert_int_equal(give(domain, TRUST_STREAM, "12", "", &without, 1), TRUST_HELD);
	assert_ok(trust_domain_judge_again(domain, &without, at(2), &verdict));
	assert_int_equal(verdict, TRUST_HELD);
	assert_ok(trust_domain_judge_again(domain, &with, at(3), &verdict));
	assert_int_equal(verdict, TRUST_PINNED);
	assert_true(trust_domain_is_believed(domain));
	assert_int_equal(give(domain, TRUST_STREAM, "2", "", &without, 4), TRUST_CONTINUES);
}

/* ---- age ------------------------------------------------------------------------------------------------ */

static void age_is_what_the_later_clock_says(void **state)
{
	const struct trust_rules rules = { .max_age_s = 100 };
	AUTO(book_done) struct trust_book book = { 0 };
	struct trust_domain *domain = domain_new(&book, "example.org");
	struct trust_time slept = at(0), set_back = at(101);

	(void)state;
	(void)give(domain, TRUST_STREAM, "0", "", &rules, 0);
	assert_false(trust_domain_is_stale(domain, 100, at(100)));
	assert_true(trust_domain_is_stale(domain, 100, at(101)));
	slept.wall_s += 101; /* the monotonic clock stood */
	assert_true(trust_domain_is_stale(domain, 100, slept));
	set_back.wall_s -= 3600;
	assert_true(trust_domain_is_stale(domain, 100, set_back));
	trust_domain_confirm(domain, at(50));
	assert_false(trust_domain_is_stale(domain, 100, at(150)));
	assert_true(trust_domain_is_stale(domain, 100, at(151)));
}

/* ---- the store ------------------------------------------------------------------------------------------ */

static void what_is_stored_comes_back_and_nothing_less(void **state)
{
	const struct trust_rules rules = { .max_age_s = DAY_S };
	AUTO(book_done) struct trust_book book = { 0 };
	AUTO(buf_done) struct buf record = buf_make(TRUST_RECORD_MAX);
	struct trust_domain *domain = domain_new(&book, "example.org"), *again = domain_new(&book, "again.example");

	(void)state;
	(void)give(domain, TRUST_ENDPOINT, "01", "\"spiffe_sequence\":5,", &rules, 0);
	trust_domain_put(&record, domain);
	assert_ok(buf_check(&record));
	for (size_t len = 0; len < record.len; len++) {
		AUTO(book_done) struct trust_book cut = { 0 };

		if (trust_domain_get(domain_new(&cut, "a.example"), bytes_of(record.data, len), at(0)).code ==
			STATUS_OK)
			fail_msg("cut at %zu", len);
	}
	assert_ok(trust_domain_get(again, buf_bytes(&record), at(10)));
	assert_true(trust_domain_is_believed(again));
	assert_int_equal(again->bundle->key_count, 2);
	assert_int_equal(again->verdict, TRUST_FIRST);
	assert_int_equal(trust_domain_age_s(again, at(10)), 10);
	assert_int_equal(give(again, TRUST_ENDPOINT, "2", "\"spiffe_sequence\":6,", &rules, 11), TRUST_HELD);
	assert_int_equal(give(again, TRUST_ENDPOINT, "12", "\"spiffe_sequence\":4,", &rules, 12), TRUST_OLDER);
	assert_int_equal(give(again, TRUST_ENDPOINT, "12", "\"spiffe_sequence\":6,", &rules, 13), TRUST_CONTINUES);
}

/* Its keys are gone, by which the next are recognised is not; a clock that was ahead counts from now on. */
static void what_was_withdrawn_is_stored_without_its_keys(void **state)
{
	const struct trust_rules rules = { .max_age_s = DAY_S };
	AUTO(book_done) struct trust_book book = { 0 };
	AUTO(buf_done) struct buf record = buf_make(TRUST_RECORD_MAX);
	struct trust_domain *domain = domain_new(&book, "example.org"), *again = domain_new(&book, "again.example");

	(void)state;
	(void)give(domain, TRUST_STREAM, "0", "", &rules, 100);
	trust_domain_withdraw(domain);
	trust_domain_put(&record, domain);
	assert_null(memmem(record.data, record.len, "\"keys\"", 6));
	assert_ok(trust_domain_get(again, buf_bytes(&record), at(0)));
	assert_false(trust_domain_is_believed(again));
	assert_int_equal(trust_domain_age_s(again, at(0)), 0);
	assert_int_equal(give(again, TRUST_STREAM, "1", "", &rules, 1), TRUST_HELD);
	assert_int_equal(give(again, TRUST_STREAM, "01", "", &rules, 2), TRUST_CONTINUES);
}

static void what_is_held_is_held_after_a_restart_too(void **state)
{
	const struct trust_rules rules = { .max_age_s = DAY_S };
	AUTO(book_done) struct trust_book book = { 0 };
	AUTO(buf_done) struct buf record = buf_make(TRUST_RECORD_MAX);
	struct trust_domain *domain = domain_new(&book, "example.org"), *again = domain_new(&book, "again.example");

	(void)state;
	(void)give(domain, TRUST_STREAM, "0", "", &rules, 0);
	assert_int_equal(give(domain, TRUST_STREAM, "1", "", &rules, 1), TRUST_HELD);
	trust_domain_put(&record, domain);
	assert_ok(trust_domain_get(again, buf_bytes(&record), at(2 * DAY_S)));
	assert_int_equal(again->verdict, TRUST_HELD);
	assert_false(trust_domain_is_believed(again));
	assert_int_equal(give(again, TRUST_STREAM, "1", "", &rules, 2 * DAY_S), TRUST_HELD);
}

static void a_book_has_room_for_so_many(void **state)
{
	AUTO(book_done) struct trust_book book = { 0 };
	struct trust_domain *domain;

	(void)state;
	for (size_t i = 0; i < TRUST_DOMAINS_MAX; i++) {
		char *name = mint_printf("d%zu.example", i);

		(void)domain_new(&book, name);
		free(name);
	}
	assert_fails(trust_book_get(&book, BYTES_LITERAL("one.more"), &domain), LIMIT);
	trust_book_drop(&book, trust_book_find(&book, BYTES_LITERAL("d7.example")));
	assert_null(trust_book_find(&book, BYTES_LITERAL("d7.example")));
	assert_ok(trust_book_get(&book, BYTES_LITERAL("one.more"), &domain));
}

/* ---- keys ------------------------------------------------------------------------------------------------ */

static char *print_of(const char *jwk)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *document = mint_printf("{\"keys\":[%s]}", jwk), *text = calloc(1, 44);
	uint8_t id[JWK_ID_BYTES + 1] = { 0 };
	struct bundle_set *set = NULL;

	assert_ok(trust_document_decode(TRUST_STREAM, BYTES_LITERAL("a.example"), bytes_from_text(document), &set));
	assert_ok(jwk_thumbprint(&bundle_set_at(set, 0)->keys[0], id));
	for (size_t i = 0; i < 43; i++) {
		size_t bit = 6 * i;

		text[i] = alphabet[(unsigned)(id[bit / 8] << 8 | id[bit / 8 + (bit / 8 < JWK_ID_BYTES)]) >>
					   (10 - bit % 8) &
				   63];
	}
	bundle_set_unref(set);
	free(document);
	return text;
}

static int make_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		char kid[3] = { 'k', (char)('0' + i), '\0' };

		keys[i] = mint_key_new(i == 3 ? MINT_RSA2048 : MINT_P256);
		jwks[i] = mint_jwk(keys[i], kid, "\"use\":\"jwt-svid\"");
		prints[i] = print_of(jwks[i]);
	}
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		mint_key_free(keys[i]);
		free(jwks[i]);
		free(prints[i]);
	}
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(a_set_is_believed_when_it_continues_the_one_before, make_keys, free_keys),
	cmocka_unit_test_setup_teardown(a_pinned_key_decides, make_keys, free_keys),
	cmocka_unit_test_setup_teardown(the_configuration_may_go_on_with_an_alarm, make_keys, free_keys),
	cmocka_unit_test_setup_teardown(TV_SB_06_a_lower_sequence_number_is_not_taken, make_keys, free_keys),
	cmocka_unit_test(TV_SB_07_the_refresh_hint_has_bounds),
	cmocka_unit_test_setup_teardown(a_file_is_believed_as_it_is, make_keys, free_keys),
	cmocka_unit_test_setup_teardown(what_is_held_is_judged_again_when_pins_change, make_keys, free_keys),
	cmocka_unit_test_setup_teardown(age_is_what_the_later_clock_says, make_keys, free_keys),
	cmocka_unit_test_setup_teardown(what_is_stored_comes_back_and_nothing_less, make_keys, free_keys),
	cmocka_unit_test_setup_teardown(what_was_withdrawn_is_stored_without_its_keys, make_keys, free_keys),
	cmocka_unit_test_setup_teardown(what_is_held_is_held_after_a_restart_too, make_keys, free_keys),
	cmocka_unit_test(a_book_has_room_for_so_many),
};
UNIT_MAIN(tests)
