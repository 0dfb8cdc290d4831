/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "agent/keyindex.h"

static struct keyindex *index_of(size_t max_keys)
{
	struct keyindex *index = NULL;

	assert_ok(keyindex_new(max_keys, &index));
	return index;
}

static struct namespace_name space_name(const char *tenant)
{
	return (struct namespace_name){ 4, BYTES_LITERAL("example.org"), bytes_from_text(tenant), { 0 } };
}

static struct keyindex_space *space_of(struct keyindex *index, const char *tenant)
{
	struct namespace_name name = space_name(tenant);
	struct keyindex_space *space = NULL;

	assert_ok(keyindex_space_make(index, &name, &space));
	return space;
}

static struct key_record *record_of(const char *tenant, const char *name)
{
	struct key_record from = { .space = space_name(tenant),
		.name = bytes_from_text(name),
		.provider = BYTES_LITERAL("soft"),
		.creator = BYTES_LITERAL("spiffe://example.org/a"),
		.generation = 1 };
	struct key_record *record = NULL;

	assert_ok(key_record_new(&from, &record));
	return record;
}

static struct keyindex_entry *take(struct keyindex *index, struct keyindex_space *space, const char *name)
{
	struct keyindex_entry *entry = NULL;

	assert_ok(keyindex_take(index, space, bytes_from_text(name), &entry));
	return entry;
}

static void a_name_is_taken_then_usable_then_withdrawn_then_free(void **state)
{
	struct keyindex *index = index_of(10);
	struct keyindex_space *space = space_of(index, "a");
	struct key_record *record = record_of("a", "web");
	struct keyindex_entry *entry, *second = NULL;
	struct bytes web = BYTES_LITERAL("web");

	(void)state;
	assert_null(keyindex_find(index, space, web));
	entry = take(index, space, "web");
	assert_ptr_equal(keyindex_find(index, space, web), entry);
	assert_false(entry->usable);
	assert_null(entry->record);
	assert_int_equal(space->count, 0);
	assert_fails(keyindex_take(index, space, web, &second), KEY_EXISTS);
	assert_null(second);

	keyindex_publish(entry, record);
	key_record_unref(record); /* the index has its own */
	assert_true(entry->usable);
	assert_bytes(entry->record->name, web);
	assert_int_equal(space->count, 1);
	assert_fails(keyindex_take(index, space, web, &second), KEY_EXISTS);

	keyindex_withdraw(entry);
	keyindex_withdraw(entry);
	assert_false(entry->usable);
	assert_int_equal(space->count, 0);
	assert_ptr_equal(keyindex_find(index, space, web), entry);
	assert_fails(keyindex_take(index, space, web, &second), KEY_EXISTS);

	keyindex_publish(entry, entry->record); /* a destroy that was called off */
	assert_int_equal(space->count, 1);
	keyindex_drop(index, entry);
	assert_null(keyindex_find(index, space, web));
	assert_int_equal(space->count, 0);
	assert_int_equal(keyindex_count(index), 0);
	(void)take(index, space, "web");
	keyindex_free(index);
}

static void one_name_in_two_namespaces_is_two_keys(void **state)
{
	struct keyindex *index = index_of(10);
	struct keyindex_space *a = space_of(index, "a"), *b = space_of(index, "b");
	struct keyindex_entry *in_a = take(index, a, "web"), *in_b = take(index, b, "web");

	(void)state;
	assert_ptr_not_equal(in_a, in_b);
	assert_ptr_equal(keyindex_find(index, a, BYTES_LITERAL("web")), in_a);
	assert_ptr_equal(keyindex_find(index, b, BYTES_LITERAL("web")), in_b);
	keyindex_drop(index, in_a);
	assert_null(keyindex_find(index, a, BYTES_LITERAL("web")));
	assert_ptr_equal(keyindex_find(index, b, BYTES_LITERAL("web")), in_b);
	keyindex_free(index);
}

/* Each of these reads like another when its parts are joined, with or without a separator. */
static void tuples_that_would_collide_as_joined_strings_are_apart(void **state)
{
	static const struct namespace_name names[] = {
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("a"), BYTES_LITERAL("b") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("ab"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL(""), BYTES_LITERAL("ab") },
		{ 4, BYTES_LITERAL("da"), BYTES_LITERAL("b"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL(""), BYTES_LITERAL("dab"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("a/b"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("d/a"), BYTES_LITERAL("b"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("a\0b"), BYTES_LITERAL("") },
		{ 3, BYTES_LITERAL("d"), BYTES_LITERAL("a"), BYTES_LITERAL("b") },
	};
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	struct keyindex *index = index_of(COUNT);
	struct keyindex_space *spaces[COUNT], *again;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		assert_null(keyindex_space_find(index, &names[i]));
		assert_ok(keyindex_space_make(index, &names[i], &spaces[i]));
		assert_int_equal(spaces[i]->name.authenticator, names[i].authenticator);
		assert_bytes(spaces[i]->name.tenant, names[i].tenant);
		(void)take(index, spaces[i], "k");
	}
	for (size_t i = 0; i < COUNT; i++) {
		assert_ptr_equal(keyindex_space_find(index, &names[i]), spaces[i]);
		assert_ok(keyindex_space_make(index, &names[i], &again));
		assert_ptr_equal(again, spaces[i]);
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(spaces[i], spaces[k]);
	}
	keyindex_free(index);
}

static void namespaces_are_chained_in_order_of_making(void **state)
{
	struct keyindex *index = index_of(1);
	struct keyindex_space *a, *b, *c;

	(void)state;
	assert_null(keyindex_spaces(index));
	a = space_of(index, "a");
	b = space_of(index, "b");
	assert_ptr_equal(space_of(index, "a"), a);
	c = space_of(index, "c");
	assert_ptr_equal(keyindex_spaces(index), a);
	assert_ptr_equal(a->all_next, b);
	assert_ptr_equal(b->all_next, c);
	assert_null(c->all_next);
	keyindex_free(index);
}

static void ten_thousand_names_are_found_and_listed(void **state)
{
	enum { COUNT = 10500 };
	struct keyindex *index = index_of(COUNT);
	struct keyindex_space *space = space_of(index, "a");
	struct key_record *record = record_of("a", "any");
	struct keyindex_entry *extra = NULL;
	size_t listed = 0;
	char name[32];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(name, sizeof(name), "key-%d", i);
		keyindex_publish(take(index, space, name), record);
	}
	assert_int_equal(keyindex_count(index), COUNT);
	assert_fails(keyindex_take(index, space, BYTES_LITERAL("one more"), &extra), LIMIT);
	assert_int_equal(space->count, COUNT);
	for (const struct keyindex_entry *e = space->entries; e != NULL; e = e->ns_next)
		listed++;
	assert_int_equal(listed, COUNT);
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(name, sizeof(name), "key-%d", i);
		struct keyindex_entry *entry = keyindex_find(index, space, bytes_from_text(name));

		assert_non_null(entry);
		if (i % 2 == 0)
			keyindex_drop(index, entry);
	}
	listed = 0;
	for (const struct keyindex_entry *e = space->entries; e != NULL; e = e->ns_next)
		listed++;
	assert_int_equal(listed, COUNT / 2);
	assert_int_equal(space->count, COUNT / 2);
	assert_null(keyindex_find(index, space, BYTES_LITERAL("key-10")));
	assert_non_null(keyindex_find(index, space, BYTES_LITERAL("key-11")));
	assert_ok(keyindex_take(index, space, BYTES_LITERAL("one more"), &extra));
	key_record_unref(record);
	keyindex_free(index);
}

static void an_empty_name_is_a_name_and_an_overlong_namespace_is_refused(void **state)
{
	static const uint8_t wide[8192] = { 1 };
	struct keyindex *index = index_of(2);
	struct keyindex_space *space = space_of(index, "a"), *none = NULL;
	struct namespace_name name = space_name("a");
	struct keyindex_entry *entry = take(index, space, ""), *second;

	(void)state;
	assert_ptr_equal(keyindex_find(index, space, (struct bytes){ 0 }), entry);
	assert_fails(keyindex_take(index, space, (struct bytes){ 0 }, &second), KEY_EXISTS);
	name.identity = bytes_of(wide, sizeof(wide));
	assert_fails(keyindex_space_make(index, &name, &none), LIMIT);
	assert_null(keyindex_space_find(index, &name));
	keyindex_free(index);
}

static void the_newest_parent_of_a_provider_is_found(void **state)
{
	struct keyindex *index = index_of(1);
	struct keyindex_space *space = space_of(index, "a");
	struct bytes tpm = BYTES_LITERAL("tpm"), other = BYTES_LITERAL("tpm2");

	(void)state;
	assert_int_equal(keyindex_parent(space, tpm).len, 0);
	assert_ok(keyindex_parent_put(space, tpm, BYTES_LITERAL("first")));
	assert_ok(keyindex_parent_put(space, other, BYTES_LITERAL("theirs")));
	assert_bytes(keyindex_parent(space, tpm), BYTES_LITERAL("first"));
	assert_ok(keyindex_parent_put(space, tpm, BYTES_LITERAL("second")));
	assert_bytes(keyindex_parent(space, tpm), BYTES_LITERAL("second"));
	assert_bytes(keyindex_parent(space, other), BYTES_LITERAL("theirs"));
	keyindex_free(index);
	keyindex_free(NULL);
}

static void used_keys_come_once_and_in_order_and_not_when_dropped(void **state)
{
	struct keyindex *index = index_of(10);
	struct keyindex_space *space = space_of(index, "a");
	struct keyindex_entry *a = take(index, space, "a"), *b = take(index, space, "b"), *c = take(index, space, "c");

	(void)state;
	assert_true(a->number < b->number && b->number < c->number);
	assert_null(keyindex_used_take(index, UINT64_MAX));
	keyindex_use(index, b, 1000, 10);
	keyindex_use(index, a, 1001, 20);
	keyindex_use(index, b, 1002, 30); /* it keeps its place */
	keyindex_use(index, c, 1003, 40);
	assert_int_equal(b->used_s, 1002);
	assert_null(keyindex_used_take(index, 9));
	assert_ptr_equal(keyindex_used_take(index, 10), b);
	assert_null(keyindex_used_take(index, 19));
	keyindex_use(index, b, 1004, 50);
	keyindex_drop(index, c); /* from the middle */
	assert_ptr_equal(keyindex_used_take(index, UINT64_MAX), a);
	keyindex_drop(index, b); /* the last one */
	assert_null(keyindex_used_take(index, UINT64_MAX));
	keyindex_use(index, a, 1005, 60);
	assert_ptr_equal(keyindex_used_take(index, 60), a);
	keyindex_free(index);
}

static void count_tenant(void *context, const struct keyindex_tenant *tenant)
{
	(void)tenant;
	(*(unsigned *)context)++;
}

static void a_tenant_s_names_are_counted_over_all_identities(void **state)
{
	unsigned tenants = 0;
	struct keyindex *index = index_of(10);
	struct namespace_name name = space_name("a"), foreign = space_name("a");
	struct keyindex_space *shared = space_of(index, "a"), *own = NULL, *abroad = NULL;
	struct keyindex_entry *first, *second;
	struct key_record *record = record_of("a", "x");

	(void)state;
	name.identity = BYTES_LITERAL("spiffe://example.org/a");
	assert_ok(keyindex_space_make(index, &name, &own));
	foreign.domain = BYTES_LITERAL("example.com");
	assert_ok(keyindex_space_make(index, &foreign, &abroad));
	assert_ptr_equal(own->tenant, shared->tenant);
	assert_ptr_not_equal(abroad->tenant, shared->tenant);
	first = take(index, shared, "x");
	second = take(index, own, "x");
	assert_int_equal(shared->tenant->names, 2);
	assert_int_equal(abroad->tenant->names, 0);
	assert_int_equal(shared->tenant->names_max, UINT32_MAX); /* not known */
	assert_ptr_equal(keyindex_tenant_find(index, &name), shared->tenant);
	assert_ptr_equal(keyindex_tenant_find(index, &foreign), abroad->tenant);
	foreign.tenant = BYTES_LITERAL("b");
	assert_null(keyindex_tenant_find(index, &foreign));
	keyindex_tenants(index, count_tenant, &tenants);
	assert_int_equal(tenants, 2);
	/* usable or withdrawn, it is taken */
	keyindex_publish(first, record);
	keyindex_withdraw(first);
	assert_int_equal(shared->tenant->names, 2);
	keyindex_drop(index, first);
	keyindex_drop(index, second);
	assert_int_equal(shared->tenant->names, 0);
	key_record_unref(record);
	keyindex_free(index);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(used_keys_come_once_and_in_order_and_not_when_dropped),
	cmocka_unit_test(a_tenant_s_names_are_counted_over_all_identities),
	cmocka_unit_test(a_name_is_taken_then_usable_then_withdrawn_then_free),
	cmocka_unit_test(one_name_in_two_namespaces_is_two_keys),
	cmocka_unit_test(tuples_that_would_collide_as_joined_strings_are_apart),
	cmocka_unit_test(namespaces_are_chained_in_order_of_making),
	cmocka_unit_test(ten_thousand_names_are_found_and_listed),
	cmocka_unit_test(an_empty_name_is_a_name_and_an_overlong_namespace_is_refused),
	cmocka_unit_test(the_newest_parent_of_a_provider_is_found),
};

UNIT_MAIN(tests)
