/* SPDX-License-Identifier: Apache-2.0
 *
 * Links between namespaces and the order of strength. */
#include "tests/support/unit.h"

#include "agent/keyfact.h"
#include "agent/link.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { DIRECT = 1, ISSUER = 2, UNIX_PEER = 3, JWT_SVID = 4 };

static struct keyindex *index_new(void)
{
	struct keyindex *index = NULL;

	assert_ok(keyindex_new(100, &index));
	return index;
}

static struct keyindex_space *space_of(struct keyindex *index, uint8_t authenticator, const char *identity)
{
	const struct namespace_name name = { authenticator, { 0 }, BYTES_LITERAL("t"), bytes_from_text(identity) };
	struct keyindex_space *space = NULL;

	assert_ok(keyindex_space_make(index, &name, &space));
	return space;
}

static struct keyindex_entry *take(struct keyindex *index, struct keyindex_space *space, const char *name)
{
	struct keyindex_entry *entry = NULL;

	assert_ok(keyindex_take(index, space, bytes_from_text(name), &entry));
	return entry;
}

static void a_name_is_found_in_its_own_namespace_first_and_one_step_away(void **state)
{
	struct keyindex *index = index_new();
	struct keyindex_space *a = space_of(index, JWT_SVID, "a"), *b = space_of(index, JWT_SVID, "b");
	struct keyindex_space *c = space_of(index, JWT_SVID, "c");
	struct keyindex_entry *own = take(index, a, "x"), *theirs = take(index, b, "x"), *only = take(index, b, "y");

	(void)state;
	(void)take(index, c, "z");
	assert_null(link_find(index, a, BYTES_LITERAL("y")));
	assert_ok(link_add(a, b, 1));
	assert_ok(link_add(a, b, 2)); /* once */
	assert_ok(link_add(b, c, 3));
	assert_ptr_equal(link_find(index, a, BYTES_LITERAL("x")), own);
	assert_ptr_equal(link_find(index, a, BYTES_LITERAL("y")), only);
	assert_null(link_find(index, a, BYTES_LITERAL("z"))); /* not two steps */
	assert_ptr_equal(link_find(index, b, BYTES_LITERAL("x")), theirs);
	assert_true(link_is(a, b) && !link_is(b, a) && !link_is(a, c));
	assert_true(link_remove(a, b));
	assert_false(link_remove(a, b));
	assert_null(link_find(index, a, BYTES_LITERAL("y")));
	keyindex_free(index);
}

static void links_are_bounded(void **state)
{
	struct keyindex *index = index_new();
	struct keyindex_space *from = space_of(index, JWT_SVID, "from");

	(void)state;
	for (int i = 0; i < LINKS_MAX; i++) {
		const char name[] = { (char)('a' + i), '\0' };

		assert_ok(link_add(from, space_of(index, JWT_SVID, name), i));
	}
	assert_fails(link_add(from, space_of(index, JWT_SVID, "more"), 0), LIMIT);
	keyindex_free(index);
}

static void the_order_is_direct_unix_issuer_jwt_svid(void **state)
{
	static const uint8_t order[] = { DIRECT, UNIX_PEER, ISSUER, JWT_SVID };
	struct keyindex *index = index_new();

	(void)state;
	assert_int_equal(strength_of(0), 0);
	assert_int_equal(strength_of(5), 0);
	for (size_t i = 0; i < COUNT(order); i++) {
		struct keyindex_space *space = space_of(index, order[i], "x");

		assert_int_equal(strength_floor(space), order[i]);
		for (size_t j = 0; j < COUNT(order); j++)
			assert_int_equal(strength_suffices(space, order[j]), j >= i);
		assert_false(strength_suffices(space, 0));
		space->floor = JWT_SVID;
		assert_int_equal(strength_suffices(space, order[i]), order[i] == JWT_SVID);
	}
	keyindex_free(index);
}

static void facts_are_read_as_they_were_written_and_only_whole(void **state)
{
	struct keyindex *index = index_new(), *again = index_new();
	struct keyindex_space *a = space_of(index, JWT_SVID, "a"), *b = space_of(index, UNIX_PEER, "7");
	struct buf id = buf_make(4096);
	uint8_t since[KEYFACT_TIME_BYTES], floor[] = { JWT_SVID, 0 };
	struct fact fact = { FACT_LINK, { 0 }, bytes_of(since, sizeof(since)) };

	(void)state;
	keyfact_time_put(since, 9);
	link_id_put(&id, a, b);
	fact.id = buf_bytes(&id);
	assert_ok(link_load(again, &fact));
	assert_true(link_is(space_of(again, JWT_SVID, "a"), space_of(again, UNIX_PEER, "7")));
	for (size_t len = 0; len < id.len; len++) {
		fact.id = bytes_of(id.data, len);
		assert_fails(link_load(again, &fact), RECORD_CORRUPT);
	}
	fact = (struct fact){ FACT_STRENGTH, b->encoded, bytes_of(floor, 1) };
	assert_ok(strength_load(again, &fact));
	assert_int_equal(space_of(again, UNIX_PEER, "7")->floor, JWT_SVID);
	fact.value.len = 2;
	assert_fails(strength_load(again, &fact), RECORD_CORRUPT);
	fact.value.len = 0;
	assert_fails(strength_load(again, &fact), RECORD_CORRUPT);
	floor[0] = 5;
	fact.value.len = 1;
	assert_fails(strength_load(again, &fact), RECORD_CORRUPT);
	buf_done(&id);
	keyindex_free(index);
	keyindex_free(again);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_name_is_found_in_its_own_namespace_first_and_one_step_away),
	cmocka_unit_test(links_are_bounded),
	cmocka_unit_test(the_order_is_direct_unix_issuer_jwt_svid),
	cmocka_unit_test(facts_are_read_as_they_were_written_and_only_whole),
};

UNIT_MAIN(tests)
