/* SPDX-License-Identifier: Apache-2.0 */
#include "keystore/record.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/secret.h"
#include "crypto/digest.h"

/* Numbers are never used for something else. */
enum record_tag {
	TAG_SPACE = 1,
	TAG_NAME = 2,
	TAG_CREATOR_AUTHENTICATOR = 3,
	TAG_CREATOR = 4,
	TAG_PROVIDER = 5,
	TAG_PROVIDER_KIND = 6,
	TAG_HARDWARE_IDENTITY = 7,
	TAG_HARDWARE_ID = 8,
	TAG_ATTRIBUTES = 9,
	TAG_PUBLIC_KEY = 10,
	TAG_BLOB = 11,
	TAG_CREATED = 12,
	TAG_PARENT = 13,
	TAG_EXPIRES = 14, /* last, and only where a key expires: records from before it have none */
};

enum {
	SPACE_MAX = 1 + 3 * 4 + KEYSTORE_IDENTITY_MAX + KEYSTORE_TENANT_MAX + KEYSTORE_IDENTITY_MAX,
	HMAC_INPUT_MAX = RECORD_STORED_MAX + SPACE_MAX + 1024,
};

_Static_assert((int)RECORD_CHECK_BYTES == (int)DIGEST_SHA256_BYTES, "the check is one HMAC-SHA-256");

/* ---- envelope ----------------------------------------------------------------------------------- */

struct status record_hmac(const uint8_t key[RECORD_KEY_BYTES], enum record_label label, struct bytes columns,
	struct bytes rest, uint8_t ret[RECORD_CHECK_BYTES])
{
	AUTO(buf_done) struct buf input = buf_make(HMAC_INPUT_MAX);

	buf_put_u8(&input, (uint8_t)label);
	buf_put_sized(&input, columns);
	buf_put(&input, rest);
	TRY(buf_check(&input));
	return digest_hmac_sha256(bytes_of(key, RECORD_KEY_BYTES), buf_bytes(&input), ret);
}

struct status record_close(const uint8_t key[RECORD_KEY_BYTES], enum record_label label, struct bytes columns,
	struct bytes body, struct buf *to)
{
	size_t start = to->len;
	uint8_t check[RECORD_CHECK_BYTES];

	buf_put_u8(to, RECORD_VERSION);
	buf_put_u8(to, RECORD_SEAL_NONE);
	buf_put_u16(to, 0);
	buf_put(to, body);
	TRY(buf_check(to));
	TRY(record_hmac(key, label, columns, bytes_of(to->data + start, to->len - start), check));
	buf_put(to, bytes_of(check, sizeof(check)));
	return buf_check(to);
}

struct status record_open(const uint8_t key[RECORD_KEY_BYTES], enum record_label label, struct bytes columns,
	struct bytes envelope, struct bytes *ret_body)
{
	uint8_t check[RECORD_CHECK_BYTES];
	struct bytes before;

	ENSURE(envelope.len >= RECORD_HEADER_BYTES + RECORD_CHECK_BYTES, RECORD_CORRUPT);
	ENSURE(envelope.len <= RECORD_STORED_MAX, RECORD_CORRUPT);
	ENSURE(envelope.data[0] == RECORD_VERSION && envelope.data[1] == RECORD_SEAL_NONE, RECORD_CORRUPT);
	before = bytes_of(envelope.data, envelope.len - RECORD_CHECK_BYTES);
	TRY(record_hmac(key, label, columns, before, check));
	ENSURE(ct_equal(bytes_of(check, sizeof(check)), bytes_of(envelope.data + before.len, RECORD_CHECK_BYTES)),
		RECORD_CORRUPT);

	*ret_body = bytes_of(envelope.data + RECORD_HEADER_BYTES, before.len - RECORD_HEADER_BYTES);
	return OK;
}

/* ---- fields ------------------------------------------------------------------------------------- */

void record_field_put(struct buf *to, uint16_t tag, struct bytes value)
{
	buf_put_u16(to, tag);
	buf_put_sized(to, value);
}

struct bytes record_field_get(struct reader *from, uint16_t tag, size_t max)
{
	if (reader_u16(from) != tag)
		from->bad = true;
	return reader_sized(from, max);
}

static void put_u8(struct buf *to, uint16_t tag, uint8_t value)
{
	record_field_put(to, tag, bytes_of(&value, 1));
}

static uint8_t get_u8(struct reader *from, uint16_t tag)
{
	struct reader field = reader_of(record_field_get(from, tag, 1));
	uint8_t value = reader_u8(&field);

	from->bad |= !reader_done(&field);
	return value;
}

/* A field of exactly len bytes. */
static void get_array(struct reader *from, uint16_t tag, uint8_t *ret, size_t len)
{
	struct bytes field = record_field_get(from, tag, len);

	if (field.len != len)
		from->bad = true;
	else
		memcpy(ret, field.data, len);
}

/* ---- namespaces --------------------------------------------------------------------------------- */

void namespace_name_put(struct buf *to, const struct namespace_name *name)
{
	buf_put_u8(to, name->authenticator);
	buf_put_sized(to, name->domain);
	buf_put_sized(to, name->tenant);
	buf_put_sized(to, name->identity);
}

struct status namespace_name_get(struct reader *from, struct namespace_name *ret_name)
{
	struct namespace_name name;

	name.authenticator = reader_u8(from);
	name.domain = reader_sized(from, KEYSTORE_IDENTITY_MAX);
	name.tenant = reader_sized(from, KEYSTORE_TENANT_MAX);
	name.identity = reader_sized(from, KEYSTORE_IDENTITY_MAX);
	ENSURE(!from->bad, RECORD_CORRUPT);
	*ret_name = name;
	return OK;
}

bool record_space_fits(const struct namespace_name *space)
{
	return space->domain.len <= KEYSTORE_IDENTITY_MAX && space->tenant.len <= KEYSTORE_TENANT_MAX &&
	       space->identity.len <= KEYSTORE_IDENTITY_MAX;
}

static void put_space(struct buf *to, const struct namespace_name *space)
{
	AUTO(buf_done) struct buf encoded = buf_make(SPACE_MAX);

	namespace_name_put(&encoded, space);
	to->bad |= encoded.bad;
	record_field_put(to, TAG_SPACE, buf_bytes(&encoded));
}

static struct status get_space(struct reader *from, struct namespace_name *ret_space)
{
	struct reader field = reader_of(record_field_get(from, TAG_SPACE, SPACE_MAX));
	struct namespace_name space;

	TRY(namespace_name_get(&field, &space));
	ENSURE(reader_done(&field), RECORD_CORRUPT);
	*ret_space = space;
	return OK;
}

struct status record_space_put(struct buf *to, const struct namespace_record *record)
{
	ENSURE(record_space_fits(&record->space), LIMIT);
	ENSURE(record->provider.len <= KEYSTORE_PROVIDER_MAX && record->parent.len <= KEYSTORE_BLOB_MAX, LIMIT);
	put_space(to, &record->space);
	record_field_put(to, TAG_PROVIDER, record->provider);
	record_field_put(to, TAG_PARENT, record->parent);
	return buf_check(to);
}

struct status record_space_get(struct bytes body, struct namespace_record *ret_record)
{
	struct reader from = reader_of(body);
	struct namespace_record record = { 0 };

	TRY(get_space(&from, &record.space));
	record.provider = record_field_get(&from, TAG_PROVIDER, KEYSTORE_PROVIDER_MAX);
	record.parent = record_field_get(&from, TAG_PARENT, KEYSTORE_BLOB_MAX);
	ENSURE(reader_done(&from), RECORD_CORRUPT);
	*ret_record = record;
	return OK;
}

/* ---- keys --------------------------------------------------------------------------------------- */

static bool key_fits(const struct key_record *r)
{
	return record_space_fits(&r->space) && r->name.len <= KEYSTORE_NAME_MAX &&
	       r->creator.len <= KEYSTORE_IDENTITY_MAX && r->provider.len <= KEYSTORE_PROVIDER_MAX &&
	       r->public_key.len <= PSA_PUBLIC_MAX_BYTES && r->blob.len <= KEYSTORE_BLOB_MAX;
}

static void put_attributes(struct buf *to, const struct psa_key_attributes *attributes)
{
	AUTO(buf_done) struct buf encoded = buf_make(PSA_ATTRIBUTES_BYTES);

	psa_attributes_put(&encoded, attributes);
	to->bad |= encoded.bad;
	record_field_put(to, TAG_ATTRIBUTES, buf_bytes(&encoded));
}

static void get_attributes(struct reader *from, struct psa_key_attributes *ret_attributes)
{
	struct reader field = reader_of(record_field_get(from, TAG_ATTRIBUTES, PSA_ATTRIBUTES_BYTES));

	psa_attributes_get(&field, ret_attributes);
	from->bad |= !reader_done(&field);
}

static void put_time(struct buf *to, uint16_t tag, int64_t time_us)
{
	uint8_t raw[8];

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)((uint64_t)time_us >> (8 * i));
	record_field_put(to, tag, bytes_of(raw, sizeof(raw)));
}

static int64_t get_time(struct reader *from, uint16_t tag)
{
	struct reader field = reader_of(record_field_get(from, tag, 8));
	uint64_t value = reader_u64(&field);

	from->bad |= !reader_done(&field);
	return (int64_t)value;
}

struct status record_key_put(struct buf *to, const struct key_record *record)
{
	ENSURE(key_fits(record), LIMIT);
	put_space(to, &record->space);
	record_field_put(to, TAG_NAME, record->name);
	put_u8(to, TAG_CREATOR_AUTHENTICATOR, record->creator_authenticator);
	record_field_put(to, TAG_CREATOR, record->creator);
	record_field_put(to, TAG_PROVIDER, record->provider);
	put_u8(to, TAG_PROVIDER_KIND, record->provider_kind);
	record_field_put(to, TAG_HARDWARE_IDENTITY, bytes_of(record->hardware_identity, 32));
	record_field_put(to, TAG_HARDWARE_ID, bytes_of(record->hardware_id, KEYSTORE_HARDWARE_ID_BYTES));
	put_attributes(to, &record->attributes);
	record_field_put(to, TAG_PUBLIC_KEY, record->public_key);
	record_field_put(to, TAG_BLOB, record->blob);
	put_time(to, TAG_CREATED, record->created_us);
	if (record->expires_us != 0)
		put_time(to, TAG_EXPIRES, record->expires_us);
	return buf_check(to);
}

struct status record_key_get(struct bytes body, struct key_record *ret_record)
{
	struct reader from = reader_of(body);
	struct key_record record = { 0 };

	TRY(get_space(&from, &record.space));
	record.name = record_field_get(&from, TAG_NAME, KEYSTORE_NAME_MAX);
	record.creator_authenticator = get_u8(&from, TAG_CREATOR_AUTHENTICATOR);
	record.creator = record_field_get(&from, TAG_CREATOR, KEYSTORE_IDENTITY_MAX);
	record.provider = record_field_get(&from, TAG_PROVIDER, KEYSTORE_PROVIDER_MAX);
	record.provider_kind = get_u8(&from, TAG_PROVIDER_KIND);
	get_array(&from, TAG_HARDWARE_IDENTITY, record.hardware_identity, sizeof(record.hardware_identity));
	get_array(&from, TAG_HARDWARE_ID, record.hardware_id, sizeof(record.hardware_id));
	get_attributes(&from, &record.attributes);
	record.public_key = record_field_get(&from, TAG_PUBLIC_KEY, PSA_PUBLIC_MAX_BYTES);
	record.blob = record_field_get(&from, TAG_BLOB, KEYSTORE_BLOB_MAX);
	record.created_us = get_time(&from, TAG_CREATED);
	if (from.left.len > 0) {
		record.expires_us = get_time(&from, TAG_EXPIRES);
		from.bad |= record.expires_us == 0; /* never is not written */
	}
	ENSURE(reader_done(&from), RECORD_CORRUPT);
	*ret_record = record;
	return OK;
}

void record_key_peek(struct bytes envelope, struct key_record *record)
{
	struct key_record all, names = *record;
	struct reader from;
	struct bytes body;

	if (envelope.len < RECORD_HEADER_BYTES + RECORD_CHECK_BYTES)
		return;
	body = bytes_of(envelope.data + RECORD_HEADER_BYTES, envelope.len - RECORD_HEADER_BYTES - RECORD_CHECK_BYTES);
	if (record_key_get(body, &all).code == STATUS_OK) {
		all.generation = record->generation;
		*record = all;
		return;
	}
	from = reader_of(body);
	if (get_space(&from, &names.space).code != STATUS_OK)
		return;
	names.name = record_field_get(&from, TAG_NAME, KEYSTORE_NAME_MAX);
	if (!from.bad)
		*record = names;
}

/* ---- counted records ---------------------------------------------------------------------------- */

struct counted {
	atomic_uint references;
	struct key_record record;
	uint8_t data[];
};

static struct counted *counted_of(struct key_record *record)
{
	return (struct counted *)(void *)((uint8_t *)record - offsetof(struct counted, record));
}

/* Copy a view's bytes to *at and make it a view of the copy. */
static void move_in(struct bytes *view, uint8_t **at)
{
	if (view->len > 0)
		memcpy(*at, view->data, view->len);
	view->data = *at;
	*at += view->len;
}

struct status key_record_new(const struct key_record *from, struct key_record **ret_record)
{
	struct counted *made;
	struct key_record *r;
	struct bytes *views[8];
	uint8_t *at;
	size_t size = 0;

	ENSURE(key_fits(from), LIMIT);
	size = from->space.domain.len + from->space.tenant.len + from->space.identity.len + from->name.len +
	       from->creator.len + from->provider.len + from->public_key.len + from->blob.len;
	made = malloc(sizeof(*made) + size);
	ENSURE(made != NULL, NO_MEMORY);
	atomic_init(&made->references, 1);
	made->record = *from;
	r = &made->record;
	views[0] = &r->space.domain;
	views[1] = &r->space.tenant;
	views[2] = &r->space.identity;
	views[3] = &r->name;
	views[4] = &r->creator;
	views[5] = &r->provider;
	views[6] = &r->public_key;
	views[7] = &r->blob;
	at = made->data;
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		move_in(views[i], &at);
	*ret_record = r;
	return OK;
}

struct key_record *key_record_ref(struct key_record *record)
{
	(void)atomic_fetch_add_explicit(&counted_of(record)->references, 1, memory_order_relaxed);
	return record;
}

void key_record_unref(struct key_record *record)
{
	if (record == NULL)
		return;
	if (atomic_fetch_sub_explicit(&counted_of(record)->references, 1, memory_order_acq_rel) == 1)
		free(counted_of(record));
}
