/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/keystore/fixture.h"

#include <stdlib.h>
#include <unistd.h>

void fixture_begin(struct fixture *f)
{
	/* Memory where there is some: hundreds of stores are made, and their syncs prove nothing to us. */
	strcpy(f->directory,
		access("/dev/shm", W_OK) == 0 ? "/dev/shm/keystore-test-XXXXXX" : "/tmp/keystore-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	(void)snprintf(f->file, sizeof(f->file), "%s/keys.db", f->directory);
}

void fixture_end(struct fixture *f)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char path[128];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", f->file, suffixes[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(f->directory), 0);
}

struct namespace_name fixture_space(void)
{
	return (struct namespace_name){ .authenticator = 4,
		.domain = BYTES_LITERAL("prod.example"),
		.tenant = BYTES_LITERAL("k8s/a"),
		.identity = BYTES_LITERAL("spiffe://prod.example/a") };
}

struct key_record fixture_key(const struct keystore *store, const char *name)
{
	struct key_record record = { .space = fixture_space(),
		.name = bytes_from_text(name),
		.creator_authenticator = 4,
		.creator = BYTES_LITERAL("spiffe://prod.example/a"),
		.provider = BYTES_LITERAL("tpm"),
		.provider_kind = 3,
		.attributes = { .kind = PSA_KEY_ECC_PAIR,
			.family = PSA_ECC_SECP_R1,
			.usage = PSA_USAGE_SIGN_HASH,
			.bits = 256,
			.alg = { .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_SHA_256 } },
		.public_key = BYTES_LITERAL("\x04public"),
		.blob = BYTES_LITERAL("sealed blob"),
		.created_us = 1763910000123456,
		.generation = 1 };

	memset(record.hardware_identity, 0x11, sizeof(record.hardware_identity));
	memset(record.hardware_id, 0x22, sizeof(record.hardware_id));
	assert_ok(keystore_namespace_id(store, &record.space, &record.ns));
	assert_ok(keystore_key_id(store, &record.ns, record.name, &record.id));
	return record;
}

struct intent fixture_intent(const struct key_record *key, enum intent_op op)
{
	struct intent intent = { .op = op,
		.key = key->id,
		.provider = BYTES_LITERAL("hsm"),
		.record = BYTES_LITERAL("what the line needs") };

	memset(intent.hardware_id, 0x33, sizeof(intent.hardware_id));
	return intent;
}

struct status fixture_put(struct keystore *store, const struct key_record *record)
{
	struct status st;

	TRY(keystore_begin(store));
	st = keystore_key_put(store, record);
	if (st.code == STATUS_OK)
		st = keystore_commit(store);
	if (st.code != STATUS_OK)
		keystore_rollback(store);
	return st;
}

static void keep_text(char *to, struct bytes from)
{
	assert_true(from.len < 64);
	if (from.len > 0)
		memcpy(to, from.data, from.len);
	to[from.len] = '\0';
}

static struct status on_key(void *context, struct key_record *record)
{
	struct fixture_rows *rows = context;

	assert_true(rows->key_count < FIXTURE_ROWS_MAX);
	rows->keys[rows->key_count++] = record;
	return OK;
}

static struct status on_space(void *context, const struct namespace_record *record)
{
	struct fixture_rows *rows = context;

	assert_true(rows->space_count < FIXTURE_ROWS_MAX);
	keep_text(rows->space_provider[rows->space_count], record->provider);
	keep_text(rows->space_parent[rows->space_count], record->parent);
	rows->space_id[rows->space_count++] = record->id;
	return OK;
}

static struct status on_intent(void *context, const struct intent *intent)
{
	struct fixture_rows *rows = context;

	assert_true(rows->intent_count < FIXTURE_ROWS_MAX);
	keep_text(rows->intent_record[rows->intent_count], intent->record);
	keep_text(rows->intent_provider[rows->intent_count], intent->provider);
	rows->intents[rows->intent_count++] = *intent;
	return OK;
}

struct status fixture_load(struct keystore *store, struct fixture_rows *ret_rows)
{
	const struct keystore_visitor visitor = {
		.context = ret_rows, .key = on_key, .space = on_space, .intent = on_intent
	};

	*ret_rows = (struct fixture_rows){ 0 };
	return keystore_load(store, &visitor);
}

void fixture_rows_done(struct fixture_rows *rows)
{
	for (size_t i = 0; i < rows->key_count; i++)
		key_record_unref(rows->keys[i]);
	*rows = (struct fixture_rows){ 0 };
}

struct key_record *fixture_find(const struct fixture_rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->key_count; i++)
		if (bytes_equal(rows->keys[i]->name, bytes_from_text(name)))
			return rows->keys[i];
	return NULL;
}

sqlite3 *fixture_raw(const struct fixture *f)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(f->file, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
	return db;
}

void fixture_exec(const struct fixture *f, const char *sql)
{
	sqlite3 *db = fixture_raw(f);
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
