/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's SQL, all of it, as one table of prepared statements, and a transaction as a scope guard.  The one place
 * where SQLite's codes become a status.  The store's thread only. */
#ifndef KEYSTORE_STMT_H
#define KEYSTORE_STMT_H

#include <sqlite3.h>

#include "base/bytes.h"
#include "base/own.h"
#include "base/status.h"

/* clang-format off */
#define STMT_ROWS(X) \
	X(BEGIN,         "BEGIN IMMEDIATE") \
	X(COMMIT,        "COMMIT") \
	X(ROLLBACK,      "ROLLBACK") \
	X(SAVEPOINT,     "SAVEPOINT job") \
	X(RELEASE,       "RELEASE job") \
	X(REWIND,        "ROLLBACK TO job") \
	X(KEY_PUT,       "INSERT INTO key (id, ns, provider, state, generation, record) VALUES (?, ?, ?, ?, ?, ?)" \
			 " ON CONFLICT (id) DO NOTHING") \
	X(KEY_DELETE,    "DELETE FROM key WHERE id = ?") \
	X(KEY_COUNT,     "SELECT count(*) FROM key") \
	X(KEY_ALL,       "SELECT id, ns, provider, state, generation, record FROM key") \
	X(SPACE_PUT,     "INSERT INTO namespace (id, provider, record) VALUES (?, ?, ?)" \
			 " ON CONFLICT (id, provider) DO UPDATE SET record = excluded.record") \
	X(SPACE_ALL,     "SELECT id, provider, record FROM namespace") \
	X(INTENT_PUT,    "INSERT INTO intent (seq, op, key, node, hardware_id, record) VALUES (?, ?, ?, ?, ?, ?)") \
	X(INTENT_NUMBER, "UPDATE intent SET seq = ? WHERE id = ?") \
	X(INTENT_OWE,    "UPDATE intent SET seq = 0 WHERE seq >= ?") \
	X(INTENT_DELETE, "DELETE FROM intent WHERE id = ?") \
	X(INTENT_ALL,    "SELECT id, seq, op, key, node, hardware_id, record FROM intent ORDER BY id") \
	X(KV_PUT,        "INSERT INTO kv (name, value) VALUES (?, ?)" \
			 " ON CONFLICT (name) DO UPDATE SET value = excluded.value") \
	X(KV_GET,        "SELECT value FROM kv WHERE name = ?") \
	X(FACT_PUT,      "INSERT INTO fact (id, kind, record) VALUES (?, ?, ?)" \
			 " ON CONFLICT (id) DO UPDATE SET record = excluded.record") \
	X(FACT_DELETE,   "DELETE FROM fact WHERE id = ?") \
	X(FACT_COUNT,    "SELECT count(*) FROM fact") \
	X(FACT_ALL,      "SELECT id, kind, record FROM fact") \
	X(REINDEX,       "REINDEX")
/* clang-format on */

enum stmt_id {
#define STMT_ENUM(name, sql) STMT_##name,
	STMT_ROWS(STMT_ENUM)
#undef STMT_ENUM
		STMT_COUNT
};

struct stmt_set {
	sqlite3 *db; /* borrowed, outlives the set */
	sqlite3_stmt *ready[STMT_COUNT];
};

/* Prepare every statement.  The set must stay where it is.  Fails: STORE_IO, NO_MEMORY. */
struct status stmt_set_init(sqlite3 *db, struct stmt_set *ret_set);
void stmt_set_done(struct stmt_set *set);

/* One use of a statement: AUTO(stmt_end) struct stmt q = stmt_use(set, STMT_X), bind its parameters from left to
 * right, run it or read its rows.  What is bound is borrowed until the end of the use.  A bind that fails makes the
 * run fail. */
struct stmt {
	sqlite3_stmt *handle;
	int rc;	  /* of the first bind that failed */
	int next; /* parameter to bind */
};

struct stmt stmt_use(struct stmt_set *set, enum stmt_id id);
void stmt_end(struct stmt *q);

void stmt_bind_bytes(struct stmt *q, struct bytes value);
void stmt_bind_text(struct stmt *q, struct bytes value);
void stmt_bind_number(struct stmt *q, int64_t value);

/* A statement without rows.  Fails: STORE_IO, STORE_FULL, NO_MEMORY, RECORD_CORRUPT (the file is damaged). */
struct status stmt_run(struct stmt *q);
/* The next row, or false at the end.  Fails as stmt_run(). */
struct status stmt_row(struct stmt *q, bool *ret_row);
/* Columns of the row; bytes are borrowed until the next row. */
struct bytes stmt_column(struct stmt *q, int column);
int64_t stmt_column_number(struct stmt *q, int column);

/* One statement from text, once: settings and migrations.  Fails as stmt_run(). */
struct status stmt_text(sqlite3 *db, const char *sql);
/* The first column of the first row as text, empty when there is no row; cut at size - 1 bytes. */
struct status stmt_text_answer(sqlite3 *db, const char *sql, char *ret_text, size_t size);

/* SQLite's extended code to a status; call with the code of the call that failed, never with success. */
struct status stmt_failed(int rc);

/* A transaction that is rolled back at the end of its scope unless it was committed:
 * AUTO(stmt_scope_end) struct stmt_scope scope = { 0 }; TRY(stmt_scope_begin(&scope, db)); ... */
struct stmt_scope {
	sqlite3 *db; /* NULL: not open */
};
struct status stmt_scope_begin(struct stmt_scope *scope, sqlite3 *db);
struct status stmt_scope_commit(struct stmt_scope *scope);
void stmt_scope_end(struct stmt_scope *scope);

#endif
