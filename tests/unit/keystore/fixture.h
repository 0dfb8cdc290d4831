/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory for one store, and keys with predictable fields to put into it. */
#ifndef TESTS_UNIT_KEYSTORE_FIXTURE_H
#define TESTS_UNIT_KEYSTORE_FIXTURE_H

#include <sqlite3.h>

#include "tests/support/unit.h"

#include "keystore/keystore.h"

struct fixture {
	char directory[64];
	char file[80];
};

void fixture_begin(struct fixture *f);
void fixture_end(struct fixture *f);

/* A key of the namespace 4/prod.example/k8s/a/spiffe://prod.example/a with this name, ids filled in. */
struct key_record fixture_key(const struct keystore *store, const char *name);
struct namespace_name fixture_space(void);
struct intent fixture_intent(const struct key_record *key, enum intent_op op);

/* Put it in a transaction of its own. */
struct status fixture_put(struct keystore *store, const struct key_record *record);

/* What a load found. */
enum { FIXTURE_ROWS_MAX = 64 };
struct fixture_rows {
	struct key_record *keys[FIXTURE_ROWS_MAX]; /* one reference each */
	struct intent intents[FIXTURE_ROWS_MAX];   /* views are gone; the strings below stay */
	char intent_record[FIXTURE_ROWS_MAX][64];
	char intent_provider[FIXTURE_ROWS_MAX][64];
	char space_provider[FIXTURE_ROWS_MAX][64];
	char space_parent[FIXTURE_ROWS_MAX][64];
	struct keystore_id space_id[FIXTURE_ROWS_MAX];
	size_t key_count, intent_count, space_count;
};
struct status fixture_load(struct keystore *store, struct fixture_rows *ret_rows);
void fixture_rows_done(struct fixture_rows *rows);
/* NULL when it was not found. */
struct key_record *fixture_find(const struct fixture_rows *rows, const char *name);

/* The file behind the store's back, while the store is closed. */
sqlite3 *fixture_raw(const struct fixture *f);
void fixture_exec(const struct fixture *f, const char *sql);

#endif
