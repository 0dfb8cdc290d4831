/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "keystore/record.h"

static const uint8_t key[RECORD_KEY_BYTES] = { 7, 7, 7 };
static const struct bytes columns = { (const uint8_t *)"id and ns", 9 };

static struct key_record sample(void)
{
	struct key_record r = { .space = { .authenticator = 4,
					.domain = BYTES_LITERAL("d.example"),
					.tenant = BYTES_LITERAL("t"),
					.identity = BYTES_LITERAL("spiffe://d.example/x") },
		.name = BYTES_LITERAL("web"),
		.creator_authenticator = 4,
		.creator = BYTES_LITERAL("spiffe://d.example/x"),
		.provider = BYTES_LITERAL("tpm"),
		.provider_kind = 3,
		.attributes = { .kind = PSA_KEY_RSA_PAIR,
			.usage = PSA_USAGE_SIGN_HASH | PSA_USAGE_VERIFY_HASH,
			.bits = 2048,
			.alg = { .kind = PSA_ALG_RSA_PSS, .hash = PSA_HASH_SHA_256, .length = 3 } },
		.public_key = BYTES_LITERAL("public"),
		.blob = BYTES_LITERAL("blob"),
		.created_us = -5,
		.generation = 9 };

	memset(r.hardware_identity, 1, sizeof(r.hardware_identity));
	memset(r.hardware_id, 2, sizeof(r.hardware_id));
	return r;
}

static void assert_same(const struct key_record *a, const struct key_record *b)
{
	assert_int_equal(a->space.authenticator, b->space.authenticator);
	assert_bytes(a->space.domain, b->space.domain);
	assert_bytes(a->space.tenant, b->space.tenant);
	assert_bytes(a->space.identity, b->space.identity);
	assert_bytes(a->name, b->name);
	assert_int_equal(a->creator_authenticator, b->creator_authenticator);
	assert_bytes(a->creator, b->creator);
	assert_bytes(a->provider, b->provider);
	assert_int_equal(a->provider_kind, b->provider_kind);
	assert_memory_equal(a->hardware_identity, b->hardware_identity, 32);
	assert_memory_equal(a->hardware_id, b->hardware_id, KEYSTORE_HARDWARE_ID_BYTES);
	assert_memory_equal(&a->attributes, &b->attributes, sizeof(a->attributes));
	assert_bytes(a->public_key, b->public_key);
	assert_bytes(a->blob, b->blob);
	assert_true(a->created_us == b->created_us);
	assert_true(a->expires_us == b->expires_us);
}

static void envelope_of(struct buf *to, const struct key_record *r)
{
	struct buf body = buf_make(KEYSTORE_RECORD_MAX);

	assert_ok(record_key_put(&body, r));
	assert_ok(record_close(key, RECORD_LABEL_KEY, columns, buf_bytes(&body), to));
	buf_done(&body);
}

/* Both layers, as the store reads them. */
static struct status open_key(struct bytes envelope, struct key_record *ret)
{
	struct bytes body;

	TRY(record_open(key, RECORD_LABEL_KEY, columns, envelope, &body));
	return record_key_get(body, ret);
}

static void a_key_comes_back_as_it_went_in(void **state)
{
	struct buf envelope = buf_make(RECORD_STORED_MAX);
	struct key_record in = sample(), out;

	(void)state;
	envelope_of(&envelope, &in);
	assert_int_equal(envelope.data[0], RECORD_VERSION);
	assert_int_equal(envelope.data[1], RECORD_SEAL_NONE);
	assert_ok(open_key(buf_bytes(&envelope), &out));
	assert_same(&in, &out);
	buf_done(&envelope);
}

static void a_key_of_empty_fields_comes_back(void **state)
{
	struct buf envelope = buf_make(RECORD_STORED_MAX);
	struct key_record in = { .generation = 1 }, out;

	(void)state;
	envelope_of(&envelope, &in);
	assert_ok(open_key(buf_bytes(&envelope), &out));
	assert_same(&in, &out);
	buf_done(&envelope);
}

/* The field stands last and only where a key expires: what was written before it reads as a key that never does, and
 * what never expires is written as before. */
static void a_record_without_expiry_never_expires(void **state)
{
	enum { FIELD_BYTES = 2 + 4 + 8 };
	struct buf old = buf_make(KEYSTORE_RECORD_MAX), expiring = buf_make(KEYSTORE_RECORD_MAX);
	struct key_record in = sample(), out;

	(void)state;
	assert_ok(record_key_put(&old, &in));
	in.expires_us = 77000000;
	assert_ok(record_key_put(&expiring, &in));
	assert_int_equal(expiring.len, old.len + FIELD_BYTES);
	assert_memory_equal(expiring.data, old.data, old.len);
	assert_ok(record_key_get(buf_bytes(&old), &out));
	assert_true(out.expires_us == 0);
	assert_ok(record_key_get(buf_bytes(&expiring), &out));
	assert_true(out.expires_us == 77000000);
	for (size_t cut = 1; cut < FIELD_BYTES; cut++)
		assert_fails(record_key_get(bytes_of(expiring.data, expiring.len - cut), &out), RECORD_CORRUPT);
	/* never, written out; and another field in its place */
	memset(expiring.data + old.len + 6, 0, 8);
	assert_fails(record_key_get(buf_bytes(&expiring), &out), RECORD_CORRUPT);
	expiring.data[old.len + 6] = 1;
	assert_ok(record_key_get(buf_bytes(&expiring), &out));
	expiring.data[old.len]++;
	assert_fails(record_key_get(buf_bytes(&expiring), &out), RECORD_CORRUPT);
	buf_done(&old);
	buf_done(&expiring);
}

static void every_flipped_bit_of_an_envelope_is_found(void **state)
{
	struct buf envelope = buf_make(RECORD_STORED_MAX);
	struct key_record in = sample(), out;

	(void)state;
	envelope_of(&envelope, &in);
	for (size_t i = 0; i < envelope.len * 8; i++) {
		envelope.data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_fails(open_key(buf_bytes(&envelope), &out), RECORD_CORRUPT);
		envelope.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_ok(open_key(buf_bytes(&envelope), &out));
	buf_done(&envelope);
}

static void an_envelope_cut_anywhere_is_refused(void **state)
{
	struct buf envelope = buf_make(RECORD_STORED_MAX);
	struct key_record in = sample(), out;

	(void)state;
	envelope_of(&envelope, &in);
	for (size_t len = 0; len < envelope.len; len++) {
		uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a byte too far is seen */

		memcpy(exact, envelope.data, len);
		assert_fails(open_key(bytes_of(exact, len), &out), RECORD_CORRUPT);
		free(exact);
	}
	buf_put_u8(&envelope, 0);
	assert_fails(open_key(buf_bytes(&envelope), &out), RECORD_CORRUPT);
	buf_done(&envelope);
}

/* The decoder alone, as if the check had been forged. */
static void a_body_cut_or_flipped_anywhere_never_crashes(void **state)
{
	struct buf body = buf_make(KEYSTORE_RECORD_MAX);
	struct key_record in = sample(), out;

	(void)state;
	assert_ok(record_key_put(&body, &in));
	for (size_t len = 0; len < body.len; len++) {
		uint8_t *exact = malloc(len > 0 ? len : 1);

		memcpy(exact, body.data, len);
		assert_fails(record_key_get(bytes_of(exact, len), &out), RECORD_CORRUPT);
		free(exact);
	}
	for (size_t i = 0; i < body.len * 8; i++) {
		struct status st;

		body.data[i / 8] ^= (uint8_t)(1 << i % 8);
		st = record_key_get(buf_bytes(&body), &out);
		assert_true(st.code == STATUS_OK || st.code == STATUS_RECORD_CORRUPT);
		body.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	buf_put_u8(&body, 0);
	assert_fails(record_key_get(buf_bytes(&body), &out), RECORD_CORRUPT);
	buf_done(&body);
}

static void a_namespace_comes_back_and_every_cut_is_refused(void **state)
{
	struct buf body = buf_make(KEYSTORE_RECORD_MAX);
	struct namespace_record in = { .space = sample().space,
		.provider = BYTES_LITERAL("tpm"),
		.parent = BYTES_LITERAL("parent") },
				out;

	(void)state;
	assert_ok(record_space_put(&body, &in));
	assert_ok(record_space_get(buf_bytes(&body), &out));
	assert_int_equal(out.space.authenticator, 4);
	assert_bytes(out.space.domain, in.space.domain);
	assert_bytes(out.space.tenant, in.space.tenant);
	assert_bytes(out.space.identity, in.space.identity);
	assert_bytes(out.provider, in.provider);
	assert_bytes(out.parent, in.parent);
	for (size_t len = 0; len < body.len; len++)
		assert_fails(record_space_get(bytes_of(body.data, len), &out), RECORD_CORRUPT);
	buf_put_u8(&body, 0);
	assert_fails(record_space_get(buf_bytes(&body), &out), RECORD_CORRUPT);
	buf_done(&body);
}

static void another_key_label_or_row_does_not_open_an_envelope(void **state)
{
	static const uint8_t other[RECORD_KEY_BYTES] = { 8 };
	struct buf envelope = buf_make(RECORD_STORED_MAX);
	struct key_record in = sample();
	struct bytes body;

	(void)state;
	envelope_of(&envelope, &in);
	assert_fails(record_open(other, RECORD_LABEL_KEY, columns, buf_bytes(&envelope), &body), RECORD_CORRUPT);
	assert_fails(record_open(key, RECORD_LABEL_SPACE, columns, buf_bytes(&envelope), &body), RECORD_CORRUPT);
	assert_fails(record_open(key, RECORD_LABEL_KEY, BYTES_LITERAL("id and nt"), buf_bytes(&envelope), &body),
		RECORD_CORRUPT);
	assert_fails(
		record_open(key, RECORD_LABEL_KEY, (struct bytes){ 0 }, buf_bytes(&envelope), &body), RECORD_CORRUPT);
	assert_ok(record_open(key, RECORD_LABEL_KEY, columns, buf_bytes(&envelope), &body));
	buf_done(&envelope);
}

/* Sealing comes later: a record that says it is sealed, or of a later version, is not half understood. */
static void unknown_versions_and_seals_are_refused_though_the_check_fits(void **state)
{
	static const uint8_t heads[][4] = { { 0, 0, 0, 0 }, { 2, 0, 0, 0 }, { 1, 1, 0, 0 }, { 1, 0xff, 0, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct buf envelope = buf_make(256);
		uint8_t check[RECORD_CHECK_BYTES];
		struct bytes body;

		buf_put(&envelope, bytes_of(heads[i], 4));
		buf_put_text(&envelope, "body");
		assert_ok(record_hmac(key, RECORD_LABEL_KEY, columns, buf_bytes(&envelope), check));
		buf_put(&envelope, bytes_of(check, sizeof(check)));
		assert_fails(record_open(key, RECORD_LABEL_KEY, columns, buf_bytes(&envelope), &body), RECORD_CORRUPT);
		buf_done(&envelope);
	}
}

static void the_hmac_separates_label_columns_and_rest(void **state)
{
	uint8_t a[RECORD_CHECK_BYTES], b[RECORD_CHECK_BYTES];

	(void)state;
	assert_ok(record_hmac(key, RECORD_LABEL_KEY, BYTES_LITERAL("ab"), BYTES_LITERAL("c"), a));
	assert_ok(record_hmac(key, RECORD_LABEL_KEY, BYTES_LITERAL("ab"), BYTES_LITERAL("c"), b));
	assert_memory_equal(a, b, sizeof(a));
	assert_ok(record_hmac(key, RECORD_LABEL_KEY, BYTES_LITERAL("a"), BYTES_LITERAL("bc"), b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_ok(record_hmac(key, RECORD_LABEL_KV, BYTES_LITERAL("ab"), BYTES_LITERAL("c"), b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void fields_must_come_in_order_and_within_their_limit(void **state)
{
	struct buf body = buf_make(64);
	struct reader from;

	(void)state;
	record_field_put(&body, 3, BYTES_LITERAL("abc"));
	from = reader_of(buf_bytes(&body));
	assert_bytes(record_field_get(&from, 3, 3), BYTES_LITERAL("abc"));
	assert_true(reader_done(&from));
	from = reader_of(buf_bytes(&body));
	assert_int_equal(record_field_get(&from, 4, 3).len, 0);
	assert_true(from.bad);
	from = reader_of(buf_bytes(&body));
	assert_int_equal(record_field_get(&from, 3, 2).len, 0);
	assert_true(from.bad);
	buf_done(&body);
}

static void a_field_over_its_maximum_is_refused(void **state)
{
	static const uint8_t big[KEYSTORE_BLOB_MAX + 1];
	const struct {
		size_t field; /* offset of the view in struct key_record */
		size_t max;
	} rows[] = {
		{ offsetof(struct key_record, space.domain), KEYSTORE_IDENTITY_MAX },
		{ offsetof(struct key_record, space.tenant), KEYSTORE_TENANT_MAX },
		{ offsetof(struct key_record, space.identity), KEYSTORE_IDENTITY_MAX },
		{ offsetof(struct key_record, name), KEYSTORE_NAME_MAX },
		{ offsetof(struct key_record, creator), KEYSTORE_IDENTITY_MAX },
		{ offsetof(struct key_record, provider), KEYSTORE_PROVIDER_MAX },
		{ offsetof(struct key_record, public_key), PSA_PUBLIC_MAX_BYTES },
		{ offsetof(struct key_record, blob), KEYSTORE_BLOB_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf body = buf_make(KEYSTORE_RECORD_MAX);
		struct key_record r = sample(), *made = NULL, out;
		struct bytes fits = bytes_of(big, rows[i].max), over = bytes_of(big, rows[i].max + 1);

		memcpy((uint8_t *)&r + rows[i].field, &fits, sizeof(fits));
		assert_ok(record_key_put(&body, &r));
		assert_ok(record_key_get(buf_bytes(&body), &out));
		assert_ok(key_record_new(&r, &made));
		key_record_unref(made);
		buf_clear(&body);
		memcpy((uint8_t *)&r + rows[i].field, &over, sizeof(over));
		assert_fails(record_key_put(&body, &r), LIMIT);
		assert_fails(key_record_new(&r, &made), LIMIT);
		buf_done(&body);
	}
}

static void a_new_record_owns_what_it_shows_and_lives_as_long_as_its_references(void **state)
{
	char name[] = "web";
	struct key_record in = sample(), *made = NULL;

	(void)state;
	in.name = bytes_of(name, 3);
	assert_ok(key_record_new(&in, &made));
	memset(name, 'x', 3);
	assert_bytes(made->name, BYTES_LITERAL("web"));
	in.name = BYTES_LITERAL("web");
	assert_same(&in, made);
	assert_int_equal(made->generation, 9);
	assert_ptr_equal(key_record_ref(made), made);
	key_record_unref(made);
	assert_bytes(made->blob, BYTES_LITERAL("blob")); /* freed here, the sanitizer would say so */
	key_record_unref(made);
	key_record_unref(NULL);
}

static void namespaces_are_read_as_they_were_written(void **state)
{
	struct buf encoded = buf_make(256);
	struct namespace_name in = sample().space, out;
	struct reader from;

	(void)state;
	namespace_name_put(&encoded, &in);
	from = reader_of(buf_bytes(&encoded));
	assert_ok(namespace_name_get(&from, &out));
	assert_true(reader_done(&from));
	assert_bytes(out.tenant, in.tenant);
	for (size_t len = 0; len < encoded.len; len++) {
		from = reader_of(bytes_of(encoded.data, len));
		assert_fails(namespace_name_get(&from, &out), RECORD_CORRUPT);
	}
	buf_done(&encoded);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_key_comes_back_as_it_went_in),
	cmocka_unit_test(a_key_of_empty_fields_comes_back),
	cmocka_unit_test(a_record_without_expiry_never_expires),
	cmocka_unit_test(every_flipped_bit_of_an_envelope_is_found),
	cmocka_unit_test(an_envelope_cut_anywhere_is_refused),
	cmocka_unit_test(a_body_cut_or_flipped_anywhere_never_crashes),
	cmocka_unit_test(a_namespace_comes_back_and_every_cut_is_refused),
	cmocka_unit_test(another_key_label_or_row_does_not_open_an_envelope),
	cmocka_unit_test(unknown_versions_and_seals_are_refused_though_the_check_fits),
	cmocka_unit_test(the_hmac_separates_label_columns_and_rest),
	cmocka_unit_test(fields_must_come_in_order_and_within_their_limit),
	cmocka_unit_test(a_field_over_its_maximum_is_refused),
	cmocka_unit_test(a_new_record_owns_what_it_shows_and_lives_as_long_as_its_references),
	cmocka_unit_test(namespaces_are_read_as_they_were_written),
};

UNIT_MAIN(tests)
