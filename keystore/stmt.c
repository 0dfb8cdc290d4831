/* SPDX-License-Identifier: Apache-2.0 */
#include "keystore/stmt.h"

#include <stdio.h>

enum { PRIMARY_CODE = 0xff }; /* the low byte of an extended code */

struct status stmt_failed(int rc)
{
	switch (rc & PRIMARY_CODE) {
	case SQLITE_FULL:
		return FAIL_RC(STORE_FULL, rc);
	case SQLITE_NOMEM:
		return FAIL_RC(NO_MEMORY, rc);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return FAIL_RC(RECORD_CORRUPT, rc);
	default: /* of the library's numbers, not of an enum of ours */
		return FAIL_RC(STORE_IO, rc);
	}
}

struct status stmt_set_init(sqlite3 *db, struct stmt_set *ret_set)
{
	static const char *const texts[STMT_COUNT] = {
#define STMT_TEXT(name, sql) [STMT_##name] = (sql),
		STMT_ROWS(STMT_TEXT)
#undef STMT_TEXT
	};
	struct stmt_set set = { .db = db };

	for (size_t i = 0; i < STMT_COUNT; i++) {
		int rc = sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &set.ready[i], NULL);

		if (rc != SQLITE_OK) {
			stmt_set_done(&set);
			return stmt_failed(rc);
		}
	}
	*ret_set = set;
	return OK;
}

void stmt_set_done(struct stmt_set *set)
{
	for (size_t i = 0; i < STMT_COUNT; i++)
		(void)sqlite3_finalize(set->ready[i]); /* repeats the last step's failure, which was reported then */
	*set = (struct stmt_set){ 0 };
}

struct stmt stmt_use(struct stmt_set *set, enum stmt_id id)
{
	return (struct stmt){ .handle = set->ready[id], .rc = SQLITE_OK, .next = 1 };
}

void stmt_end(struct stmt *q)
{
	(void)sqlite3_reset(q->handle); /* as in stmt_set_done() */
	(void)sqlite3_clear_bindings(q->handle);
}

static void bound(struct stmt *q, int rc)
{
	q->next++;
	if (q->rc == SQLITE_OK)
		q->rc = rc;
}

/* SQLite reads a NULL pointer as NULL, which no column of ours may be. */
static const void *not_null(struct bytes value)
{
	return value.len > 0 ? (const void *)value.data : "";
}

void stmt_bind_bytes(struct stmt *q, struct bytes value)
{
	bound(q, sqlite3_bind_blob64(q->handle, q->next, not_null(value), value.len, SQLITE_STATIC));
}

void stmt_bind_text(struct stmt *q, struct bytes value)
{
	bound(q, sqlite3_bind_text64(q->handle, q->next, not_null(value), value.len, SQLITE_STATIC, SQLITE_UTF8));
}

void stmt_bind_number(struct stmt *q, int64_t value)
{
	bound(q, sqlite3_bind_int64(q->handle, q->next, value));
}

struct status stmt_row(struct stmt *q, bool *ret_row)
{
	int rc = q->rc;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(q->handle);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return stmt_failed(rc);
	*ret_row = rc == SQLITE_ROW;
	return OK;
}

struct status stmt_run(struct stmt *q)
{
	bool is_row;

	return stmt_row(q, &is_row);
}

struct bytes stmt_column(struct stmt *q, int column)
{
	const void *data = sqlite3_column_blob(q->handle, column);

	return bytes_of(data, data == NULL ? 0 : (size_t)sqlite3_column_bytes(q->handle, column));
}

int64_t stmt_column_number(struct stmt *q, int column)
{
	return sqlite3_column_int64(q->handle, column);
}

struct status stmt_text(sqlite3 *db, const char *sql)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? OK : stmt_failed(rc);
}

struct status stmt_text_answer(sqlite3 *db, const char *sql, char *ret_text, size_t size)
{
	sqlite3_stmt *handle = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &handle, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(handle);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
		const unsigned char *text = rc == SQLITE_ROW ? sqlite3_column_text(handle, 0) : NULL;

		(void)snprintf(ret_text, size, "%s", text == NULL ? "" : (const char *)text);
	}
	(void)sqlite3_finalize(handle); /* rc has its news */
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? OK : stmt_failed(rc);
}

struct status stmt_scope_begin(struct stmt_scope *scope, sqlite3 *db)
{
	TRY(stmt_text(db, "BEGIN IMMEDIATE"));
	scope->db = db;
	return OK;
}

struct status stmt_scope_commit(struct stmt_scope *scope)
{
	TRY(stmt_text(scope->db, "COMMIT"));
	scope->db = NULL;
	return OK;
}

void stmt_scope_end(struct stmt_scope *scope)
{
	/* SQLite rolls back by itself after some failures; then there is nothing left to do. */
	if (scope->db != NULL && sqlite3_get_autocommit(scope->db) == 0)
		(void)sqlite3_exec(scope->db, "ROLLBACK", NULL, NULL, NULL);
	scope->db = NULL;
}
