/* SPDX-License-Identifier: Apache-2.0 */
#include "keystore/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "keystore/stmt.h"

enum {
	PATH_BYTES = 4096,
	ANSWER_BYTES = 64,
	NUMBER_BYTES = 32,
};

static const char FILE_NAME[] = "keys.db";

/* id and ns are HMACs; record is an envelope of record.h.  A namespace may have a parent on several devices.  Numbers
 * of intents are never used twice, so that a late deletion cannot meet a younger row. */
static const struct schema_step steps_[] = {
	{ "CREATE TABLE key (id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),"
	  " ns BLOB NOT NULL CHECK (length(ns) = 32), provider TEXT NOT NULL, state INTEGER NOT NULL,"
	  " generation INTEGER NOT NULL, record BLOB NOT NULL) STRICT;"
	  "CREATE TABLE namespace (id BLOB NOT NULL CHECK (length(id) = 32), provider TEXT NOT NULL,"
	  " record BLOB NOT NULL, PRIMARY KEY (id, provider)) STRICT;"
	  "CREATE TABLE intent (id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL, op INTEGER NOT NULL,"
	  " key BLOB NOT NULL, node BLOB NOT NULL, hardware_id BLOB NOT NULL, record BLOB NOT NULL) STRICT;"
	  "CREATE TABLE kv (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT;" },
	{ "CREATE TABLE fact (id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32), kind INTEGER NOT NULL,"
	  " record BLOB NOT NULL) STRICT;" },
};

const struct schema_step *schema_steps(size_t *ret_count)
{
	*ret_count = sizeof(steps_) / sizeof(steps_[0]);
	return steps_;
}

/* ---- version ------------------------------------------------------------------------------------ */

static struct status number_of(sqlite3 *db, const char *sql, long *ret_number)
{
	char text[NUMBER_BYTES];

	TRY(stmt_text_answer(db, sql, text, sizeof(text)));
	*ret_number = strtol(text, NULL, 10);
	return OK;
}

/* A new file has no tables and no mark; anything else must carry ours. */
static struct status check_ours(sqlite3 *db)
{
	long mark, tables;

	TRY(number_of(db, "PRAGMA application_id", &mark));
	TRY(number_of(db, "SELECT count(*) FROM sqlite_schema", &tables));
	ENSURE(mark == SCHEMA_APPLICATION_ID || (mark == 0 && tables == 0), RECORD_CORRUPT);
	return OK;
}

static struct status check_version(sqlite3 *db, size_t newest, size_t *ret_version)
{
	long version;

	TRY(number_of(db, "PRAGMA user_version", &version));
	ENSURE(version >= 0, RECORD_CORRUPT);
	ENSURE((size_t)version <= newest, STORE_NEWER);
	*ret_version = (size_t)version;
	return OK;
}

static struct status run_step(sqlite3 *db, const struct schema_step *step, size_t version)
{
	AUTO(stmt_scope_end) struct stmt_scope scope = { 0 };
	char mark[128];

	(void)snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %zu",
		SCHEMA_APPLICATION_ID, version);
	TRY(stmt_scope_begin(&scope, db));
	TRY(stmt_text(db, step->sql));
	TRY(stmt_text(db, mark));
	return stmt_scope_commit(&scope);
}

struct status schema_upgrade(sqlite3 *db, const struct schema_step *steps, size_t count)
{
	size_t version;

	TRY(check_version(db, count, &version));
	for (; version < count; version++)
		TRY(run_step(db, &steps[version], version + 1));
	return OK;
}

/* ---- the file ----------------------------------------------------------------------------------- */

static struct status sync_directory(const char *directory)
{
	AUTO(own_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return FAIL_RC(STORE_IO, errno);
	return OK;
}

/* SQLite would make it with the umask's mode; WAL and journal files take the mode of this one. */
static struct status make_file(const char *directory, const char *path)
{
	AUTO(own_close) int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat facts;

	if (fd < 0)
		return errno == ENOSPC ? FAIL_RC(STORE_FULL, errno) : FAIL_RC(STORE_IO, errno);
	ENSURE(fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode), STORE_IO);
	/* Nobody else's file, and nobody else's to read: what was opened up since is closed again. */
	ENSURE(facts.st_uid == geteuid(), STORE_IO);
	ENSURE((facts.st_mode & 077) == 0 || fchmod(fd, 0600) == 0, STORE_IO);
	return facts.st_size == 0 ? sync_directory(directory) : OK;
}

static struct status set_switches(sqlite3 *db)
{
	static const struct {
		int op;
		int value;
	} switches[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 }, { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 }, { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 }, { SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 }, /* until we know that it is ours to write */
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		int now = -1;
		int rc = sqlite3_db_config(db, switches[i].op, switches[i].value, &now);

		if (rc != SQLITE_OK || now != switches[i].value)
			return FAIL_RC(STORE_IO, rc);
	}
	return OK;
}

struct setting {
	const char *set;
	const char *get;
	const char *want;
};

static struct status apply(sqlite3 *db, const struct setting *settings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char answer[ANSWER_BYTES];

		TRY(stmt_text(db, settings[i].set));
		TRY(stmt_text_answer(db, settings[i].get, answer, sizeof(answer)));
		ENSURE(strcmp(answer, settings[i].want) == 0, STORE_IO);
	}
	return OK;
}

/* Before the first read.  Exclusive: this daemon alone, so the WAL's index is ordinary memory and no file. */
static struct status settings_for_reading(sqlite3 *db)
{
	static const struct setting settings[] = {
		{ "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA locking_mode", "exclusive" },
		{ "PRAGMA mmap_size = 0", "PRAGMA mmap_size", "0" },
		{ "PRAGMA temp_store = MEMORY", "PRAGMA temp_store", "2" },
		{ "PRAGMA cell_size_check = ON", "PRAGMA cell_size_check", "1" },
	};

	return apply(db, settings, sizeof(settings) / sizeof(settings[0]));
}

/* Acknowledged is durable: a commit returns when the WAL is synced.  What was deleted is overwritten. */
static struct status settings_for_writing(sqlite3 *db)
{
	static const struct setting settings[] = {
		{ "PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal" },
		{ "PRAGMA synchronous = FULL", "PRAGMA synchronous", "2" },
		{ "PRAGMA secure_delete = ON", "PRAGMA secure_delete", "1" },
		{ "PRAGMA journal_size_limit = 16777216", "PRAGMA journal_size_limit", "16777216" },
	};

	ENSURE(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL) == SQLITE_OK, STORE_IO);
	return apply(db, settings, sizeof(settings) / sizeof(settings[0]));
}

static struct status check_pages(sqlite3 *db)
{
	char answer[ANSWER_BYTES];

	TRY(stmt_text_answer(db, "PRAGMA quick_check(1)", answer, sizeof(answer)));
	ENSURE(strcmp(answer, "ok") == 0, RECORD_CORRUPT);
	return OK;
}

static struct status set_up(sqlite3 *db)
{
	size_t version, count;
	const struct schema_step *steps = schema_steps(&count);

	TRY(set_switches(db));
	TRY(settings_for_reading(db));
	TRY(check_ours(db));
	TRY(check_version(db, count, &version));
	TRY(check_pages(db));
	TRY(settings_for_writing(db));
	return schema_upgrade(db, steps, count);
}

struct status schema_open(const char *directory, const char *vfs, sqlite3 **ret_db)
{
	char path[PATH_BYTES];
	sqlite3 *db = NULL;
	struct status st;
	int rc;

	rc = snprintf(path, sizeof(path), "%s/%s", directory, FILE_NAME);
	ENSURE(rc > 0 && (size_t)rc < sizeof(path), STORE_IO);
	TRY(make_file(directory, path));
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
	st = rc == SQLITE_OK ? set_up(db) : stmt_failed(rc);
	if (st.code != STATUS_OK) {
		schema_close(db);
		return st;
	}
	*ret_db = db;
	return OK;
}

void schema_close(sqlite3 *db)
{
	(void)sqlite3_close_v2(db); /* the checkpoint may fail; what was committed is in the WAL */
}
