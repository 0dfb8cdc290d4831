/* SPDX-License-Identifier: Apache-2.0
 *
 * The store on a disk that forgets what was not synced, and on one that fails.  A job is what a create is to the agent:
 * an intent, then in one transaction the key and the number of its line, then the intent's deletion.  After each
 * commit that returned OK its effect is acknowledged; the test holds the store to that. */
#include "tests/unit/keystore/fixture.h"

#include "tests/support/vfs_shim.h"

enum { JOBS = 6, CALLS_MAX = 2000, BATCH = 200 };

enum progress { NOTHING = 0, INTENT_MADE, KEY_MADE, INTENT_GONE };

struct run {
	enum progress acknowledged[JOBS];
	bool store_made;
};

static void name_of(int job, char ret[8])
{
	(void)snprintf(ret, 8, "key-%d", job);
}

static struct status make_intent(struct keystore *store, const struct key_record *key, int64_t *ret_id)
{
	struct intent intent = fixture_intent(key, INTENT_CREATE);

	TRY(keystore_begin(store));
	TRY(keystore_intent_put(store, &intent, ret_id));
	return keystore_commit(store);
}

static struct status make_key(struct keystore *store, const struct key_record *key, int64_t id, int job)
{
	TRY(keystore_begin(store));
	TRY(keystore_savepoint(store));
	TRY(keystore_key_put(store, key));
	TRY(keystore_intent_number(store, id, 100 + (uint64_t)job));
	TRY(keystore_release(store));
	return keystore_commit(store);
}

static struct status drop_intent(struct keystore *store, int64_t id)
{
	TRY(keystore_begin(store));
	TRY(keystore_intent_delete(store, id));
	return keystore_commit(store);
}

static struct status one_job(struct keystore *store, struct run *run, int job)
{
	struct key_record key;
	char name[8];
	int64_t id;

	name_of(job, name);
	key = fixture_key(store, name);
	TRY(make_intent(store, &key, &id));
	run->acknowledged[job] = INTENT_MADE;
	TRY(make_key(store, &key, id, job));
	run->acknowledged[job] = KEY_MADE;
	TRY(drop_intent(store, id));
	run->acknowledged[job] = INTENT_GONE;
	return OK;
}

/* All jobs, as far as they go; a failure of one does not stop the next. */
static void work(const struct fixture *f, struct run *run)
{
	struct keystore *store = NULL;

	*run = (struct run){ 0 };
	if (keystore_open_vfs(f->directory, VFS_SHIM_NAME, &store).code != STATUS_OK)
		return;
	run->store_made = true;
	for (int job = 0; job < JOBS; job++)
		if (one_job(store, run, job).code != STATUS_OK)
			keystore_rollback(store);
	keystore_close(store);
}

static bool intent_of(const struct fixture_rows *rows, const struct keystore_id *key, uint64_t *ret_seq)
{
	for (size_t i = 0; i < rows->intent_count; i++)
		if (memcmp(&rows->intents[i].key, key, sizeof(*key)) == 0) {
			*ret_seq = rows->intents[i].seq;
			return true;
		}
	return false;
}

/* What was acknowledged is there; what was not is there whole or not at all; never a key without its number. */
static void check(const struct fixture *f, const struct run *run)
{
	struct keystore *store = NULL;
	struct fixture_rows rows;

	assert_ok(keystore_open(f->directory, &store));
	assert_ok(fixture_load(store, &rows));
	for (int job = 0; job < JOBS; job++) {
		struct key_record want;
		bool has_key, has_intent;
		uint64_t seq = 0;
		char name[8];

		name_of(job, name);
		want = fixture_key(store, name);
		has_key = fixture_find(&rows, name) != NULL;
		has_intent = intent_of(&rows, &want.id, &seq);
		assert_true(has_key || run->acknowledged[job] < KEY_MADE);
		assert_true(has_intent || has_key || run->acknowledged[job] < INTENT_MADE);
		assert_false(has_intent && run->acknowledged[job] == INTENT_GONE);
		if (has_intent)
			assert_int_equal(seq, has_key ? 100 + (uint64_t)job : 0);
		if (run->acknowledged[job] == NOTHING)
			assert_false(has_key);
	}
	fixture_rows_done(&rows);
	keystore_close(store);
}

static void every_commit_is_synced_before_it_returns(void **state)
{
	const struct vfs_shim_plan plan = { 0 };
	struct keystore *store = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	vfs_shim_start(&plan);
	assert_ok(keystore_open_vfs(f.directory, VFS_SHIM_NAME, &store));
	for (int i = 0; i < 20; i++) {
		unsigned before = vfs_shim_seen().wal_syncs;
		struct key_record key;
		char name[8];

		name_of(i, name);
		key = fixture_key(store, name);
		assert_ok(fixture_put(store, &key));
		assert_true(vfs_shim_seen().wal_syncs > before);
	}
	keystore_close(store);
	fixture_end(&f);
}

/* The power goes before each changing call in turn, and the disk keeps nothing unsynced, or some of it. */
static void power_lost_anywhere_loses_nothing_acknowledged(void **state)
{
	static const unsigned seeds[] = { 0, 1, 2, 3 };
	unsigned points = 0;

	(void)state;
	for (size_t s = 0; s < sizeof(seeds) / sizeof(seeds[0]); s++)
		for (unsigned at = 1; at < CALLS_MAX; at++) {
			const struct vfs_shim_plan plan = { .kill_at = at, .seed = seeds[s] };
			struct run run;
			struct fixture f;
			bool killed;

			fixture_begin(&f);
			vfs_shim_start(&plan);
			work(&f, &run);
			killed = vfs_shim_seen().killed;
			vfs_shim_settle();
			check(&f, &run);
			fixture_end(&f);
			if (!killed)
				break;
			points++;
		}
	printf("power lost at %u points\n", points);
	assert_true(points > 4 * 50);
}

static void exec(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* Without syncs the same test must find losses: the shim forgets indeed. */
static void what_was_not_synced_is_forgotten_by_the_shim(void **state)
{
	const struct vfs_shim_plan plan = { 0 };
	sqlite3 *db;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	vfs_shim_start(&plan);
	assert_int_equal(
		sqlite3_open_v2(f.file, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, VFS_SHIM_NAME), SQLITE_OK);
	exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "CREATE TABLE a (x)");
	exec(db, "PRAGMA synchronous = OFF; CREATE TABLE b (x)");
	vfs_shim_kill();
	(void)sqlite3_close(db);
	vfs_shim_settle();
	db = fixture_raw(&f);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM a", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM b", NULL, NULL, NULL), SQLITE_ERROR);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fixture_end(&f);
}

static void fail_everywhere(int code, bool for_good)
{
	unsigned points = 0;

	for (unsigned at = 1; at < CALLS_MAX; at++) {
		const struct vfs_shim_plan plan = { .fail_at = at, .fail_for_good = for_good, .fail_code = code };
		struct run run;
		struct fixture f;
		bool failed;

		fixture_begin(&f);
		vfs_shim_start(&plan);
		work(&f, &run);
		failed = vfs_shim_seen().failed;
		check(&f, &run);
		fixture_end(&f);
		if (!failed)
			break;
		points++;
	}
	printf("code %d at %u points\n", code, points);
	assert_true(points > 50);
}

static void an_input_output_error_anywhere_loses_nothing_acknowledged(void **state)
{
	(void)state;
	fail_everywhere(SQLITE_IOERR_WRITE, false);
	fail_everywhere(SQLITE_IOERR_FSYNC, true);
}

static void a_full_disk_anywhere_loses_nothing_acknowledged(void **state)
{
	(void)state;
	fail_everywhere(SQLITE_FULL, false);
	fail_everywhere(SQLITE_FULL, true);
}

static void failure_is_told_apart(void **state)
{
	static const struct {
		int code;
		enum status_code want;
	} rows[] = { { SQLITE_FULL, STATUS_STORE_FULL }, { SQLITE_IOERR_WRITE, STATUS_STORE_IO },
		{ SQLITE_IOERR_FSYNC, STATUS_STORE_IO } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vfs_shim_plan plan = { 0 };
		struct keystore *store = NULL;
		struct key_record key;
		struct fixture f;

		fixture_begin(&f);
		vfs_shim_start(&plan);
		assert_ok(keystore_open_vfs(f.directory, VFS_SHIM_NAME, &store));
		plan = (struct vfs_shim_plan){ .fail_at = 1, .fail_for_good = true, .fail_code = rows[i].code };
		key = fixture_key(store, "web");
		vfs_shim_replan(&plan);
		assert_status(fixture_put(store, &key), rows[i].want);
		plan.fail_at = 0;
		vfs_shim_replan(&plan);
		assert_ok(fixture_put(store, &key)); /* and over when the fault is */
		keystore_close(store);
		fixture_end(&f);
	}
}

/* One batch so large that SQLite writes pages before its commit; returns whether every job was done. */
static bool large_batch(struct keystore *store)
{
	static const uint8_t blob[KEYSTORE_BLOB_MAX];
	bool all_done = true;

	for (int job = 0; job < BATCH; job++) {
		struct key_record key;
		char name[8];

		name_of(job, name);
		key = fixture_key(store, name);
		key.blob = bytes_of(blob, sizeof(blob));
		all_done &= keystore_savepoint(store).code == STATUS_OK;
		if (keystore_key_put(store, &key).code != STATUS_OK) {
			keystore_rewind(store);
			all_done = false;
		} else {
			all_done &= keystore_release(store).code == STATUS_OK;
		}
	}
	return all_done;
}

/* SQLite rolls a whole batch back after some failures; a later job of the batch must not be committed alone. */
static void after_a_lost_batch_nothing_of_it_is_committed(void **state)
{
	static const unsigned points[] = { 1, 2, 3, 10, 50, 51 };
	unsigned lost_in_the_middle = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct vfs_shim_plan plan = { 0 };
		struct keystore *store = NULL;
		struct fixture_rows rows;
		struct fixture f;
		bool all_done;

		fixture_begin(&f);
		vfs_shim_start(&plan);
		assert_ok(keystore_open_vfs(f.directory, VFS_SHIM_NAME, &store));
		plan = (struct vfs_shim_plan){ .fail_at = points[i], .fail_code = SQLITE_FULL };
		vfs_shim_replan(&plan);
		assert_ok(keystore_begin(store));
		all_done = large_batch(store);
		lost_in_the_middle += !all_done;
		assert_true(vfs_shim_seen().failed);
		assert_fails(keystore_commit(store), STORE_IO);
		keystore_rollback(store);
		assert_ok(fixture_load(store, &rows));
		assert_int_equal(rows.key_count, 0);
		keystore_close(store);
		fixture_end(&f);
	}
	assert_true(lost_in_the_middle > 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_commit_is_synced_before_it_returns),
	cmocka_unit_test(power_lost_anywhere_loses_nothing_acknowledged),
	cmocka_unit_test(what_was_not_synced_is_forgotten_by_the_shim),
	cmocka_unit_test(an_input_output_error_anywhere_loses_nothing_acknowledged),
	cmocka_unit_test(a_full_disk_anywhere_loses_nothing_acknowledged),
	cmocka_unit_test(failure_is_told_apart),
	cmocka_unit_test(after_a_lost_batch_nothing_of_it_is_committed),
};

UNIT_MAIN(tests)
