/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "keystore/schema.h"
#include "keystore/stmt.h"

static sqlite3 *memory_store(void)
{
	size_t count;
	const struct schema_step *steps = schema_steps(&count);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_ok(schema_upgrade(db, steps, count));
	return db;
}

static void every_statement_prepares_on_the_current_schema(void **state)
{
	sqlite3 *db = memory_store();
	struct stmt_set set;

	(void)state;
	assert_ok(stmt_set_init(db, &set));
	for (size_t i = 0; i < STMT_COUNT; i++)
		assert_non_null(set.ready[i]);
	stmt_set_done(&set);
	assert_int_equal(sqlite3_close(db), SQLITE_OK); /* not OK while a statement is left */
}

static void statements_do_not_prepare_without_the_tables(void **state)
{
	struct stmt_set set = { 0 };
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_fails(stmt_set_init(db, &set), STORE_IO);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct status put(struct stmt_set *set, struct bytes name, struct bytes value)
{
	AUTO(stmt_end) struct stmt q = stmt_use(set, STMT_KV_PUT);

	stmt_bind_text(&q, name);
	stmt_bind_bytes(&q, value);
	return stmt_run(&q);
}

static void what_is_bound_is_read_back_and_a_use_can_be_repeated(void **state)
{
	sqlite3 *db = memory_store();
	struct stmt_set set;

	(void)state;
	assert_ok(stmt_set_init(db, &set));
	assert_ok(put(&set, BYTES_LITERAL("a"), BYTES_LITERAL("one\0two")));
	assert_ok(put(&set, BYTES_LITERAL("b"), (struct bytes){ 0 }));
	for (int round = 0; round < 2; round++) {
		AUTO(stmt_end) struct stmt q = stmt_use(&set, STMT_KV_GET);
		bool is_row;

		stmt_bind_text(&q, BYTES_LITERAL("a"));
		assert_ok(stmt_row(&q, &is_row));
		assert_true(is_row);
		assert_bytes(stmt_column(&q, 0), BYTES_LITERAL("one\0two"));
		assert_ok(stmt_row(&q, &is_row));
		assert_false(is_row);
	}
	{
		AUTO(stmt_end) struct stmt q = stmt_use(&set, STMT_KV_GET);
		bool is_row;

		stmt_bind_text(&q, BYTES_LITERAL("b"));
		assert_ok(stmt_row(&q, &is_row));
		assert_true(is_row);
		assert_int_equal(stmt_column(&q, 0).len, 0);
	}
	stmt_set_done(&set);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_failed_bind_fails_the_run(void **state)
{
	sqlite3 *db = memory_store();
	struct stmt_set set;

	(void)state;
	assert_ok(stmt_set_init(db, &set));
	{
		AUTO(stmt_end) struct stmt q = stmt_use(&set, STMT_INTENT_DELETE);

		stmt_bind_number(&q, 1);
		stmt_bind_number(&q, 2); /* there is no second parameter */
		assert_fails(stmt_run(&q), STORE_IO);
	}
	stmt_set_done(&set);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void codes_become_a_status_in_one_place(void **state)
{
	static const struct {
		int rc;
		enum status_code want;
	} rows[] = {
		{ SQLITE_FULL, STATUS_STORE_FULL },
		{ SQLITE_NOMEM, STATUS_NO_MEMORY },
		{ SQLITE_IOERR_NOMEM, STATUS_STORE_IO },
		{ SQLITE_CORRUPT, STATUS_RECORD_CORRUPT },
		{ SQLITE_CORRUPT_INDEX, STATUS_RECORD_CORRUPT },
		{ SQLITE_NOTADB, STATUS_RECORD_CORRUPT },
		{ SQLITE_IOERR, STATUS_STORE_IO },
		{ SQLITE_IOERR_FSYNC, STATUS_STORE_IO },
		{ SQLITE_BUSY, STATUS_STORE_IO },
		{ SQLITE_READONLY, STATUS_STORE_IO },
		{ SQLITE_CANTOPEN, STATUS_STORE_IO },
		{ SQLITE_CONSTRAINT_PRIMARYKEY, STATUS_STORE_IO },
		{ SQLITE_ERROR, STATUS_STORE_IO },
	};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_status(stmt_failed(rows[i].rc), rows[i].want);
		fault_take(&fault);
		assert_int_equal(fault.native, rows[i].rc);
	}
}

static int64_t names(sqlite3 *db)
{
	char text[32];

	assert_ok(stmt_text_answer(db, "SELECT count(*) FROM kv", text, sizeof(text)));
	return strtol(text, NULL, 10);
}

static void a_scope_that_was_not_committed_leaves_nothing(void **state)
{
	sqlite3 *db = memory_store();

	(void)state;
	{
		AUTO(stmt_scope_end) struct stmt_scope scope = { 0 };

		assert_ok(stmt_scope_begin(&scope, db));
		assert_ok(stmt_text(db, "INSERT INTO kv VALUES ('a', x'00')"));
	}
	assert_int_equal(names(db), 0);
	{
		AUTO(stmt_scope_end) struct stmt_scope scope = { 0 };

		assert_ok(stmt_scope_begin(&scope, db));
		assert_ok(stmt_text(db, "INSERT INTO kv VALUES ('a', x'00')"));
		assert_ok(stmt_scope_commit(&scope));
	}
	assert_int_equal(names(db), 1);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void text_that_is_wrong_fails_and_no_row_is_an_empty_answer(void **state)
{
	sqlite3 *db = memory_store();
	char text[4];

	(void)state;
	assert_fails(stmt_text(db, "NONSENSE"), STORE_IO);
	assert_fails(stmt_text_answer(db, "NONSENSE", text, sizeof(text)), STORE_IO);
	assert_ok(stmt_text_answer(db, "SELECT 1 WHERE 0", text, sizeof(text)));
	assert_string_equal(text, "");
	assert_ok(stmt_text_answer(db, "SELECT 'abcdef'", text, sizeof(text)));
	assert_string_equal(text, "abc");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_statement_prepares_on_the_current_schema),
	cmocka_unit_test(statements_do_not_prepare_without_the_tables),
	cmocka_unit_test(what_is_bound_is_read_back_and_a_use_can_be_repeated),
	cmocka_unit_test(a_failed_bind_fails_the_run),
	cmocka_unit_test(codes_become_a_status_in_one_place),
	cmocka_unit_test(a_scope_that_was_not_committed_leaves_nothing),
	cmocka_unit_test(text_that_is_wrong_fails_and_no_row_is_an_empty_answer),
};

UNIT_MAIN(tests)
