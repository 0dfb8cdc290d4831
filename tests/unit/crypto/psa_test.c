/* SPDX-License-Identifier: Apache-2.0
 *
 * What a key may be used for: the rules of the wire reference's section 12 in their order, names and encodings. */
#include "tests/support/unit.h"

#include "crypto/psa.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SIGN PSA_USAGE_SIGN_HASH

static struct psa_alg alg_of(uint8_t kind, uint8_t hash)
{
	return (struct psa_alg){ .kind = kind, .hash = hash };
}

static struct psa_key_attributes ecc_key(uint16_t usage, struct psa_alg policy)
{
	return (struct psa_key_attributes){
		.kind = PSA_KEY_ECC_PAIR, .family = PSA_ECC_SECP_R1, .bits = 256, .usage = usage, .alg = policy
	};
}

static void usage_is_asked_before_policy_and_policy_before_type(void **state)
{
	struct psa_alg pss = alg_of(PSA_ALG_RSA_PSS, PSA_HASH_SHA_256), ecdsa = alg_of(PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	struct psa_key_attributes key = ecc_key(PSA_USAGE_VERIFY_HASH, ecdsa);

	(void)state;
	assert_fails(psa_key_permits(&key, SIGN, pss), KEY_USAGE);
	key.usage = SIGN;
	assert_fails(psa_key_permits(&key, SIGN, pss), KEY_ALG);
	key.alg = pss;
	assert_fails(psa_key_permits(&key, SIGN, pss), KEY_TYPE);
	key.alg = ecdsa;
	assert_ok(psa_key_permits(&key, SIGN, ecdsa));
	assert_int_equal(status_wire(STATUS_KEY_USAGE), 1133);
	assert_int_equal(status_wire(STATUS_KEY_ALG), 1133);
	assert_int_equal(status_wire(STATUS_KEY_TYPE), 1133);
}

static void any_one_of_the_flags_suffices(void **state)
{
	struct psa_alg ecdsa = alg_of(PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	struct psa_key_attributes key = ecc_key(PSA_USAGE_SIGN_MESSAGE, ecdsa);

	(void)state;
	assert_ok(psa_key_permits(&key, PSA_USAGE_SIGN_MESSAGE | PSA_USAGE_SIGN_HASH, ecdsa));
	assert_fails(psa_key_permits(&key, PSA_USAGE_SIGN_HASH, ecdsa), KEY_USAGE);
	assert_fails(psa_key_permits(&key, 0, ecdsa), KEY_USAGE);
}

static void policies_permit_what_the_reference_says(void **state)
{
	const struct {
		const char *what;
		struct psa_alg policy, asked;
		enum status_code want;
	} rows[] = {
		{ "the same", alg_of(PSA_ALG_ECDSA, 7), alg_of(PSA_ALG_ECDSA, 7), STATUS_OK },
		{ "another hash", alg_of(PSA_ALG_ECDSA, 7), alg_of(PSA_ALG_ECDSA, 8), STATUS_KEY_ALG },
		{ "any permits a hash", alg_of(PSA_ALG_ECDSA, PSA_HASH_ANY), alg_of(PSA_ALG_ECDSA, 9), STATUS_OK },
		{ "any is never asked", alg_of(PSA_ALG_ECDSA, PSA_HASH_ANY), alg_of(PSA_ALG_ECDSA, PSA_HASH_ANY),
			STATUS_KEY_ALG },
		{ "any permits one scheme", alg_of(PSA_ALG_ECDSA, PSA_HASH_ANY), alg_of(PSA_ALG_DETERMINISTIC_ECDSA, 9),
			STATUS_KEY_ALG },
		{ "any of another kind", alg_of(PSA_ALG_ECDSA, PSA_HASH_ANY), alg_of(PSA_ALG_ECDSA_ANY, 0),
			STATUS_KEY_ALG },
		{ "none permits nothing", alg_of(PSA_ALG_NONE, 0), alg_of(PSA_ALG_ECDSA, 7), STATUS_KEY_ALG },
		{ "none permits not even none", alg_of(PSA_ALG_NONE, 0), alg_of(PSA_ALG_NONE, 0), STATUS_KEY_ALG },
		{ "absent", alg_of(PSA_ALG_ABSENT, 0), alg_of(PSA_ALG_ABSENT, 0), STATUS_KEY_ALG },
		{ "ecdsa_any", alg_of(PSA_ALG_ECDSA_ANY, 0), alg_of(PSA_ALG_ECDSA_ANY, 0), STATUS_OK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct psa_key_attributes key = ecc_key(SIGN, rows[i].policy);

		print_message("%s\n", rows[i].what);
		assert_status(psa_key_permits(&key, SIGN, rows[i].asked), rows[i].want);
	}
}

/* The table of section 12, asked for every pair of one key type and one algorithm. */
static void types_fit_the_algorithms_of_the_table(void **state)
{
	static const struct {
		struct psa_alg alg;
		uint32_t kinds; /* bit n: enum psa_key_kind n */
	} rows[] = {
#define BIT(kind) (1u << PSA_KEY_##kind)
#define RSA_KINDS (BIT(RSA_PAIR) | BIT(RSA_PUBLIC))
#define ECC_KINDS (BIT(ECC_PAIR) | BIT(ECC_PUBLIC))
#define BLOCK_KINDS (BIT(AES) | BIT(CAMELLIA) | BIT(DES))
		{ { PSA_ALG_HASH, 7, 0, 0, 0 }, 0 },
		{ { PSA_ALG_HMAC, 7, 0, 0, 0 }, BIT(HMAC) },
		{ { PSA_ALG_HMAC, 7, 0, 0, 16 }, BIT(HMAC) },
		{ { PSA_ALG_CBC_MAC, 0, 0, 0, 0 }, BLOCK_KINDS },
		{ { PSA_ALG_CMAC, 0, 0, 0, 0 }, BLOCK_KINDS },
		{ { PSA_ALG_CIPHER, 0, 1, 0, 0 }, BIT(ARC4) | BIT(CHACHA20) },
		{ { PSA_ALG_CIPHER, 0, 2, 0, 0 }, BLOCK_KINDS },
		{ { PSA_ALG_CIPHER, 0, 8, 0, 0 }, BLOCK_KINDS },
		{ { PSA_ALG_AEAD, 0, 1, 0, 0 }, BIT(AES) | BIT(CAMELLIA) },
		{ { PSA_ALG_AEAD, 0, 2, 0, 0 }, BIT(AES) | BIT(CAMELLIA) },
		{ { PSA_ALG_AEAD, 0, 3, 0, 0 }, BIT(CHACHA20) },
		{ { PSA_ALG_RSA_PKCS1V15_SIGN, 7, 0, 0, 0 }, RSA_KINDS },
		{ { PSA_ALG_RSA_PKCS1V15_SIGN_RAW, 0, 0, 0, 0 }, RSA_KINDS },
		{ { PSA_ALG_RSA_PSS, 7, 0, 0, 0 }, RSA_KINDS },
		{ { PSA_ALG_RSA_PKCS1V15_CRYPT, 0, 0, 0, 0 }, RSA_KINDS },
		{ { PSA_ALG_RSA_OAEP, 7, 0, 0, 0 }, RSA_KINDS },
		{ { PSA_ALG_ECDSA, 7, 0, 0, 0 }, ECC_KINDS },
		{ { PSA_ALG_ECDSA_ANY, 0, 0, 0, 0 }, ECC_KINDS },
		{ { PSA_ALG_DETERMINISTIC_ECDSA, 7, 0, 0, 0 }, ECC_KINDS },
		{ { PSA_ALG_KEY_AGREEMENT, 0, 2, 0, 0 }, ECC_KINDS },
		{ { PSA_ALG_KEY_AGREEMENT, 7, 2, 1, 0 }, ECC_KINDS },
		{ { PSA_ALG_KEY_AGREEMENT, 0, 1, 0, 0 }, BIT(DH_PAIR) | BIT(DH_PUBLIC) },
		{ { PSA_ALG_KEY_DERIVATION, 7, 1, 0, 0 }, BIT(DERIVE) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (uint8_t kind = 0; kind < PSA_KEY_KIND_COUNT + 2; kind++) {
			struct psa_key_attributes key = { .kind = kind, .usage = PSA_USAGE_ALL, .alg = rows[i].alg };
			bool fits = (rows[i].kinds >> kind & 1) != 0;

			assert_status(psa_key_permits(&key, SIGN, rows[i].alg), fits ? STATUS_OK : STATUS_KEY_TYPE);
		}
}

static void hash_must_be_as_long_as_its_algorithm_says(void **state)
{
	struct psa_alg sha256 = alg_of(PSA_ALG_ECDSA, PSA_HASH_SHA_256);

	(void)state;
	assert_ok(psa_hash_fits(sha256, 32));
	assert_fails(psa_hash_fits(sha256, 31), HASH_LENGTH);
	assert_fails(psa_hash_fits(sha256, 33), HASH_LENGTH);
	assert_fails(psa_hash_fits(sha256, 0), HASH_LENGTH);
	assert_fails(psa_hash_fits(alg_of(PSA_ALG_ECDSA, PSA_HASH_ANY), 0), HASH_LENGTH);
	assert_fails(psa_hash_fits(alg_of(PSA_ALG_RSA_PSS, 99), 0), HASH_LENGTH);
	assert_ok(psa_hash_fits(alg_of(PSA_ALG_RSA_PSS, PSA_HASH_SHA3_512), 64));
	assert_ok(psa_hash_fits(alg_of(PSA_ALG_ECDSA_ANY, 0), 5));
	assert_ok(psa_hash_fits(alg_of(PSA_ALG_RSA_PKCS1V15_SIGN_RAW, 0), 51));
	assert_int_equal(status_wire(STATUS_HASH_LENGTH), 1135);
}

static void hashes_have_their_lengths(void **state)
{
	static const uint8_t bytes[PSA_HASH_COUNT] = { 0, 16, 16, 16, 20, 20, 28, 32, 48, 64, 28, 32, 28, 32, 48, 64 };
	uint8_t hash = 0;

	(void)state;
	for (uint8_t i = 0; i < PSA_HASH_COUNT; i++) {
		assert_int_equal(psa_hash_bytes(i), bytes[i]);
		assert_int_equal(i > 0, psa_hash_from_name(psa_hash_name(i), &hash));
		assert_int_equal(hash, i);
	}
	assert_int_equal(psa_hash_bytes(PSA_HASH_COUNT), 0);
	assert_int_equal(psa_hash_bytes(PSA_HASH_ANY), 0);
	assert_string_equal(psa_hash_name(PSA_HASH_ANY), "any");
	assert_string_equal(psa_hash_name(77), "unknown");
	assert_true(psa_hash_from_name("sha-256", &hash) && hash == PSA_HASH_SHA_256);
	assert_false(psa_hash_from_name("sha", &hash));
}

static void signatures_have_their_lengths(void **state)
{
	static const struct {
		uint8_t kind, family;
		uint32_t bits;
		size_t want;
	} rows[] = { { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, 256, 64 }, { PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 384, 96 },
		{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, 521, 132 }, { PSA_KEY_ECC_PAIR, PSA_ECC_MONTGOMERY, 255, 0 },
		{ PSA_KEY_RSA_PAIR, 0, 2048, 256 }, { PSA_KEY_RSA_PUBLIC, 0, 4096, 512 }, { PSA_KEY_AES, 0, 256, 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct psa_key_attributes key = {
			.kind = rows[i].kind, .family = rows[i].family, .bits = rows[i].bits
		};

		assert_int_equal(psa_signature_bytes(&key), rows[i].want);
	}
}

static void sign_hash_implies_sign_message(void **state)
{
	(void)state;
	assert_int_equal(psa_usage_implied(PSA_USAGE_SIGN_HASH), PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE);
	assert_int_equal(psa_usage_implied(PSA_USAGE_VERIFY_HASH), PSA_USAGE_VERIFY_HASH | PSA_USAGE_VERIFY_MESSAGE);
	assert_int_equal(psa_usage_implied(PSA_USAGE_SIGN_MESSAGE), PSA_USAGE_SIGN_MESSAGE);
	assert_int_equal(psa_usage_implied(0), 0);
}

static void names_of_keys_and_algorithms_lead_back(void **state)
{
	static const char *const keys[] = { "ecc-p256", "ecc-p384", "ecc-p521", "rsa-2048", "rsa-3072", "rsa-4096" };
	static const char *const algs[] = { "none", "ecdsa-sha-256", "ecdsa-any", "ecdsa-unhashed", "rsa-pss-sha-384",
		"rsa-pss-any", "rsa-pkcs1v15-sha-512", "rsa-pkcs1v15-raw", "deterministic-ecdsa-sha3-256" };
	char name[PSA_NAME_BYTES];
	struct psa_alg alg;

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct psa_key_attributes key = { .usage = 5 };

		assert_true(psa_key_from_name(keys[i], &key));
		assert_string_equal(psa_key_name(&key), keys[i]);
		assert_int_equal(key.usage, 5);
	}
	assert_null(psa_key_name(&(struct psa_key_attributes){ .kind = PSA_KEY_RSA_PAIR, .bits = 2047 }));
	assert_false(psa_key_from_name("rsa-2047", &(struct psa_key_attributes){ 0 }));
	for (size_t i = 0; i < COUNT(algs); i++) {
		assert_true(psa_alg_from_name(algs[i], &alg));
		psa_alg_name(alg, name);
		assert_string_equal(name, algs[i]);
	}
	assert_true(psa_alg_from_name("ECDSA-SHA-256", &alg));
	assert_false(psa_alg_from_name("ecdsa", &alg));
	assert_false(psa_alg_from_name("ecdsa-", &alg));
	assert_false(psa_alg_from_name("ecdsa-sha-257", &alg));
	assert_false(psa_alg_from_name("cmac", &alg)); /* not a signature */
	assert_false(psa_alg_from_name("none-sha-256", &alg));
}

static void every_algorithm_has_a_name_that_fits(void **state)
{
	char name[PSA_NAME_BYTES];

	(void)state;
	for (unsigned kind = 0; kind < 256; kind++)
		for (unsigned hash = 0; hash < 256; hash++) {
			psa_alg_name(
				(struct psa_alg){ (uint8_t)kind, (uint8_t)hash, (uint8_t)hash, 0, UINT32_MAX }, name);
			assert_true(strlen(name) > 0);
		}
	psa_alg_name((struct psa_alg){ PSA_ALG_HMAC, PSA_HASH_SHA_256, 0, 0, 16 }, name);
	assert_string_equal(name, "hmac-sha-256-16");
	psa_alg_name((struct psa_alg){ PSA_ALG_AEAD, 0, 2, 0, 0 }, name);
	assert_string_equal(name, "aead-gcm");
}

static void encodings_are_fixed_and_lead_back(void **state)
{
	struct psa_key_attributes key = { 11, 2, 0x3ff, 0x01020304, { 12, 7, 3, 2, 0x0a0b0c0d } }, got;
	static const uint8_t want[PSA_ATTRIBUTES_BYTES] = { 11, 2, 0xff, 3, 4, 3, 2, 1, 12, 7, 3, 2, 0x0d, 0x0c, 0x0b,
		0x0a };
	struct buf out = buf_make(100);
	struct reader r;

	(void)state;
	psa_attributes_put(&out, &key);
	assert_bytes(buf_bytes(&out), bytes_of(want, sizeof(want)));
	r = reader_of(buf_bytes(&out));
	psa_attributes_get(&r, &got);
	assert_true(reader_done(&r));
	assert_memory_equal(&got, &key, sizeof(key));
	r = reader_of(bytes_of(out.data, out.len - 1));
	psa_attributes_get(&r, &got);
	assert_true(r.bad);
	buf_done(&out);
}

static void usage_flags_have_names(void **state)
{
	(void)state;
	assert_string_equal(psa_usage_name(PSA_USAGE_SIGN_HASH), "sign-hash");
	assert_string_equal(psa_usage_name(PSA_USAGE_DERIVE), "derive");
	assert_null(psa_usage_name(0));
	assert_null(psa_usage_name(3));
	assert_null(psa_usage_name(1 << 10));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(usage_is_asked_before_policy_and_policy_before_type),
	cmocka_unit_test(any_one_of_the_flags_suffices),
	cmocka_unit_test(policies_permit_what_the_reference_says),
	cmocka_unit_test(types_fit_the_algorithms_of_the_table),
	cmocka_unit_test(hash_must_be_as_long_as_its_algorithm_says),
	cmocka_unit_test(hashes_have_their_lengths),
	cmocka_unit_test(signatures_have_their_lengths),
	cmocka_unit_test(sign_hash_implies_sign_message),
	cmocka_unit_test(names_of_keys_and_algorithms_lead_back),
	cmocka_unit_test(every_algorithm_has_a_name_that_fits),
	cmocka_unit_test(encodings_are_fixed_and_lead_back),
	cmocka_unit_test(usage_flags_have_names),
};

UNIT_MAIN(tests)
