/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "agent/pattern.h"

static struct pattern spiffe(const char *text)
{
	struct pattern pattern = { 0 };
	const char *why = "";

	if (pattern_spiffe(bytes_from_text(text), &pattern, &why).code != STATUS_OK)
		fail_msg("%s %s", text, why);
	return pattern;
}

static struct pattern template_of(const char *text)
{
	struct pattern pattern = { 0 };
	const char *why = "";

	if (pattern_template(bytes_from_text(text), &pattern, &why).code != STATUS_OK)
		fail_msg("%s %s", text, why);
	return pattern;
}

static void a_star_is_any_run_of_bytes_and_nothing_else_is_special(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} rows[] = {
		{ "*", "", true },
		{ "*", "anything/at all", true },
		{ "", "", true },
		{ "", "a", false },
		{ "a", "a", true },
		{ "a", "aa", false },
		{ "a", "", false },
		{ "a*", "a", true },
		{ "a*", "ba", false },
		{ "*a", "ba", true },
		{ "*a", "ab", false },
		{ "a*b", "ab", true },
		{ "a*b", "a--b--b", true },
		{ "a*b", "a--b--", false },
		{ "*a*", "xax", true },
		{ "*a*b*", "ba", false },
		{ "a**b", "ab", true },
		{ "a?c", "abc", false },
		{ "[ab]", "a", false },
		{ "a.c", "abc", false },
		{ "{a}", "a", false },
		{ "\\*", "*", false },
		{ "A", "a", false },
		{ "*aab", "aaaaab", true },
		{ "*abc*abd", "abcabcabd", true },
		{ "*abc*abd", "abdabc", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (pattern_key(bytes_from_text(rows[i].pattern), bytes_from_text(rows[i].name)) != rows[i].matches)
			fail_msg("%s and %s", rows[i].pattern, rows[i].name);
}

/* The worst case of a greedy matcher stays cheap: 255 by 255 steps. */
static void a_hostile_key_name_costs_no_more_than_the_product(void **state)
{
	char pattern[256], name[256];

	(void)state;
	memset(name, 'a', sizeof(name));
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[255] = 'b';
	for (int i = 0; i < 1000; i++)
		assert_false(pattern_key(bytes_of(pattern, 256), bytes_of(name, 255)));
}

static void an_earlier_match_covers_what_it_matches_entirely(void **state)
{
	static const struct {
		const char *earlier, *later;
		bool covers;
	} rows[] = {
		{ "spiffe://d/a", "spiffe://d/a", true },
		{ "spiffe://d/a", "spiffe://e/a", false },
		{ "spiffe://d/{x}", "spiffe://d/a", true },
		{ "spiffe://d/a", "spiffe://d/{x}", false },
		{ "spiffe://d/{x}", "spiffe://d/{y}", true },
		{ "spiffe://d/{x}", "spiffe://d/a/b", false },
		{ "spiffe://d/**", "spiffe://d/a", true },
		{ "spiffe://d/**", "spiffe://d/a/b/**", true },
		{ "spiffe://d/a/**", "spiffe://d/a", false },
		{ "spiffe://d/a/**", "spiffe://d/a/{x}", true },
		{ "spiffe://d/a/**", "spiffe://d/a/**", true },
		{ "spiffe://d/{x}/**", "spiffe://d/a/**", true },
		{ "spiffe://d/a/**", "spiffe://d/{x}/**", false },
		{ "spiffe://d/a/{x}", "spiffe://d/a/**", false },
		{ "spiffe://d/a/b", "spiffe://d/a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pattern earlier = spiffe(rows[i].earlier), later = spiffe(rows[i].later);

		if (pattern_covers(&earlier, &later) != rows[i].covers)
			fail_msg("%s and %s", rows[i].earlier, rows[i].later);
	}
}

static void templates_meet_when_one_name_could_come_of_both(void **state)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} rows[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "{x}", "a", true },
		{ "a", "{x}", true },
		{ "k/{x}", "{y}/a", true },
		{ "k/{x}", "l/{y}", false },
		{ "k/{x}", "k", false },
		{ "{x}/{y}", "{z}", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pattern a = template_of(rows[i].a), b = template_of(rows[i].b);

		if (pattern_templates_meet(&a, &b) != rows[i].meet)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
}

static void a_tenant_is_the_same_when_made_of_the_same_parts(void **state)
{
	static const struct {
		const char *match_a, *template_a, *match_b, *template_b;
		bool same;
	} rows[] = {
		{ "spiffe://d/ns/{n}/sa/admin", "k/{n}", "spiffe://d/ns/{n}/sa/{s}", "k/{n}", true },
		{ "spiffe://d/ns/{n}/sa/{s}", "k/{n}", "spiffe://d/vm/{n}", "k/{n}", false },
		{ "spiffe://d/ns/{n}/sa/{s}", "k/{n}", "spiffe://d/ns/{s}/sa/{n}", "k/{n}", false },
		{ "spiffe://d/{a}/{n}", "k/{n}", "spiffe://d/x/{n}", "k/{n}", false },
		{ "spiffe://d/x", "k", "spiffe://d/y", "k", true },
		{ "spiffe://d/x", "k", "spiffe://d/y", "l", false },
		{ "spiffe://d/{x}", "k/{x}", "spiffe://d/{x}/b", "k/a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pattern ma = spiffe(rows[i].match_a), mb = spiffe(rows[i].match_b);
		struct pattern ta = template_of(rows[i].template_a), tb = template_of(rows[i].template_b);

		if (pattern_same_tenant(&ma, &ta, &mb, &tb) != rows[i].same)
			fail_msg("row %zu", i);
	}
}

static void direct_patterns_take_names_without_a_scheme(void **state)
{
	static const struct {
		const char *text;
		enum status_code want;
	} rows[] = {
		{ "app", STATUS_OK },
		{ "{x}", STATUS_OK },
		{ "**", STATUS_OK },
		{ "my app/{x}", STATUS_OK },
		{ "", STATUS_CONFIG_SYNTAX },
		{ "/a", STATUS_CONFIG_SYNTAX },
		{ "a*", STATUS_CONFIG_SYNTAX },
		{ "a//b", STATUS_CONFIG_SYNTAX },
		{ "{a b}", STATUS_CONFIG_SYNTAX },
		{ "{}", STATUS_CONFIG_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pattern pattern;
		const char *why = NULL;
		struct status st = pattern_direct(bytes_from_text(rows[i].text), &pattern, &why);

		if (st.code != rows[i].want || (st.code != STATUS_OK && why == NULL))
			fail_msg("%s", rows[i].text);
	}
}

static void a_pattern_matches_whole_names(void **state)
{
	static const struct {
		const char *pattern, *id;
		bool matches;
	} rows[] = {
		{ "spiffe://d/a/{x}", "spiffe://d/a/b", true },
		{ "spiffe://d/a/{x}", "spiffe://d/a", false },
		{ "spiffe://d/a/{x}", "spiffe://d/a/b/c", false },
		{ "spiffe://d/a/{x}", "spiffe://e/a/b", false },
		{ "spiffe://d/a/b", "spiffe://d/a/b", true },
		{ "spiffe://d/a/b", "spiffe://d/a/bb", false },
		{ "spiffe://d/a/**", "spiffe://d/a/b/c", true },
		{ "spiffe://d/a/**", "spiffe://d/a", false },
		{ "spiffe://d/a/{x}/**", "spiffe://d/a/b", false },
		{ "spiffe://d/**", "spiffe://d/a", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pattern pattern;
		struct bytes domain, path;
		const char *why;

		assert_ok(pattern_spiffe(bytes_from_text(rows[i].pattern), &pattern, &why));
		assert_true(pattern_split(bytes_from_text(rows[i].id), &domain, &path));
		if (pattern_matches(&pattern, domain, path) != rows[i].matches)
			fail_msg("%s, %s", rows[i].pattern, rows[i].id);
	}
}

/* With the name that shows it, which both patterns do match. */
static void patterns_meet_where_a_name_matches_both(void **state)
{
	static const struct {
		const char *a, *b, *example; /* NULL: none */
	} rows[] = {
		{ "spiffe://d/{a}/b", "spiffe://d/a/{b}", "spiffe://d/a/b" },
		{ "spiffe://d/{a}", "spiffe://d/{b}", "spiffe://d/x" },
		{ "spiffe://d/a", "spiffe://d/b", NULL },
		{ "spiffe://d/a", "spiffe://e/a", NULL },
		{ "spiffe://d/a", "spiffe://d/a/b", NULL },
		{ "spiffe://d/**", "spiffe://d/a/{b}/c", "spiffe://d/a/x/c" },
		{ "spiffe://d/a/**", "spiffe://d/a", NULL },
		{ "spiffe://d/a/**", "spiffe://d/**", "spiffe://d/a/x" },
		{ "spiffe://d/a/**", "spiffe://d/b/**", NULL },
		{ "spiffe://d/{a}/**", "spiffe://d/b/**", "spiffe://d/b/x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int turn = 0; turn < 2; turn++) {
			struct buf example = buf_make(256);
			struct pattern a, b;
			struct bytes domain, path;
			const char *why;
			bool meet;

			assert_ok(pattern_spiffe(bytes_from_text(turn ? rows[i].b : rows[i].a), &a, &why));
			assert_ok(pattern_spiffe(bytes_from_text(turn ? rows[i].a : rows[i].b), &b, &why));
			meet = pattern_meet(&a, &b, &example);
			if (meet != (rows[i].example != NULL) || pattern_meet(&a, &b, NULL) != meet)
				fail_msg("%s, %s", rows[i].a, rows[i].b);
			assert_bytes(buf_bytes(&example), bytes_from_text(meet ? rows[i].example : ""));
			if (meet) {
				assert_true(pattern_split(buf_bytes(&example), &domain, &path));
				assert_true(pattern_matches(&a, domain, path) && pattern_matches(&b, domain, path));
			}
			buf_done(&example);
		}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_pattern_matches_whole_names),
	cmocka_unit_test(patterns_meet_where_a_name_matches_both),
	cmocka_unit_test(a_star_is_any_run_of_bytes_and_nothing_else_is_special),
	cmocka_unit_test(a_hostile_key_name_costs_no_more_than_the_product),
	cmocka_unit_test(an_earlier_match_covers_what_it_matches_entirely),
	cmocka_unit_test(templates_meet_when_one_name_could_come_of_both),
	cmocka_unit_test(a_tenant_is_the_same_when_made_of_the_same_parts),
	cmocka_unit_test(direct_patterns_take_names_without_a_scheme),
};

UNIT_MAIN(tests)
