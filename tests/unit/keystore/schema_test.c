/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/keystore/fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "keystore/schema.h"
#include "keystore/stmt.h"

static long number(sqlite3 *db, const char *sql)
{
	char text[32];

	assert_ok(stmt_text_answer(db, sql, text, sizeof(text)));
	return strtol(text, NULL, 10);
}

static void a_file_from_nothing_reaches_the_newest_version(void **state)
{
	struct fixture f;
	sqlite3 *db = NULL;
	size_t count;

	(void)state;
	(void)schema_steps(&count);
	fixture_begin(&f);
	assert_ok(schema_open(f.directory, NULL, &db));
	assert_int_equal(number(db, "PRAGMA user_version"), count);
	assert_int_equal(number(db, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN"
				    " ('key', 'namespace', 'intent', 'kv', 'fact')"),
		5);
	schema_close(db);
	assert_ok(schema_open(f.directory, NULL, &db)); /* and stays there */
	assert_int_equal(number(db, "PRAGMA user_version"), count);
	schema_close(db);
	fixture_end(&f);
}

static void every_version_from_zero_is_brought_up(void **state)
{
	size_t count;
	const struct schema_step *steps = schema_steps(&count);

	(void)state;
	for (size_t from = 0; from <= count; from++) {
		sqlite3 *db;

		assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
		assert_ok(schema_upgrade(db, steps, from));
		assert_int_equal(number(db, "PRAGMA user_version"), from);
		assert_ok(schema_upgrade(db, steps, count));
		assert_int_equal(number(db, "PRAGMA user_version"), count);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
	}
}

static void a_step_that_fails_leaves_the_version_before_it(void **state)
{
	static const struct schema_step steps[] = {
		{ "CREATE TABLE a (x)" },
		{ "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2)" },
		{ "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)" },
	};
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_fails(schema_upgrade(db, steps, 3), STORE_IO);
	assert_int_equal(number(db, "PRAGMA user_version"), 2);
	assert_int_equal(number(db, "SELECT y FROM a"), 2);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
	assert_int_equal(sqlite3_get_autocommit(db), 1);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_store_is_refused_and_left_as_it_is(void **state)
{
	struct fixture f;
	sqlite3 *db = NULL;

	(void)state;
	fixture_begin(&f);
	assert_ok(schema_open(f.directory, NULL, &db));
	schema_close(db);
	fixture_exec(&f, "PRAGMA user_version = 1000");
	assert_fails(schema_open(f.directory, NULL, &db), STORE_NEWER);
	db = fixture_raw(&f);
	assert_int_equal(number(db, "PRAGMA user_version"), 1000);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fixture_end(&f);
}

static void files_that_are_not_ours_are_refused(void **state)
{
	static const char *const makes[] = {
		"CREATE TABLE someone (x)",
		"PRAGMA application_id = 7",
		"PRAGMA user_version = -1; PRAGMA application_id = 1263690870",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++) {
		struct fixture f;
		sqlite3 *db = NULL;

		fixture_begin(&f);
		fixture_exec(&f, makes[i]);
		assert_fails(schema_open(f.directory, NULL, &db), RECORD_CORRUPT);
		fixture_end(&f);
	}
}

static void write_file(const struct fixture *f, const void *data, size_t len)
{
	FILE *file = fopen(f->file, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void garbage_is_refused(void **state)
{
	char garbage[8192];
	struct fixture f;
	sqlite3 *db = NULL;

	(void)state;
	fixture_begin(&f);
	memset(garbage, 'x', sizeof(garbage));
	write_file(&f, garbage, sizeof(garbage));
	assert_fails(schema_open(f.directory, NULL, &db), RECORD_CORRUPT);
	fixture_end(&f);
}

/* A page of a table overwritten: found when the store is opened, not when the row is needed. */
static void a_damaged_page_is_found_at_the_open(void **state)
{
	uint8_t noise[4096];
	struct fixture f;
	sqlite3 *db = NULL;
	FILE *file;

	(void)state;
	fixture_begin(&f);
	assert_ok(schema_open(f.directory, NULL, &db));
	for (int i = 0; i < 40; i++)
		assert_ok(stmt_text(db, "INSERT INTO kv VALUES (hex(randomblob(8)), zeroblob(900))"));
	schema_close(db);
	file = fopen(f.file, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, -2 * 4096, SEEK_END), 0);
	memset(noise, 0xa5, sizeof(noise));
	assert_int_equal(fwrite(noise, 1, sizeof(noise), file), sizeof(noise));
	assert_int_equal(fclose(file), 0);
	assert_fails(schema_open(f.directory, NULL, &db), RECORD_CORRUPT);
	fixture_end(&f);
}

static mode_t mode_of(const char *path)
{
	struct stat facts;

	assert_int_equal(stat(path, &facts), 0);
	return facts.st_mode & 07777;
}

static void the_file_and_its_log_are_born_closed_to_others(void **state)
{
	struct fixture f;
	char wal[100];
	mode_t was = umask(0);
	sqlite3 *db = NULL;

	(void)state;
	fixture_begin(&f);
	assert_ok(schema_open(f.directory, NULL, &db));
	(void)umask(was);
	(void)snprintf(wal, sizeof(wal), "%s-wal", f.file);
	assert_int_equal(mode_of(f.file), 0600);
	assert_int_equal(mode_of(wal), 0600);
	schema_close(db);
	assert_int_equal(chmod(f.file, 0644), 0);
	assert_ok(schema_open(f.directory, NULL, &db));
	assert_int_equal(mode_of(f.file), 0600);
	schema_close(db);
	fixture_end(&f);
}

static void a_link_in_place_of_the_file_is_refused(void **state)
{
	struct fixture f;
	sqlite3 *db = NULL;

	(void)state;
	fixture_begin(&f);
	assert_int_equal(symlink("/tmp/elsewhere.db", f.file), 0);
	assert_fails(schema_open(f.directory, NULL, &db), STORE_IO);
	assert_int_equal(unlink(f.file), 0);
	assert_int_equal(mkdir(f.file, 0700), 0);
	assert_fails(schema_open(f.directory, NULL, &db), STORE_IO);
	assert_int_equal(rmdir(f.file), 0);
	fixture_end(&f);
}

static void directories_that_cannot_be_used_are_refused(void **state)
{
	char long_path[5000];
	sqlite3 *db = NULL;

	(void)state;
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_fails(schema_open("/nonexistent/keystore", NULL, &db), STORE_IO);
	assert_fails(schema_open(long_path, NULL, &db), STORE_IO);
}

static void an_unknown_vfs_is_refused(void **state)
{
	struct fixture f;
	sqlite3 *db = NULL;

	(void)state;
	fixture_begin(&f);
	assert_fails(schema_open(f.directory, "no-such-vfs", &db), STORE_IO);
	fixture_end(&f);
}

static void a_second_opener_is_refused_until_the_first_closes(void **state)
{
	struct fixture f;
	sqlite3 *first = NULL, *second = NULL;

	(void)state;
	fixture_begin(&f);
	assert_ok(schema_open(f.directory, NULL, &first));
	assert_fails(schema_open(f.directory, NULL, &second), STORE_IO);
	schema_close(first);
	assert_ok(schema_open(f.directory, NULL, &second));
	schema_close(second);
	fixture_end(&f);
}

static void the_settings_are_those_that_the_design_names(void **state)
{
	static const struct {
		const char *get, *want;
	} rows[] = {
		{ "PRAGMA journal_mode", "wal" },
		{ "PRAGMA synchronous", "2" }, /* FULL */
		{ "PRAGMA secure_delete", "1" },
		{ "PRAGMA trusted_schema", "0" },
		{ "PRAGMA cell_size_check", "1" },
		{ "PRAGMA temp_store", "2" },
		{ "PRAGMA mmap_size", "0" },
		{ "PRAGMA locking_mode", "exclusive" },
	};
	char answer[32];
	struct fixture f;
	sqlite3 *db = NULL;

	(void)state;
	fixture_begin(&f);
	assert_ok(schema_open(f.directory, NULL, &db));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_ok(stmt_text_answer(db, rows[i].get, answer, sizeof(answer)));
		assert_string_equal(answer, rows[i].want);
	}
	assert_fails(stmt_text(db, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = ''"), STORE_IO);
	schema_close(db);
	fixture_end(&f);
}

static bool file_holds(const char *path, struct bytes what)
{
	static uint8_t data[1 << 20];
	FILE *file = fopen(path, "r");
	size_t len;

	assert_non_null(file);
	len = fread(data, 1, sizeof(data), file);
	assert_int_equal(fclose(file), 0);
	return memmem(data, len, what.data, what.len) != NULL;
}

static void what_was_deleted_is_gone_from_the_file(void **state)
{
	struct fixture f;
	sqlite3 *db = NULL;

	(void)state;
	fixture_begin(&f);
	assert_ok(schema_open(f.directory, NULL, &db));
	assert_ok(stmt_text(db, "INSERT INTO kv VALUES ('a', CAST('marker-of-a-deleted-row' AS BLOB))"));
	schema_close(db);
	assert_true(file_holds(f.file, BYTES_LITERAL("marker-of-a-deleted-row")));
	assert_ok(schema_open(f.directory, NULL, &db));
	assert_ok(stmt_text(db, "DELETE FROM kv"));
	schema_close(db);
	assert_false(file_holds(f.file, BYTES_LITERAL("marker-of-a-deleted-row")));
	fixture_end(&f);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_from_nothing_reaches_the_newest_version),
	cmocka_unit_test(every_version_from_zero_is_brought_up),
	cmocka_unit_test(a_step_that_fails_leaves_the_version_before_it),
	cmocka_unit_test(a_newer_store_is_refused_and_left_as_it_is),
	cmocka_unit_test(files_that_are_not_ours_are_refused),
	cmocka_unit_test(garbage_is_refused),
	cmocka_unit_test(a_damaged_page_is_found_at_the_open),
	cmocka_unit_test(the_file_and_its_log_are_born_closed_to_others),
	cmocka_unit_test(a_link_in_place_of_the_file_is_refused),
	cmocka_unit_test(directories_that_cannot_be_used_are_refused),
	cmocka_unit_test(an_unknown_vfs_is_refused),
	cmocka_unit_test(a_second_opener_is_refused_until_the_first_closes),
	cmocka_unit_test(the_settings_are_those_that_the_design_names),
	cmocka_unit_test(what_was_deleted_is_gone_from_the_file),
};

UNIT_MAIN(tests)
