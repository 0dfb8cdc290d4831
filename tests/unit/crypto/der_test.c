/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "base/own.h"
#include "crypto/der.h"
#include "tests/support/hex.h"

/* Made with the openssl command: an RSA-2048 key as SubjectPublicKeyInfo; the RSAPublicKey is its last 270 bytes. */
static const char rsa_spki[] =
	"30820122300d06092a864886f70d01010105000382010f003082010a0282010100cb851fafc0c0e931e097b2ba59905c1e2d"
	"c2a74bdc888f5374a3ef5403fe477be88a496416fd53c074423165fb10700ffa6e0cb5ccff3130f306190cceab7ac713e31d"
	"888fd72b3e947686555f241b83e1a522195d94a8f5c7709a502daf45ee236fc8911901023ad097521941524e5a52b04a269b"
	"4308d1a286ff2f30ed1eb2af41ff46152812978fe2fa51ffb0cac2b65aa90398326813460b054af5e2b34713b85059c6784a"
	"97bf8ebd5241858b5221579a1c4f60d632a26795a5a9b69699ed55e82515f86ac059acf1833fe1a91f098313244b137def0a"
	"cca4eca78d26cabbb3472ee8ca932dc3d925596cf6bd0fe5d1041b5b5552a5a11ab1198b543ae10203010001";
enum { RSA_KEY_BYTES = 270 };

/* RFC 6979 section A.2.5's key behind the header of RFC 5480 for P-256. */
static const char p256_spki[] = "3059301306072a8648ce3d020106082a8648ce3d030107034200"
				"0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
				"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
enum { P256_BYTES = 65 };

static void published_structures_are_read_and_written_byte_for_byte(void **state)
{
	const struct {
		const char *spki;
		size_t key_bytes;
		uint8_t kind, family;
		uint32_t bits;
	} rows[] = {
		{ rsa_spki, RSA_KEY_BYTES, PSA_KEY_RSA_PUBLIC, 0, 2048 },
		{ p256_spki, P256_BYTES, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 256 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hex spki = hex_of(rows[i].spki);
		AUTO(buf_done) struct buf again = buf_make(DER_SPKI_MAX_BYTES);
		struct psa_key_attributes key;
		struct bytes public_key;

		assert_ok(der_spki_get(hex_bytes(&spki), &key, &public_key));
		assert_int_equal(key.kind, rows[i].kind);
		assert_int_equal(key.family, rows[i].family);
		assert_int_equal(key.bits, rows[i].bits);
		assert_bytes(public_key, bytes_of(spki.data + spki.len - rows[i].key_bytes, rows[i].key_bytes));
		assert_ok(der_spki_put(&again, &key, public_key));
		assert_bytes(buf_bytes(&again), hex_bytes(&spki));
	}
}

static void a_structure_cut_or_lengthened_anywhere_is_refused(void **state)
{
	const char *const texts[] = { rsa_spki, p256_spki };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct hex spki = hex_of(texts[i]);
		struct psa_key_attributes key;
		struct bytes public_key;

		for (size_t cut = 0; cut < spki.len; cut++)
			assert_fails(der_spki_get(bytes_of(spki.data, cut), &key, &public_key), CLIENT_ARGUMENT);
		assert_fails(der_spki_get(bytes_of(spki.data, spki.len + 1), &key, &public_key), CLIENT_ARGUMENT);
	}
}

static void other_kinds_of_key_are_refused(void **state)
{
	/* RFC 8410 section 10.1: Ed25519 */
	struct hex ed = hex_of("302a300506032b6570032100"
			       "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
	const struct psa_key_attributes aes = { .kind = PSA_KEY_AES, .bits = 256 };
	const struct psa_key_attributes k1 = { .kind = PSA_KEY_ECC_PAIR, .family = PSA_ECC_SECP_K1, .bits = 256 };
	AUTO(buf_done) struct buf out = buf_make(DER_SPKI_MAX_BYTES);
	struct psa_key_attributes key;
	struct bytes public_key;

	(void)state;
	assert_fails(der_spki_get(hex_bytes(&ed), &key, &public_key), ATTR_TYPE);
	assert_fails(der_spki_put(&out, &aes, BYTES_LITERAL("x")), ATTR_TYPE);
	assert_fails(der_spki_put(&out, &k1, BYTES_LITERAL("x")), ATTR_TYPE);
}

static void rsa_numbers_lose_their_leading_zeros_and_gain_one_where_needed(void **state)
{
	struct hex want = hex_of("300b02050081020304020203ff");
	AUTO(buf_done) struct buf der = buf_make(PSA_PUBLIC_MAX_BYTES);
	struct bytes modulus, exponent;

	(void)state;
	assert_ok(der_rsa_public_put(&der, BYTES_LITERAL("\0\0\x81\2\3\4"), BYTES_LITERAL("\0\3\xff")));
	assert_bytes(buf_bytes(&der), hex_bytes(&want));
	assert_ok(der_rsa_public_get(buf_bytes(&der), &modulus, &exponent));
	assert_bytes(modulus, BYTES_LITERAL("\x81\2\3\4"));
	assert_bytes(exponent, BYTES_LITERAL("\3\xff"));
	assert_fails(der_rsa_public_put(&der, BYTES_LITERAL("\0"), BYTES_LITERAL("\3")), LIMIT);
}

static void malformed_rsa_keys_are_refused(void **state)
{
	static const struct {
		const char *what, *der;
	} rows[] = {
		{ "empty", "" },
		{ "set instead of sequence", "31060201050201"
					     "03" },
		{ "negative modulus", "3006020181020103" },
		{ "modulus with a needless zero", "300702020005020103" },
		{ "zero", "3006020100020103" },
		{ "empty integer", "30050200020103" },
		{ "long form for a short length", "308106020105020103" },
		{ "indefinite length", "3080020105020103"
				       "0000" },
		{ "three length bytes", "30830000"
					"06020105020103" },
		{ "third number", "3009020105020103020107" },
		{ "trailing byte", "300602010502010300" },
		{ "one number", "3003020105" },
	};
	struct bytes modulus, exponent;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hex der = hex_of(rows[i].der);
		struct status st = der_rsa_public_get(hex_bytes(&der), &modulus, &exponent);

		if (st.code != STATUS_CLIENT_ARGUMENT)
			fail_msg("%s: %s", rows[i].what, status_name(st.code));
	}
}

/* RFC 8017 section 9.2, note 1. */
static void digest_infos_have_the_published_prefix(void **state)
{
	static const struct {
		uint8_t hash;
		const char *prefix;
	} rows[] = {
		{ PSA_HASH_SHA_224, "302d300d06096086480165030402040500041c" },
		{ PSA_HASH_SHA_256, "3031300d060960864801650304020105000420" },
		{ PSA_HASH_SHA_384, "3041300d060960864801650304020205000430" },
		{ PSA_HASH_SHA_512, "3051300d060960864801650304020305000440" },
		{ PSA_HASH_SHA_512_224, "302d300d06096086480165030402050500041c" },
		{ PSA_HASH_SHA_512_256, "3031300d060960864801650304020605000420" },
	};
	static const uint8_t hash[PSA_HASH_MAX_BYTES] = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hex prefix = hex_of(rows[i].prefix);
		AUTO(buf_done) struct buf got = buf_make(DER_DIGEST_INFO_MAX_BYTES);
		size_t len = psa_hash_bytes(rows[i].hash);

		assert_ok(der_digest_info_put(&got, rows[i].hash, bytes_of(hash, len)));
		assert_int_equal(got.len, prefix.len + len);
		assert_memory_equal(got.data, prefix.data, prefix.len);
		assert_memory_equal(got.data + prefix.len, hash, len);
		assert_fails(der_digest_info_put(&got, rows[i].hash, bytes_of(hash, len - 1)), HASH_LENGTH);
	}
	AUTO(buf_done) struct buf none = buf_make(DER_DIGEST_INFO_MAX_BYTES);
	assert_fails(der_digest_info_put(&none, PSA_HASH_MD5, bytes_of(hash, 16)), ATTR_ALG);
	assert_fails(der_digest_info_put(&none, PSA_HASH_ANY, bytes_of(hash, 32)), ATTR_ALG);
}

static void an_octet_string_is_unwrapped_once(void **state)
{
	struct hex good = hex_of("0403010203"), rest = hex_of("040301020300"), other = hex_of("0303010203");
	struct bytes content;

	(void)state;
	assert_ok(der_octet_string_get(hex_bytes(&good), &content));
	assert_bytes(content, BYTES_LITERAL("\1\2\3"));
	assert_fails(der_octet_string_get(hex_bytes(&rest), &content), CLIENT_ARGUMENT);
	assert_fails(der_octet_string_get(hex_bytes(&other), &content), CLIENT_ARGUMENT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(published_structures_are_read_and_written_byte_for_byte),
	cmocka_unit_test(a_structure_cut_or_lengthened_anywhere_is_refused),
	cmocka_unit_test(other_kinds_of_key_are_refused),
	cmocka_unit_test(rsa_numbers_lose_their_leading_zeros_and_gain_one_where_needed),
	cmocka_unit_test(malformed_rsa_keys_are_refused),
	cmocka_unit_test(digest_infos_have_the_published_prefix),
	cmocka_unit_test(an_octet_string_is_unwrapped_once),
};

UNIT_MAIN(tests)
