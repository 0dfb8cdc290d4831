/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/der.h"

#include <string.h>

enum {
	TAG_INTEGER = 0x02,
	TAG_BIT_STRING = 0x03,
	TAG_OCTET_STRING = 0x04,
	TAG_SEQUENCE = 0x30,
	LENGTH_ONE_BYTE = 0x81, /* the length stands in one byte after this */
	LENGTH_TWO_BYTES = 0x82,
	SHORT_MAX = 127,
};

/* AlgorithmIdentifiers of the keys that we know, complete with their tag and length. */
static const uint8_t id_rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
	0x00 };
static const uint8_t id_p256[] = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
	0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t id_p384[] = { 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
	0x81, 0x04, 0x00, 0x22 };
static const uint8_t id_p521[] = { 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
	0x81, 0x04, 0x00, 0x23 };

static const struct known {
	uint32_t bits; /* 0: RSA, any size */
	struct bytes id;
} known[] = {
	{ 0, { id_rsa, sizeof(id_rsa) } },
	{ 256, { id_p256, sizeof(id_p256) } },
	{ 384, { id_p384, sizeof(id_p384) } },
	{ 521, { id_p521, sizeof(id_p521) } },
};

/* ---- writing ------------------------------------------------------------------------------------ */

static size_t header_bytes(size_t len)
{
	return len <= SHORT_MAX ? 2 : len <= UINT8_MAX ? 3 : 4;
}

static void put_header(struct buf *to, uint8_t tag, size_t len)
{
	buf_put_u8(to, tag);
	if (len > UINT8_MAX) {
		buf_put_u8(to, LENGTH_TWO_BYTES);
		buf_put_u8(to, (uint8_t)(len >> 8));
	} else if (len > SHORT_MAX) {
		buf_put_u8(to, LENGTH_ONE_BYTE);
	}
	buf_put_u8(to, (uint8_t)len);
}

static struct bytes without_zeros(struct bytes number)
{
	while (number.len > 0 && number.data[0] == 0)
		number = bytes_of(number.data + 1, number.len - 1);
	return number;
}

/* A positive integer needs a zero in front when its first bit is set. */
static size_t integer_bytes(struct bytes number)
{
	return number.len + (number.data[0] >> 7);
}

static void put_integer(struct buf *to, struct bytes number)
{
	put_header(to, TAG_INTEGER, integer_bytes(number));
	if (number.data[0] >> 7)
		buf_put_u8(to, 0);
	buf_put(to, number);
}

struct status der_rsa_public_put(struct buf *to, struct bytes modulus, struct bytes exponent)
{
	size_t n, e;

	modulus = without_zeros(modulus);
	exponent = without_zeros(exponent);
	ENSURE(modulus.len > 0 && exponent.len > 0 && modulus.len <= PSA_SIGNATURE_MAX_BYTES &&
			exponent.len <= PSA_SIGNATURE_MAX_BYTES,
		LIMIT);
	n = integer_bytes(modulus);
	e = integer_bytes(exponent);
	put_header(to, TAG_SEQUENCE, header_bytes(n) + n + header_bytes(e) + e);
	put_integer(to, modulus);
	put_integer(to, exponent);
	return buf_check(to);
}

static const struct known *known_find(const struct psa_key_attributes *key)
{
	bool rsa = key->kind == PSA_KEY_RSA_PUBLIC || key->kind == PSA_KEY_RSA_PAIR;
	bool ecc = (key->kind == PSA_KEY_ECC_PUBLIC || key->kind == PSA_KEY_ECC_PAIR) && key->family == PSA_ECC_SECP_R1;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((rsa && known[i].bits == 0) || (ecc && known[i].bits == key->bits && key->bits != 0))
			return &known[i];
	return NULL;
}

struct status der_spki_put(struct buf *to, const struct psa_key_attributes *key, struct bytes public_key)
{
	const struct known *k = known_find(key);
	size_t bits = 1 + public_key.len;

	ENSURE(k != NULL, ATTR_TYPE);
	ENSURE(public_key.len <= PSA_PUBLIC_MAX_BYTES, LIMIT);
	put_header(to, TAG_SEQUENCE, k->id.len + header_bytes(bits) + bits);
	buf_put(to, k->id);
	put_header(to, TAG_BIT_STRING, bits);
	buf_put_u8(to, 0); /* no unused bits */
	buf_put(to, public_key);
	return buf_check(to);
}

/* Arcs under which the hashes stand: 2.16.840.1.101.3.4.2.N. */
static const uint8_t nist_hash[PSA_HASH_COUNT] = {
	[PSA_HASH_SHA_256] = 1,
	[PSA_HASH_SHA_384] = 2,
	[PSA_HASH_SHA_512] = 3,
	[PSA_HASH_SHA_224] = 4,
	[PSA_HASH_SHA_512_224] = 5,
	[PSA_HASH_SHA_512_256] = 6,
	[PSA_HASH_SHA3_224] = 7,
	[PSA_HASH_SHA3_256] = 8,
	[PSA_HASH_SHA3_384] = 9,
	[PSA_HASH_SHA3_512] = 10,
};

struct status der_digest_info_put(struct buf *to, uint8_t psa_hash, struct bytes hash)
{
	uint8_t id[] = { 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x00, 0x05, 0x00 };

	ENSURE(psa_hash < PSA_HASH_COUNT && nist_hash[psa_hash] != 0, ATTR_ALG);
	ENSURE(hash.len == psa_hash_bytes(psa_hash), HASH_LENGTH);
	id[12] = nist_hash[psa_hash];
	put_header(to, TAG_SEQUENCE, sizeof(id) + 2 + hash.len);
	buf_put(to, bytes_of(id, sizeof(id)));
	put_header(to, TAG_OCTET_STRING, hash.len);
	buf_put(to, hash);
	return buf_check(to);
}

/* ---- reading ------------------------------------------------------------------------------------ */

static size_t read_length(struct reader *r)
{
	size_t first = reader_u8(r), len;

	if (first <= SHORT_MAX)
		return first;
	if (first == LENGTH_ONE_BYTE) {
		len = reader_u8(r);
		r->bad = r->bad || len <= SHORT_MAX;
		return len;
	}
	r->bad = r->bad || first != LENGTH_TWO_BYTES;
	len = (size_t)reader_u8(r) << 8;
	len |= reader_u8(r);
	r->bad = r->bad || len <= UINT8_MAX;
	return len;
}

/* The content of the next element, which must have this tag. */
static struct bytes read_element(struct reader *r, uint8_t tag)
{
	if (reader_u8(r) != tag)
		r->bad = true;
	return reader_bytes(r, read_length(r));
}

/* A positive integer in its shortest form, without its leading zero. */
static struct bytes read_integer(struct reader *r)
{
	struct bytes number = read_element(r, TAG_INTEGER);

	if (r->bad || number.len == 0 || number.data[0] >> 7 != 0) {
		r->bad = true;
		return (struct bytes){ 0 };
	}
	if (number.data[0] != 0)
		return number;
	if (number.len == 1 || number.data[1] >> 7 == 0)
		r->bad = true;
	return bytes_of(number.data + 1, number.len - 1);
}

struct status der_rsa_public_get(struct bytes from, struct bytes *ret_modulus, struct bytes *ret_exponent)
{
	struct reader outer = reader_of(from);
	struct reader r = reader_of(read_element(&outer, TAG_SEQUENCE));
	struct bytes modulus = read_integer(&r);
	struct bytes exponent = read_integer(&r);

	ENSURE(reader_done(&outer) && reader_done(&r), CLIENT_ARGUMENT);
	*ret_modulus = modulus;
	*ret_exponent = exponent;
	return OK;
}

struct status der_octet_string_get(struct bytes from, struct bytes *ret_content)
{
	struct reader r = reader_of(from);
	struct bytes content = read_element(&r, TAG_OCTET_STRING);

	ENSURE(reader_done(&r), CLIENT_ARGUMENT);
	*ret_content = content;
	return OK;
}

static uint32_t bit_length(struct bytes number)
{
	uint32_t bits = (uint32_t)(number.len - 1) * 8;

	for (uint8_t top = number.data[0]; top != 0; top >>= 1)
		bits++;
	return bits;
}

static struct status spki_attributes(const struct known *k, struct bytes public_key, struct psa_key_attributes *ret_key)
{
	struct psa_key_attributes key = { .kind = PSA_KEY_RSA_PUBLIC };
	struct bytes modulus, exponent;

	if (k->bits == 0) {
		TRY(der_rsa_public_get(public_key, &modulus, &exponent));
		key.bits = bit_length(modulus);
	} else {
		ENSURE(public_key.len == 1 + 2 * psa_bits_to_bytes(k->bits) && public_key.data[0] == 4,
			CLIENT_ARGUMENT);
		key = (struct psa_key_attributes){
			.kind = PSA_KEY_ECC_PUBLIC, .family = PSA_ECC_SECP_R1, .bits = k->bits
		};
	}
	*ret_key = key;
	return OK;
}

struct status der_spki_get(struct bytes from, struct psa_key_attributes *ret_key, struct bytes *ret_public_key)
{
	struct reader outer = reader_of(from);
	struct reader r = reader_of(read_element(&outer, TAG_SEQUENCE));
	const uint8_t *start = r.left.data;
	struct bytes id = read_element(&r, TAG_SEQUENCE);
	struct bytes point = read_element(&r, TAG_BIT_STRING);

	ENSURE(reader_done(&outer) && reader_done(&r) && point.len > 1 && point.data[0] == 0, CLIENT_ARGUMENT);
	point = bytes_of(point.data + 1, point.len - 1);
	id = bytes_of(start, (size_t)(id.data - start) + id.len);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!bytes_equal(known[i].id, id))
			continue;
		TRY(spki_attributes(&known[i], point, ret_key));
		*ret_public_key = point;
		return OK;
	}
	return FAIL(ATTR_TYPE);
}
