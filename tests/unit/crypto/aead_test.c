/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "base/own.h"
#include "crypto/aead.h"
#include "tests/support/hex.h"

static const uint8_t key_bytes[AEAD_KEY_BYTES] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
	20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };
static const struct bytes key = { key_bytes, sizeof(key_bytes) };
static const struct bytes aad = { (const uint8_t *)"who it belongs to", 17 };
static const struct bytes plain = { (const uint8_t *)"plain text", 10 };

/* Made with another library: version 1, nonce 00..0b, AES-256-GCM, associated data version || "who it belongs to". */
static const char fixed[] = "01000102030405060708090a0b376eb772abc5b67ef5351bd757ee6da887fc07653d8d42756aaa";

static void a_piece_of_the_published_format_opens(void **state)
{
	struct hex sealed = hex_of(fixed);
	AUTO(secret_done) struct secret got = { 0 };

	(void)state;
	assert_ok(aead_open(key, aad, hex_bytes(&sealed), &got));
	assert_bytes(secret_bytes(&got), plain);
}

static void what_was_sealed_opens_and_never_looks_the_same_twice(void **state)
{
	AUTO(buf_done) struct buf one = buf_make(256);
	AUTO(buf_done) struct buf two = buf_make(256);
	AUTO(secret_done) struct secret got = { 0 };

	(void)state;
	assert_ok(aead_seal(key, aad, plain, &one));
	assert_ok(aead_seal(key, aad, plain, &two));
	assert_int_equal(one.len, plain.len + AEAD_OVERHEAD_BYTES);
	assert_false(bytes_equal(buf_bytes(&one), buf_bytes(&two)));
	assert_ok(aead_open(key, aad, buf_bytes(&one), &got));
	assert_bytes(secret_bytes(&got), plain);
}

static void a_piece_changed_in_any_bit_or_cut_anywhere_is_refused(void **state)
{
	struct hex sealed = hex_of(fixed);
	AUTO(secret_done) struct secret got = { 0 };

	(void)state;
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_fails(aead_open(key, aad, hex_bytes(&sealed), &got), DEVICE_INTEGRITY);
		sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < sealed.len; cut++)
		assert_fails(aead_open(key, aad, bytes_of(sealed.data, cut), &got), DEVICE_INTEGRITY);
	assert_fails(aead_open(key, aad, bytes_of(sealed.data, sealed.len + 1), &got), DEVICE_INTEGRITY);
	assert_null(got.data);
}

static void another_key_or_other_associated_data_is_refused(void **state)
{
	struct hex sealed = hex_of(fixed);
	uint8_t other[AEAD_KEY_BYTES] = { 0 };
	AUTO(secret_done) struct secret got = { 0 };

	(void)state;
	assert_fails(aead_open(bytes_of(other, sizeof(other)), aad, hex_bytes(&sealed), &got), DEVICE_INTEGRITY);
	assert_fails(aead_open(key, BYTES_LITERAL("who it belonged to"), hex_bytes(&sealed), &got), DEVICE_INTEGRITY);
	assert_fails(aead_open(key, (struct bytes){ 0 }, hex_bytes(&sealed), &got), DEVICE_INTEGRITY);
}

static void lengths_outside_the_bounds_are_refused(void **state)
{
	static uint8_t big[AEAD_PLAIN_MAX + 1];
	AUTO(buf_done) struct buf out = buf_make(plain.len + AEAD_OVERHEAD_BYTES - 1);

	(void)state;
	assert_fails(aead_seal(key, aad, plain, &out), LIMIT); /* the buffer's cap */
	buf_clear(&out);
	assert_fails(aead_seal(bytes_of(key.data, 16), aad, plain, &out), LIMIT);
	assert_fails(aead_seal(key, bytes_of(big, AEAD_AAD_MAX + 1), plain, &out), LIMIT);
	assert_fails(aead_seal(key, aad, (struct bytes){ 0 }, &out), LIMIT);
	assert_fails(aead_seal(key, aad, bytes_of(big, sizeof(big)), &out), LIMIT);
	assert_int_equal(out.len, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_piece_of_the_published_format_opens),
	cmocka_unit_test(what_was_sealed_opens_and_never_looks_the_same_twice),
	cmocka_unit_test(a_piece_changed_in_any_bit_or_cut_anywhere_is_refused),
	cmocka_unit_test(another_key_or_other_associated_data_is_refused),
	cmocka_unit_test(lengths_outside_the_bounds_are_refused),
};

UNIT_MAIN(tests)
