/* SPDX-License-Identifier: Apache-2.0 */
#include "keystore/keystore.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/secret.h"
#include "keystore/fact.h"
#include "keystore/intent.h"
#include "keystore/record.h"
#include "keystore/schema.h"

enum {
	STATE_LIVE = 1, /* key.state; others are for later */
	KEY_COLUMNS_MAX = 256,
	SPACE_COLUMNS_MAX = 128,
	ID_INPUT_MAX = 8 * 1024,
};

/* Names in kv that belong to the store itself; callers cannot reach this prefix. */
#define OWN_PREFIX "keystore."
static const char KV_ID_KEY[] = OWN_PREFIX "id-key";
static const char KV_TAG[] = OWN_PREFIX "tag";

struct status keystore_in_transaction(const struct keystore *store)
{
	ENSURE(sqlite3_get_autocommit(store->db) == 0, STORE_IO);
	return OK;
}

/* ---- ids ---------------------------------------------------------------------------------------- */

struct bytes keystore_tag(const struct keystore *store)
{
	return bytes_of(store->tag, sizeof(store->tag));
}

struct status keystore_namespace_id(
	const struct keystore *store, const struct namespace_name *space, struct keystore_id *ret_id)
{
	AUTO(buf_done) struct buf encoded = buf_make(ID_INPUT_MAX);

	ENSURE(record_space_fits(space), LIMIT);
	namespace_name_put(&encoded, space);
	TRY(buf_check(&encoded));
	return record_hmac(
		store->id_key, RECORD_LABEL_SPACE_ID, (struct bytes){ 0 }, buf_bytes(&encoded), ret_id->bytes);
}

struct status keystore_key_id(
	const struct keystore *store, const struct keystore_id *ns, struct bytes name, struct keystore_id *ret_id)
{
	ENSURE(name.len <= KEYSTORE_NAME_MAX, LIMIT);
	return record_hmac(
		store->id_key, RECORD_LABEL_KEY_ID, bytes_of(ns->bytes, KEYSTORE_ID_BYTES), name, ret_id->bytes);
}

static bool id_equal(const struct keystore_id *a, const struct keystore_id *b)
{
	return memcmp(a->bytes, b->bytes, KEYSTORE_ID_BYTES) == 0;
}

static struct bytes id_bytes(const struct keystore_id *id)
{
	return bytes_of(id->bytes, KEYSTORE_ID_BYTES);
}

/* The ids are those of the names, in the store and on the way into it. */
static struct status check_key_ids(const struct keystore *store, const struct key_record *record)
{
	struct keystore_id ns, id;

	TRY(keystore_namespace_id(store, &record->space, &ns));
	ENSURE(id_equal(&ns, &record->ns), RECORD_CORRUPT);
	TRY(keystore_key_id(store, &ns, record->name, &id));
	ENSURE(id_equal(&id, &record->id), RECORD_CORRUPT);
	return OK;
}

static struct status check_space_id(const struct keystore *store, const struct namespace_record *record)
{
	struct keystore_id id;

	TRY(keystore_namespace_id(store, &record->space, &id));
	ENSURE(id_equal(&id, &record->id), RECORD_CORRUPT);
	return OK;
}

static struct status column_array(struct stmt *q, int column, uint8_t *ret, size_t len)
{
	struct bytes value = stmt_column(q, column);

	ENSURE(value.len == len, RECORD_CORRUPT);
	memcpy(ret, value.data, len);
	return OK;
}

/* ---- named values ------------------------------------------------------------------------------- */

static struct status kv_put(struct keystore *store, const char *name, struct bytes value)
{
	AUTO(buf_done) struct buf envelope = buf_make(RECORD_STORED_MAX);
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_KV_PUT);

	ENSURE(value.len <= KEYSTORE_KV_MAX, LIMIT);
	TRY(record_close(store->id_key, RECORD_LABEL_KV, bytes_from_text(name), value, &envelope));
	stmt_bind_text(&q, bytes_from_text(name));
	stmt_bind_bytes(&q, buf_bytes(&envelope));
	return stmt_run(&q);
}

static struct status kv_get(struct keystore *store, const char *name, struct buf *ret_value)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_KV_GET);
	struct bytes value;
	bool is_row;

	stmt_bind_text(&q, bytes_from_text(name));
	TRY(stmt_row(&q, &is_row));
	buf_clear(ret_value);
	if (!is_row)
		return OK;
	TRY(record_open(store->id_key, RECORD_LABEL_KV, bytes_from_text(name), stmt_column(&q, 0), &value));
	buf_put(ret_value, value);
	return buf_check(ret_value);
}

static bool is_own(const char *name)
{
	return strncmp(name, OWN_PREFIX, sizeof(OWN_PREFIX) - 1) == 0;
}

struct status keystore_kv_put(struct keystore *store, const char *name, struct bytes value)
{
	ENSURE(!is_own(name), NOT_PERMITTED);
	TRY(keystore_in_transaction(store));
	return kv_put(store, name, value);
}

struct status keystore_kv_get(struct keystore *store, const char *name, struct buf *ret_value)
{
	ENSURE(!is_own(name), NOT_PERMITTED);
	return kv_get(store, name, ret_value);
}

/* ---- open and close ----------------------------------------------------------------------------- */

static struct status count_keys(struct keystore *store, int64_t *ret_count)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_KEY_COUNT);
	bool is_row;

	TRY(stmt_row(&q, &is_row));
	*ret_count = is_row ? stmt_column_number(&q, 0) : 0;
	return OK;
}

/* The first start: key and tag appear together.  A store that has keys but lost these two is not given new ones. */
static struct status identity_make(struct keystore *store)
{
	AUTO(stmt_scope_end) struct stmt_scope scope = { 0 };
	int64_t count;

	TRY(stmt_scope_begin(&scope, store->db));
	TRY(count_keys(store, &count));
	ENSURE(count == 0, RECORD_CORRUPT);
	TRY(random_fill(store->id_key, sizeof(store->id_key)));
	TRY(random_fill(store->tag, sizeof(store->tag)));
	TRY(kv_put(store, KV_ID_KEY, bytes_of(store->id_key, sizeof(store->id_key))));
	TRY(kv_put(store, KV_TAG, bytes_of(store->tag, sizeof(store->tag))));
	return stmt_scope_commit(&scope);
}

/* The key's own envelope is checked under the key that it holds. */
static struct status id_key_read(struct keystore *store, bool *ret_found)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_KV_GET);
	struct bytes envelope, value;
	bool is_row;

	stmt_bind_text(&q, bytes_from_text(KV_ID_KEY));
	TRY(stmt_row(&q, &is_row));
	if (is_row) {
		envelope = stmt_column(&q, 0);
		ENSURE(envelope.len == RECORD_HEADER_BYTES + RECORD_KEY_BYTES + RECORD_CHECK_BYTES, RECORD_CORRUPT);
		memcpy(store->id_key, envelope.data + RECORD_HEADER_BYTES, RECORD_KEY_BYTES);
		TRY(record_open(store->id_key, RECORD_LABEL_KV, bytes_from_text(KV_ID_KEY), envelope, &value));
	}
	*ret_found = is_row;
	return OK;
}

static struct status identity_load(struct keystore *store)
{
	AUTO(buf_done) struct buf tag = buf_make(KEYSTORE_TAG_BYTES);
	bool found;

	TRY(id_key_read(store, &found));
	if (!found)
		return identity_make(store);
	TRY(kv_get(store, KV_TAG, &tag));
	ENSURE(tag.len == KEYSTORE_TAG_BYTES, RECORD_CORRUPT);
	memcpy(store->tag, tag.data, KEYSTORE_TAG_BYTES);
	return OK;
}

static struct status set_up(struct keystore *store, const char *directory, const char *vfs)
{
	TRY(schema_open(directory, vfs, &store->db));
	TRY(stmt_set_init(store->db, &store->statements));
	return identity_load(store);
}

struct status keystore_open_vfs(const char *directory, const char *vfs, struct keystore **ret_store)
{
	struct keystore *store = calloc(1, sizeof(*store));
	struct status st;

	ENSURE(store != NULL, NO_MEMORY);
	st = set_up(store, directory, vfs);
	if (st.code != STATUS_OK) {
		keystore_close(store);
		return st;
	}
	*ret_store = store;
	return OK;
}

struct status keystore_open(const char *directory, struct keystore **ret_store)
{
	return keystore_open_vfs(directory, NULL, ret_store);
}

void keystore_close(struct keystore *store)
{
	if (store == NULL)
		return;
	stmt_set_done(&store->statements);
	schema_close(store->db);
	explicit_bzero(store->id_key, sizeof(store->id_key));
	free(store);
}

/* ---- transactions ------------------------------------------------------------------------------- */

static struct status run(struct keystore *store, enum stmt_id id)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, id);

	return stmt_run(&q);
}

struct status keystore_begin(struct keystore *store)
{
	return run(store, STMT_BEGIN);
}

struct status keystore_commit(struct keystore *store)
{
	TRY(keystore_in_transaction(store));
	return run(store, STMT_COMMIT);
}

void keystore_rollback(struct keystore *store)
{
	/* Without a transaction SQLite did it already.  If it fails, nothing was committed, and the next begin says so.
	 */
	if (keystore_in_transaction(store).code == STATUS_OK)
		(void)!run(store, STMT_ROLLBACK).code;
}

struct status keystore_savepoint(struct keystore *store)
{
	TRY(keystore_in_transaction(store));
	return run(store, STMT_SAVEPOINT);
}

struct status keystore_release(struct keystore *store)
{
	TRY(keystore_in_transaction(store));
	return run(store, STMT_RELEASE);
}

void keystore_rewind(struct keystore *store)
{
	/* As in keystore_rollback(); a batch that cannot be rewound in part must not be committed as a whole. */
	if (keystore_in_transaction(store).code != STATUS_OK)
		return;
	if (run(store, STMT_REWIND).code != STATUS_OK || run(store, STMT_RELEASE).code != STATUS_OK)
		keystore_rollback(store);
}

/* ---- keys --------------------------------------------------------------------------------------- */

static struct status key_columns(const struct key_record *record, struct buf *to)
{
	buf_put(to, id_bytes(&record->id));
	buf_put(to, id_bytes(&record->ns));
	buf_put_sized(to, record->provider);
	buf_put_u8(to, STATE_LIVE);
	buf_put_u64(to, record->generation);
	return buf_check(to);
}

struct status keystore_key_put(struct keystore *store, const struct key_record *record)
{
	AUTO(buf_done) struct buf columns = buf_make(KEY_COLUMNS_MAX);
	AUTO(buf_done) struct buf body = buf_make(KEYSTORE_RECORD_MAX);
	AUTO(buf_done) struct buf envelope = buf_make(RECORD_STORED_MAX);
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_KEY_PUT);

	TRY(keystore_in_transaction(store));
	ENSURE(record->generation >= 1 && record->generation <= INT64_MAX, LIMIT);
	TRY(check_key_ids(store, record));
	TRY(record_key_put(&body, record));
	TRY(key_columns(record, &columns));
	TRY(record_close(store->id_key, RECORD_LABEL_KEY, buf_bytes(&columns), buf_bytes(&body), &envelope));
	stmt_bind_bytes(&q, id_bytes(&record->id));
	stmt_bind_bytes(&q, id_bytes(&record->ns));
	stmt_bind_text(&q, record->provider);
	stmt_bind_number(&q, STATE_LIVE);
	stmt_bind_number(&q, (int64_t)record->generation);
	stmt_bind_bytes(&q, buf_bytes(&envelope));
	TRY(stmt_run(&q));
	ENSURE(sqlite3_changes(store->db) == 1, KEY_EXISTS);
	return OK;
}

struct status keystore_key_delete(struct keystore *store, const struct keystore_id *id)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_KEY_DELETE);

	TRY(keystore_in_transaction(store));
	stmt_bind_bytes(&q, id_bytes(id));
	TRY(stmt_run(&q));
	ENSURE(sqlite3_changes(store->db) == 1, KEY_ABSENT);
	return OK;
}

/* id, ns, provider, state, generation, record */
static struct status key_of_row(struct keystore *store, struct stmt *q, struct key_record **ret_record)
{
	AUTO(buf_done) struct buf columns = buf_make(KEY_COLUMNS_MAX);
	struct key_record found = { 0 }, record;
	struct bytes body;

	TRY(column_array(q, 0, found.id.bytes, KEYSTORE_ID_BYTES));
	TRY(column_array(q, 1, found.ns.bytes, KEYSTORE_ID_BYTES));
	found.provider = stmt_column(q, 2);
	ENSURE(stmt_column_number(q, 3) == STATE_LIVE, RECORD_CORRUPT);
	found.generation = (uint64_t)stmt_column_number(q, 4);
	ENSURE(found.provider.len <= KEYSTORE_PROVIDER_MAX, RECORD_CORRUPT);
	TRY(key_columns(&found, &columns));
	TRY(record_open(store->id_key, RECORD_LABEL_KEY, buf_bytes(&columns), stmt_column(q, 5), &body));
	TRY(record_key_get(body, &record));
	ENSURE(bytes_equal(record.provider, found.provider), RECORD_CORRUPT);
	record.id = found.id;
	record.ns = found.ns;
	record.generation = found.generation;
	TRY(check_key_ids(store, &record));
	return key_record_new(&record, ret_record);
}

/* A failure to open a row that its visitor wants to hear of; everything else ends the load. */
static bool is_damage(struct status st, const struct keystore_visitor *visitor)
{
	return st.code == STATUS_RECORD_CORRUPT && visitor->damaged != NULL;
}

static struct bytes provider_column(struct stmt *q, int column)
{
	struct bytes provider = stmt_column(q, column);

	return provider.len <= KEYSTORE_PROVIDER_MAX ? provider : (struct bytes){ 0 };
}

/* Are these the names?  The id proves them, which is their HMAC; or else the envelope does, under the columns that such
 * names have: then it is id, ns, or both that were damaged. */
static bool proves_names(
	struct keystore *store, struct bytes envelope, const struct keystore_id *id, struct key_record *record)
{
	AUTO(buf_done) struct buf columns = buf_make(KEY_COLUMNS_MAX);
	struct bytes body;

	if (keystore_namespace_id(store, &record->space, &record->ns).code != STATUS_OK ||
		keystore_key_id(store, &record->ns, record->name, &record->id).code != STATUS_OK)
		return false;
	return id_equal(&record->id, id) ||
	       (key_columns(record, &columns).code == STATUS_OK &&
		       record_open(store->id_key, RECORD_LABEL_KEY, buf_bytes(&columns), envelope, &body).code ==
			       STATUS_OK);
}

static struct status key_damaged(struct keystore *store, struct stmt *q, const struct keystore_visitor *visitor)
{
	struct keystore_damage damage = { .table = KEYSTORE_KEY, .provider = provider_column(q, 2) };
	struct key_record record = { .generation = (uint64_t)stmt_column_number(q, 4) };
	struct bytes envelope = stmt_column(q, 5);

	store->has_damage = true;
	damage.has_id = column_array(q, 0, damage.id.bytes, KEYSTORE_ID_BYTES).code == STATUS_OK;
	record_key_peek(envelope, &record);
	damage.has_names = proves_names(store, envelope, &damage.id, &record);
	if (!damage.has_names) {
		record.space = (struct namespace_name){ 0 };
		record.name = (struct bytes){ 0 };
	}
	record.id = damage.id; /* of the row, which is what can be deleted */
	record.is_damaged = true;
	damage.key = &record;
	return visitor->damaged(visitor->context, &damage);
}

static struct status load_keys(struct keystore *store, const struct keystore_visitor *visitor)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_KEY_ALL);
	int64_t count;
	bool is_row;

	TRY(count_keys(store, &count));
	ENSURE(count <= KEYSTORE_KEYS_MAX, LIMIT);
	for (;;) {
		struct key_record *record;
		struct status st;

		TRY(stmt_row(&q, &is_row));
		if (!is_row)
			return OK;
		st = key_of_row(store, &q, &record);
		if (st.code == STATUS_OK)
			st = visitor->key(visitor->context, record);
		else if (is_damage(st, visitor))
			st = key_damaged(store, &q, visitor);
		TRY(st);
	}
}

/* ---- namespaces --------------------------------------------------------------------------------- */

static struct status space_columns(const struct namespace_record *record, struct buf *to)
{
	buf_put(to, id_bytes(&record->id));
	buf_put_sized(to, record->provider);
	return buf_check(to);
}

struct status keystore_namespace_put(struct keystore *store, const struct namespace_record *record)
{
	AUTO(buf_done) struct buf columns = buf_make(SPACE_COLUMNS_MAX);
	AUTO(buf_done) struct buf body = buf_make(KEYSTORE_RECORD_MAX);
	AUTO(buf_done) struct buf envelope = buf_make(RECORD_STORED_MAX);
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_SPACE_PUT);

	TRY(keystore_in_transaction(store));
	TRY(check_space_id(store, record));
	TRY(record_space_put(&body, record));
	TRY(space_columns(record, &columns));
	TRY(record_close(store->id_key, RECORD_LABEL_SPACE, buf_bytes(&columns), buf_bytes(&body), &envelope));
	stmt_bind_bytes(&q, id_bytes(&record->id));
	stmt_bind_text(&q, record->provider);
	stmt_bind_bytes(&q, buf_bytes(&envelope));
	return stmt_run(&q);
}

/* id, provider, record */
static struct status space_of_row(struct keystore *store, struct stmt *q, struct namespace_record *ret_record)
{
	AUTO(buf_done) struct buf columns = buf_make(SPACE_COLUMNS_MAX);
	struct namespace_record found = { 0 }, record;
	struct bytes body;

	TRY(column_array(q, 0, found.id.bytes, KEYSTORE_ID_BYTES));
	found.provider = stmt_column(q, 1);
	ENSURE(found.provider.len <= KEYSTORE_PROVIDER_MAX, RECORD_CORRUPT);
	TRY(space_columns(&found, &columns));
	TRY(record_open(store->id_key, RECORD_LABEL_SPACE, buf_bytes(&columns), stmt_column(q, 2), &body));
	TRY(record_space_get(body, &record));
	ENSURE(bytes_equal(record.provider, found.provider), RECORD_CORRUPT);
	record.id = found.id;
	TRY(check_space_id(store, &record));
	*ret_record = record;
	return OK;
}

static struct status space_damaged(struct keystore *store, struct stmt *q, const struct keystore_visitor *visitor)
{
	struct keystore_damage damage = { .table = KEYSTORE_NAMESPACE, .provider = provider_column(q, 1) };

	store->has_damage = true;
	damage.has_id = column_array(q, 0, damage.id.bytes, KEYSTORE_ID_BYTES).code == STATUS_OK;
	return visitor->damaged(visitor->context, &damage);
}

static struct status load_spaces(struct keystore *store, const struct keystore_visitor *visitor)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_SPACE_ALL);
	bool is_row;

	for (;;) {
		struct namespace_record record;
		struct status st;

		TRY(stmt_row(&q, &is_row));
		if (!is_row)
			return OK;
		st = space_of_row(store, &q, &record);
		if (st.code == STATUS_OK)
			st = visitor->space(visitor->context, &record);
		else if (is_damage(st, visitor))
			st = space_damaged(store, &q, visitor);
		TRY(st);
	}
}

/* ---- journal ------------------------------------------------------------------------------------ */

struct status keystore_intent_put(struct keystore *store, const struct intent *intent, int64_t *ret_id)
{
	AUTO(buf_done) struct buf columns = buf_make(INTENT_COLUMNS_MAX);
	AUTO(buf_done) struct buf body = buf_make(INTENT_BODY_MAX);
	AUTO(buf_done) struct buf envelope = buf_make(RECORD_STORED_MAX);
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_INTENT_PUT);

	TRY(keystore_in_transaction(store));
	ENSURE(intent->op != INTENT_NONE, LIMIT);
	TRY(intent_body_put(&body, intent));
	intent_columns_put(&columns, intent, keystore_tag(store));
	TRY(buf_check(&columns));
	TRY(record_close(store->id_key, RECORD_LABEL_INTENT, buf_bytes(&columns), buf_bytes(&body), &envelope));
	stmt_bind_number(&q, (int64_t)intent->seq);
	stmt_bind_number(&q, intent->op);
	stmt_bind_bytes(&q, id_bytes(&intent->key));
	stmt_bind_bytes(&q, keystore_tag(store));
	stmt_bind_bytes(&q, bytes_of(intent->hardware_id, KEYSTORE_HARDWARE_ID_BYTES));
	stmt_bind_bytes(&q, buf_bytes(&envelope));
	TRY(stmt_run(&q));
	*ret_id = sqlite3_last_insert_rowid(store->db);
	return OK;
}

struct status keystore_intent_number(struct keystore *store, int64_t id, uint64_t seq)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_INTENT_NUMBER);

	TRY(keystore_in_transaction(store));
	stmt_bind_number(&q, (int64_t)seq);
	stmt_bind_number(&q, id);
	TRY(stmt_run(&q));
	/* An act whose intent is gone could not be finished after a crash. */
	ENSURE(sqlite3_changes(store->db) == 1, STORE_IO);
	return OK;
}

struct status keystore_intent_owe(struct keystore *store, uint64_t first)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_INTENT_OWE);

	TRY(keystore_in_transaction(store));
	stmt_bind_number(&q, (int64_t)first);
	return stmt_run(&q);
}

struct status keystore_intent_delete(struct keystore *store, int64_t id)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_INTENT_DELETE);

	TRY(keystore_in_transaction(store));
	stmt_bind_number(&q, id);
	return stmt_run(&q);
}

/* id, seq, op, key, node, hardware_id, record */
static struct status intent_of_row(struct keystore *store, struct stmt *q, struct intent *ret_intent)
{
	AUTO(buf_done) struct buf columns = buf_make(INTENT_COLUMNS_MAX);
	struct intent intent = { 0 };
	struct bytes body;

	intent.id = stmt_column_number(q, 0);
	intent.seq = (uint64_t)stmt_column_number(q, 1);
	TRY(intent_op_of(stmt_column_number(q, 2), &intent.op));
	TRY(column_array(q, 3, intent.key.bytes, KEYSTORE_ID_BYTES));
	ENSURE(bytes_equal(stmt_column(q, 4), keystore_tag(store)), RECORD_CORRUPT);
	TRY(column_array(q, 5, intent.hardware_id, KEYSTORE_HARDWARE_ID_BYTES));
	intent_columns_put(&columns, &intent, keystore_tag(store));
	TRY(buf_check(&columns));
	TRY(record_open(store->id_key, RECORD_LABEL_INTENT, buf_bytes(&columns), stmt_column(q, 6), &body));
	TRY(intent_body_get(body, &intent));
	*ret_intent = intent;
	return OK;
}

static struct status intent_damaged(struct stmt *q, const struct keystore_visitor *visitor)
{
	struct keystore_damage damage = { .table = KEYSTORE_INTENT };

	damage.has_id = column_array(q, 3, damage.id.bytes, KEYSTORE_ID_BYTES).code == STATUS_OK;
	return visitor->damaged(visitor->context, &damage);
}

static struct status load_intents(struct keystore *store, const struct keystore_visitor *visitor)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_INTENT_ALL);
	bool is_row;

	for (;;) {
		struct intent intent;
		struct status st;

		TRY(stmt_row(&q, &is_row));
		if (!is_row)
			return OK;
		st = intent_of_row(store, &q, &intent);
		if (st.code == STATUS_OK)
			st = visitor->intent(visitor->context, &intent);
		else if (is_damage(st, visitor))
			st = intent_damaged(&q, visitor);
		TRY(st);
	}
}

/* A row can be deleted only while the index has the same id as the row.  Where that cannot be mended everything else
 * still works. */
static void mend_indexes(struct keystore *store)
{
	(void)!run(store, STMT_REINDEX).code;
	store->has_damage = false;
}

struct status keystore_load(struct keystore *store, const struct keystore_visitor *visitor)
{
	if (visitor->fact != NULL)
		TRY(fact_load(store, visitor));
	if (visitor->space != NULL)
		TRY(load_spaces(store, visitor));
	if (visitor->key != NULL)
		TRY(load_keys(store, visitor));
	if (visitor->intent != NULL)
		TRY(load_intents(store, visitor));
	if (store->has_damage)
		mend_indexes(store);
	return OK;
}
