/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/keystore/fixture.h"

#include <stdio.h>

#include "keystore/stmt.h"

enum { FACTS_MAX = 8 };

struct found {
	struct {
		enum fact_kind kind;
		char id[64], value[64];
		size_t id_len, value_len;
	} facts[FACTS_MAX];
	size_t count;
	size_t damaged;
	bool refuse;
};

static struct status on_fact(void *context, const struct fact *fact)
{
	struct found *found = context;
	size_t i = found->count;

	ENSURE(!found->refuse, NO_MEMORY);
	assert_true(i < FACTS_MAX);
	found->facts[i].kind = fact->kind;
	(void)snprintf(found->facts[i].id, 64, "%.*s", (int)fact->id.len, (const char *)fact->id.data);
	(void)snprintf(found->facts[i].value, 64, "%.*s", (int)fact->value.len, (const char *)fact->value.data);
	found->facts[i].id_len = fact->id.len;
	found->facts[i].value_len = fact->value.len;
	found->count++;
	return OK;
}

static struct status load(struct keystore *store, struct found *found)
{
	const struct keystore_visitor visitor = { .context = found, .fact = on_fact };

	*found = (struct found){ .refuse = found->refuse };
	return keystore_load(store, &visitor);
}

static struct fact fact_of(enum fact_kind kind, const char *id, const char *value)
{
	return (struct fact){ kind, bytes_from_text(id), bytes_from_text(value) };
}

static struct status put(struct keystore *store, struct fact fact)
{
	struct status st;

	TRY(keystore_begin(store));
	st = keystore_fact_put(store, &fact);
	if (st.code == STATUS_OK)
		return keystore_commit(store);
	keystore_rollback(store);
	return st;
}

static const char *value_of(const struct found *found, enum fact_kind kind, const char *id)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->facts[i].kind == kind && strcmp(found->facts[i].id, id) == 0)
			return found->facts[i].value;
	return "absent";
}

static void facts_are_kept_replaced_and_deleted_by_kind_and_id(void **state)
{
	struct found found = { 0 };
	struct keystore *store;
	struct fixture f;
	struct fact gone = fact_of(FACT_LINK, "a", "");

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(put(store, fact_of(FACT_REVOCATION, "a", "one")));
	assert_ok(put(store, fact_of(FACT_LINK, "a", "two")));
	assert_ok(put(store, fact_of(FACT_LINK, "", "of nobody")));
	assert_ok(put(store, fact_of(FACT_REVOCATION, "a", "three")));
	assert_ok(put(store, fact_of(FACT_CLOCK, "b", "")));
	keystore_close(store);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(load(store, &found));
	assert_int_equal(found.count, 4);
	assert_string_equal(value_of(&found, FACT_REVOCATION, "a"), "three");
	assert_string_equal(value_of(&found, FACT_LINK, "a"), "two");
	assert_string_equal(value_of(&found, FACT_LINK, ""), "of nobody");
	assert_string_equal(value_of(&found, FACT_CLOCK, "b"), "");
	assert_ok(keystore_begin(store));
	assert_ok(keystore_fact_delete(store, &gone));
	assert_ok(keystore_fact_delete(store, &gone)); /* once more is no failure */
	assert_ok(keystore_commit(store));
	assert_ok(load(store, &found));
	assert_int_equal(found.count, 3);
	assert_string_equal(value_of(&found, FACT_REVOCATION, "a"), "three");
	keystore_close(store);
	fixture_end(&f);
}

static void a_fact_has_bounds(void **state)
{
	static uint8_t bytes[KEYSTORE_FACT_MAX + 1];
	struct bytes id = bytes_of(bytes, KEYSTORE_FACT_ID_MAX), value = bytes_of(bytes, KEYSTORE_FACT_MAX);
	struct found found = { 0 };
	struct keystore *store;
	struct fixture f;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(put(store, (struct fact){ FACT_LINK, id, value }));
	assert_fails(put(store, (struct fact){ FACT_LINK, bytes_of(bytes, id.len + 1), value }), LIMIT);
	assert_fails(put(store, (struct fact){ FACT_LINK, id, bytes_of(bytes, value.len + 1) }), LIMIT);
	assert_fails(put(store, (struct fact){ FACT_NONE, id, value }), LIMIT);
	assert_fails(put(store, (struct fact){ FACT_KIND_COUNT, id, value }), LIMIT);
	assert_ok(load(store, &found));
	assert_int_equal(found.count, 1);
	assert_int_equal(found.facts[0].id_len, id.len);
	assert_int_equal(found.facts[0].value_len, value.len);
	keystore_close(store);
	fixture_end(&f);
}

static void outside_a_transaction_nothing_is_written(void **state)
{
	struct fact fact = fact_of(FACT_LINK, "a", "b");
	struct keystore *store;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_fails(keystore_fact_put(store, &fact), STORE_IO);
	assert_fails(keystore_fact_delete(store, &fact), STORE_IO);
	keystore_close(store);
	fixture_end(&f);
}

static void a_visitor_that_fails_stops_the_load(void **state)
{
	struct found found = { .refuse = true };
	struct keystore *store;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(put(store, fact_of(FACT_LINK, "a", "b")));
	assert_fails(load(store, &found), NO_MEMORY);
	keystore_close(store);
	fixture_end(&f);
}

/* What a fact forbids must not become allowed by damage. */
static void a_fact_changed_behind_the_stores_back_ends_the_load(void **state)
{
	static const char *const acts[] = {
		"UPDATE fact SET kind = 7 WHERE kind = 1",
		"UPDATE fact SET kind = 99",
		"UPDATE fact SET kind = 0",
		"UPDATE fact SET id = zeroblob(32) WHERE kind = 1",
		"UPDATE fact SET record = zeroblob(80)",
		"UPDATE fact SET record = x''",
		"UPDATE fact SET record = substr(record, 1, length(record) - 1)",
		"UPDATE fact SET record = (SELECT record FROM fact WHERE kind = 2) WHERE kind = 1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		struct found found = { 0 };
		struct keystore *store;
		struct fixture f;

		fixture_begin(&f);
		assert_ok(keystore_open(f.directory, &store));
		assert_ok(put(store, fact_of(FACT_REVOCATION, "a", "b")));
		assert_ok(put(store, fact_of(FACT_CLOCK, "a", "b")));
		keystore_close(store);
		fixture_exec(&f, acts[i]);
		assert_ok(keystore_open(f.directory, &store));
		if (load(store, &found).code != STATUS_RECORD_CORRUPT)
			fail_msg("%s", acts[i]);
		keystore_close(store);
		fixture_end(&f);
	}
}

static struct status on_damage(void *context, const struct keystore_damage *damage)
{
	struct found *found = context;

	assert_int_equal(damage->table, KEYSTORE_FACT);
	assert_true(damage->has_id);
	found->damaged++;
	return OK;
}

/* It is heard anew; other facts are not lost like that, nor this one where nobody wants to hear of it. */
static void damage_to_what_was_believed_is_reported_and_the_rest_is_loaded(void **state)
{
	struct found found = { 0 };
	const struct keystore_visitor visitor = { .context = &found, .fact = on_fact, .damaged = on_damage };
	struct keystore *store;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(put(store, fact_of(FACT_TRUST, "a", "b")));
	assert_ok(put(store, fact_of(FACT_ISSUER, "a", "b")));
	assert_ok(put(store, fact_of(FACT_REVOCATION, "a", "b")));
	keystore_close(store);
	fixture_exec(&f, "UPDATE fact SET record = zeroblob(80) WHERE kind IN (10, 11)");
	assert_ok(keystore_open(f.directory, &store));
	assert_fails(load(store, &found), RECORD_CORRUPT);
	found = (struct found){ 0 };
	assert_ok(keystore_load(store, &visitor));
	assert_int_equal(found.count, 1);
	assert_int_equal(found.facts[0].kind, FACT_REVOCATION);
	assert_int_equal(found.damaged, 2);
	assert_ok(put(store, fact_of(FACT_TRUST, "a", "c"))); /* in their places */
	assert_ok(put(store, fact_of(FACT_ISSUER, "a", "d")));
	found = (struct found){ 0 };
	assert_ok(keystore_load(store, &visitor));
	assert_int_equal(found.damaged, 0);
	assert_string_equal(value_of(&found, FACT_TRUST, "a"), "c");
	assert_string_equal(value_of(&found, FACT_ISSUER, "a"), "d");
	keystore_close(store);
	fixture_exec(&f, "UPDATE fact SET record = zeroblob(80) WHERE kind = 1");
	assert_ok(keystore_open(f.directory, &store));
	found = (struct found){ 0 };
	assert_fails(keystore_load(store, &visitor), RECORD_CORRUPT);
	keystore_close(store);
	fixture_end(&f);
}

/* The kind that a row seems to have may be what is damaged. */
static void what_forbids_is_not_lost_under_a_kind_that_may_be(void **state)
{
	static const char *const acts[] = { "UPDATE fact SET kind = 10", "UPDATE fact SET kind = 11" };
	struct found found = { 0 };
	const struct keystore_visitor visitor = { .context = &found, .fact = on_fact, .damaged = on_damage };
	struct keystore *store;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(put(store, fact_of(FACT_REVOCATION, "a", "b")));
	keystore_close(store);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		fixture_exec(&f, acts[i]);
		assert_ok(keystore_open(f.directory, &store));
		assert_fails(keystore_load(store, &visitor), RECORD_CORRUPT);
		keystore_close(store);
	}
	assert_int_equal(found.damaged, 0);
	fixture_exec(&f, "UPDATE fact SET kind = 1");
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(keystore_load(store, &visitor));
	assert_int_equal(found.count, 1);
	keystore_close(store);
	fixture_end(&f);
}

static void no_id_stands_in_a_column(void **state)
{
	char text[64];
	struct keystore *store;
	struct fixture f;
	sqlite3 *db;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(put(store, fact_of(FACT_REVOCATION, "spiffe://prod.example/a", "b")));
	keystore_close(store);
	db = fixture_raw(&f);
	assert_ok(stmt_text_answer(db, "SELECT count(*) FROM fact WHERE instr(id, 'prod') > 0", text, sizeof(text)));
	assert_string_equal(text, "0");
	assert_ok(stmt_text_answer(db, "SELECT count(*) FROM fact", text, sizeof(text)));
	assert_string_equal(text, "1");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fixture_end(&f);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(facts_are_kept_replaced_and_deleted_by_kind_and_id),
	cmocka_unit_test(a_fact_has_bounds),
	cmocka_unit_test(outside_a_transaction_nothing_is_written),
	cmocka_unit_test(a_visitor_that_fails_stops_the_load),
	cmocka_unit_test(a_fact_changed_behind_the_stores_back_ends_the_load),
	cmocka_unit_test(damage_to_what_was_believed_is_reported_and_the_rest_is_loaded),
	cmocka_unit_test(what_forbids_is_not_lost_under_a_kind_that_may_be),
	cmocka_unit_test(no_id_stands_in_a_column),
};

UNIT_MAIN(tests)
