/* SPDX-License-Identifier: Apache-2.0 */
#include "keystore/fact.h"

#include <string.h>

#include "base/own.h"

enum { FACT_COLUMNS_MAX = 64, FACT_BODY_MAX = KEYSTORE_FACT_ID_MAX + KEYSTORE_FACT_MAX + 64 };

enum fact_tag { TAG_ID = 1, TAG_VALUE = 2 };

_Static_assert((int)FACT_BODY_MAX <= (int)KEYSTORE_RECORD_MAX, "a fact fits an envelope");

/* The row's name: an HMAC of kind and id, as with keys. */
static struct status fact_id(const struct keystore *store, const struct fact *fact, struct keystore_id *ret_id)
{
	uint8_t kind = (uint8_t)fact->kind;

	ENSURE(fact->kind > FACT_NONE && fact->kind < FACT_KIND_COUNT && fact->id.len <= KEYSTORE_FACT_ID_MAX, LIMIT);
	return record_hmac(store->id_key, RECORD_LABEL_FACT_ID, bytes_of(&kind, 1), fact->id, ret_id->bytes);
}

static struct status fact_columns(const struct keystore_id *id, enum fact_kind kind, struct buf *to)
{
	buf_put(to, bytes_of(id->bytes, KEYSTORE_ID_BYTES));
	buf_put_u8(to, (uint8_t)kind);
	return buf_check(to);
}

struct status keystore_fact_put(struct keystore *store, const struct fact *fact)
{
	AUTO(buf_done) struct buf columns = buf_make(FACT_COLUMNS_MAX);
	AUTO(buf_done) struct buf body = buf_make(FACT_BODY_MAX);
	AUTO(buf_done) struct buf envelope = buf_make(RECORD_STORED_MAX);
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_FACT_PUT);
	struct keystore_id id;

	TRY(keystore_in_transaction(store));
	ENSURE(fact->value.len <= KEYSTORE_FACT_MAX, LIMIT);
	TRY(fact_id(store, fact, &id));
	record_field_put(&body, TAG_ID, fact->id);
	record_field_put(&body, TAG_VALUE, fact->value);
	TRY(buf_check(&body));
	TRY(fact_columns(&id, fact->kind, &columns));
	TRY(record_close(store->id_key, RECORD_LABEL_FACT, buf_bytes(&columns), buf_bytes(&body), &envelope));
	stmt_bind_bytes(&q, bytes_of(id.bytes, KEYSTORE_ID_BYTES));
	stmt_bind_number(&q, fact->kind);
	stmt_bind_bytes(&q, buf_bytes(&envelope));
	return stmt_run(&q);
}

struct status keystore_fact_delete(struct keystore *store, const struct fact *fact)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_FACT_DELETE);
	struct keystore_id id;

	TRY(keystore_in_transaction(store));
	TRY(fact_id(store, fact, &id));
	stmt_bind_bytes(&q, bytes_of(id.bytes, KEYSTORE_ID_BYTES));
	return stmt_run(&q);
}

/* id, kind, record; the views of ret_fact are into the row. */
static struct status fact_of_row(struct keystore *store, struct stmt *q, struct fact *ret_fact)
{
	AUTO(buf_done) struct buf columns = buf_make(FACT_COLUMNS_MAX);
	struct bytes column = stmt_column(q, 0), body;
	struct keystore_id id, computed;
	struct fact fact = { 0 };
	struct reader from;
	int64_t kind = stmt_column_number(q, 1);

	ENSURE(column.len == KEYSTORE_ID_BYTES && kind > FACT_NONE && kind < FACT_KIND_COUNT, RECORD_CORRUPT);
	memcpy(id.bytes, column.data, KEYSTORE_ID_BYTES);
	fact.kind = (enum fact_kind)kind;
	TRY(fact_columns(&id, fact.kind, &columns));
	TRY(record_open(store->id_key, RECORD_LABEL_FACT, buf_bytes(&columns), stmt_column(q, 2), &body));
	from = reader_of(body);
	fact.id = record_field_get(&from, TAG_ID, KEYSTORE_FACT_ID_MAX);
	fact.value = record_field_get(&from, TAG_VALUE, KEYSTORE_FACT_MAX);
	ENSURE(reader_done(&from), RECORD_CORRUPT);
	TRY(fact_id(store, &fact, &computed));
	ENSURE(memcmp(computed.bytes, id.bytes, KEYSTORE_ID_BYTES) == 0, RECORD_CORRUPT);
	*ret_fact = fact;
	return OK;
}

static struct status check_count(struct keystore *store)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_FACT_COUNT);
	bool is_row;

	TRY(stmt_row(&q, &is_row));
	ENSURE(!is_row || stmt_column_number(&q, 0) <= KEYSTORE_FACTS_MAX, LIMIT);
	return OK;
}

static bool is_heard_anew(int64_t kind)
{
	return kind == FACT_TRUST || kind == FACT_ISSUER;
}

/* Does the row open if it is of this kind? */
static bool is_of_kind(const struct keystore *store, struct stmt *q, enum fact_kind kind)
{
	AUTO(buf_done) struct buf columns = buf_make(FACT_COLUMNS_MAX);
	struct bytes id_column = stmt_column(q, 0), body;
	struct keystore_id id;

	if (id_column.len != KEYSTORE_ID_BYTES)
		return false;
	memcpy(id.bytes, id_column.data, KEYSTORE_ID_BYTES);
	return fact_columns(&id, kind, &columns).code == STATUS_OK &&
	       record_open(store->id_key, RECORD_LABEL_FACT, buf_bytes(&columns), stmt_column(q, 2), &body).code ==
		       STATUS_OK;
}

/* What was heard of a trust domain or issuer forbids nothing, and is heard anew.  Who can make another fact look like
 * one could as well delete it; but damage may have hit the kind. */
static bool can_be_lost(const struct keystore *store, struct stmt *q)
{
	if (!is_heard_anew(stmt_column_number(q, 1)))
		return false;
	for (int kind = FACT_NONE + 1; kind < FACT_KIND_COUNT; kind++)
		if (!is_heard_anew(kind) && is_of_kind(store, q, (enum fact_kind)kind))
			return false;
	return true;
}

static struct status fact_damaged(struct stmt *q, const struct keystore_visitor *visitor)
{
	struct keystore_damage damage = { .table = KEYSTORE_FACT };
	struct bytes id = stmt_column(q, 0);

	damage.has_id = id.len == KEYSTORE_ID_BYTES;
	if (damage.has_id)
		memcpy(damage.id.bytes, id.data, KEYSTORE_ID_BYTES);
	return visitor->damaged(visitor->context, &damage);
}

struct status fact_load(struct keystore *store, const struct keystore_visitor *visitor)
{
	AUTO(stmt_end) struct stmt q = stmt_use(&store->statements, STMT_FACT_ALL);
	bool is_row;

	TRY(check_count(store));
	for (;;) {
		struct fact fact;
		struct status st;

		TRY(stmt_row(&q, &is_row));
		if (!is_row)
			return OK;
		st = fact_of_row(store, &q, &fact);
		if (st.code == STATUS_OK)
			st = visitor->fact(visitor->context, &fact);
		else if (st.code == STATUS_RECORD_CORRUPT && visitor->damaged != NULL && can_be_lost(store, &q))
			st = fact_damaged(&q, visitor);
		TRY(st);
	}
}
