/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/own.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/public.h"
#include "tests/support/hex.h"

/* RFC 6979 sections A.2.5, A.2.6 and A.2.7, message "sample". */
static const struct ecdsa_vector {
	uint32_t bits;
	uint8_t hash;
	const char *point, *signature;
} ecdsa[] = {
	{ 256, PSA_HASH_SHA_256,
		"04"
		"60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
		"7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
		"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
		"F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8" },
	{ 384, PSA_HASH_SHA_384,
		"04"
		"EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13"
		"8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
		"94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46"
		"99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8" },
	{ 521, PSA_HASH_SHA_512,
		"04"
		"01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D"
		"38FFA16D2BD761DCAC474B9A2F5023A4"
		"00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0DB25741B5B34A828008B22ACC23F924F"
		"AAFBD4D33F81EA66956DFEAA2BFDFCF5",
		"00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931"
		"D7D4E8455CC91F9B15BF05EC36E377FA"
		"00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A"
		"20F8CCB1DCCC43997F1EE0E44DA4A67A" },
};

/* Made with the openssl command: RSA-2048, SHA-256 of "sample"; PKCS #1 v1.5, PSS with salts of 32 and 20 bytes. */
static const char rsa_key[] =
	"3082010a0282010100cb851fafc0c0e931e097b2ba59905c1e2dc2a74bdc888f5374a3ef5403fe477be88a496416fd53c074"
	"423165fb10700ffa6e0cb5ccff3130f306190cceab7ac713e31d888fd72b3e947686555f241b83e1a522195d94a8f5c7709a"
	"502daf45ee236fc8911901023ad097521941524e5a52b04a269b4308d1a286ff2f30ed1eb2af41ff46152812978fe2fa51ff"
	"b0cac2b65aa90398326813460b054af5e2b34713b85059c6784a97bf8ebd5241858b5221579a1c4f60d632a26795a5a9b696"
	"99ed55e82515f86ac059acf1833fe1a91f098313244b137def0acca4eca78d26cabbb3472ee8ca932dc3d925596cf6bd0fe5"
	"d1041b5b5552a5a11ab1198b543ae10203010001";
static const char rsa_pkcs1[] =
	"7e2598c022aa0f235bfb16d9e61ebfa778e0e21907d690d76e4ff5476158c1bd1652a1bc6e066244b04f6a5bc8d3393d92a3"
	"79dddb4f28f045b42046a65e448b6936ae624e8d5843b368f4f4a5edbdd3e519f017c9cae2db02550393392e49aa6a094043"
	"fe019debd00cb0c6a1a2e2e23eede6740aa9692b64d33d261ed45ea63d169cbb2234a7a8e9be58d63db7d0e1ff8f0bbbdbb5"
	"942c8377fcd9443bbe14fb4946d14c68c8ede9e25c6829926005090ef2acf2c7db202d0f7a636f51e9835faeb03a38a3cd03"
	"045ec4fa73a97f0bfb4aa0ae84510a10a5d1861448341a53abb2112d0c09a7498418f7de8360459c3460710a6703e2095939"
	"5ce995a9a183";
static const char rsa_pss[] =
	"0765987bc1da23b9ab24addcfa50e0df3ffa7bf051df48a96082c3035831c28b4256b5e3f8524d10308d2c5b99f18d4d371d"
	"c12c9dff34c7b0daee1437a65e9fab30d9f48a93d65b9f5c6013142b7256a3b1d4c43fc63b2858f2be5a790115a549d3ed4e"
	"2d9d44769522f35e8fe19c975fe8bebefe79aa70cfea167bf045a50f9577944680c2fed55da32f5c1ca7ae4fbef6280d0c28"
	"fc4e1b82173d7c7a04b31579e88939a3b4fc9623463be50e20b26b0792f06fd5b73f5ff34d21080cdaf66524587bb5f9d6c2"
	"b35750512e263c1fb63538983be7cd758655be5497403b850a4a55e345f27ffcfda9be6d73e15ef49b79439245c084907642"
	"66702ee34c80";
static const char rsa_pss_short_salt[] =
	"0b7293c1b9ee3afab3edd21a39696cfb47c10b22e2df58dd88d4c0649fdf3db1f7b7856ab65d5889e8461acd2ed28bc84587"
	"fbb05df25b851bf64bca8a15b0b91b4b1504eba0c2e55cd132583c2ca21e79b6889775eeec800cf86de755cd3d1af5c456d1"
	"b5d936e514f0a508f5f9ae5c33c977cd283843673285924a303114a44317ca4d09aae690e2b30538dccefbb92914de9b5f31"
	"43fcc0385e1657807c67fc3290b90858d9ef250cbc7eeda31bb838186ddf5b21699d842c9621433ac7377bcfaf9aa8442a0a"
	"e310cb64572e5076d6ddf4d9b827481d1ebe8ffd1f47419b3655263aebf627b7061a0ee647d511ea6f4ace9f7aaf22421ff4"
	"55778bcf055e";

static struct psa_key_attributes ec_key(uint32_t bits)
{
	return (struct psa_key_attributes){ .kind = PSA_KEY_ECC_PAIR, .family = PSA_ECC_SECP_R1, .bits = bits };
}

static struct psa_key_attributes rsa_2048(void)
{
	return (struct psa_key_attributes){ .kind = PSA_KEY_RSA_PAIR, .bits = 2048 };
}

static struct psa_alg alg_of(uint8_t kind, uint8_t hash)
{
	return (struct psa_alg){ .kind = kind, .hash = hash };
}

/* SHA-2 of "sample". */
struct sum {
	uint8_t data[PSA_HASH_MAX_BYTES];
	size_t len;
};

static struct sum sample(uint8_t hash)
{
	struct sum sum;

	assert_ok(digest_compute(hash, BYTES_LITERAL("sample"), sum.data, &sum.len));
	return sum;
}

static struct bytes sum_bytes(const struct sum *sum)
{
	return bytes_of(sum->data, sum->len);
}

static void published_ecdsa_signatures_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ecdsa) / sizeof(ecdsa[0]); i++) {
		struct psa_key_attributes key = ec_key(ecdsa[i].bits);
		struct hex point = hex_of(ecdsa[i].point), signature = hex_of(ecdsa[i].signature);
		struct sum sum = sample(ecdsa[i].hash);

		assert_ok(public_check(&key, hex_bytes(&point)));
		assert_ok(public_verify(NULL, &key, hex_bytes(&point), alg_of(PSA_ALG_ECDSA, ecdsa[i].hash),
			sum_bytes(&sum), hex_bytes(&signature)));
		assert_ok(public_verify(NULL, &key, hex_bytes(&point), alg_of(PSA_ALG_ECDSA_ANY, 0), sum_bytes(&sum),
			hex_bytes(&signature)));
	}
}

static void rsa_signatures_verify_with_their_own_scheme_only(void **state)
{
	struct psa_key_attributes key = rsa_2048();
	struct hex public_key = hex_of(rsa_key), pkcs1 = hex_of(rsa_pkcs1), pss = hex_of(rsa_pss);
	struct hex short_salt = hex_of(rsa_pss_short_salt);
	struct sum sum = sample(PSA_HASH_SHA_256);
	struct psa_alg v15 = alg_of(PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_SHA_256);
	struct psa_alg psss = alg_of(PSA_ALG_RSA_PSS, PSA_HASH_SHA_256);

	(void)state;
	assert_ok(public_verify(NULL, &key, hex_bytes(&public_key), v15, sum_bytes(&sum), hex_bytes(&pkcs1)));
	assert_ok(public_verify(NULL, &key, hex_bytes(&public_key), psss, sum_bytes(&sum), hex_bytes(&pss)));
	assert_fails(public_verify(NULL, &key, hex_bytes(&public_key), v15, sum_bytes(&sum), hex_bytes(&pss)),
		SIGNATURE_WRONG);
	assert_fails(public_verify(NULL, &key, hex_bytes(&public_key), psss, sum_bytes(&sum), hex_bytes(&pkcs1)),
		SIGNATURE_WRONG);
	assert_fails(public_verify(NULL, &key, hex_bytes(&public_key), psss, sum_bytes(&sum), hex_bytes(&short_salt)),
		SIGNATURE_WRONG);
}

static void signatures_that_differ_or_have_another_length_are_refused(void **state)
{
	struct psa_key_attributes key = ec_key(256);
	struct psa_alg alg = alg_of(PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	struct hex point = hex_of(ecdsa[0].point), signature = hex_of(ecdsa[0].signature);
	struct sum sum = sample(PSA_HASH_SHA_256);

	(void)state;
	for (size_t i = 0; i < signature.len; i++) {
		signature.data[i] ^= 1;
		assert_fails(public_verify(NULL, &key, hex_bytes(&point), alg, sum_bytes(&sum), hex_bytes(&signature)),
			SIGNATURE_WRONG);
		signature.data[i] ^= 1;
	}
	for (size_t len = 0; len < 140; len++) {
		if (len == signature.len)
			continue;
		assert_fails(public_verify(NULL, &key, hex_bytes(&point), alg, sum_bytes(&sum),
				     bytes_of(signature.data, len)),
			SIGNATURE_WRONG);
	}
	sum.data[0] ^= 1;
	assert_fails(public_verify(NULL, &key, hex_bytes(&point), alg, sum_bytes(&sum), hex_bytes(&signature)),
		SIGNATURE_WRONG);
	memset(signature.data, 0, signature.len); /* r = s = 0 */
	assert_fails(public_verify(NULL, &key, hex_bytes(&point), alg, sum_bytes(&sum), hex_bytes(&signature)),
		SIGNATURE_WRONG);
}

static void keys_and_algorithms_that_do_not_fit_are_refused(void **state)
{
	const struct psa_key_attributes ec = ec_key(256), rsa = rsa_2048(), ec224 = ec_key(224);
	const struct psa_key_attributes rsa1024 = { .kind = PSA_KEY_RSA_PAIR, .bits = 1024 };
	const struct psa_key_attributes k1 = { .kind = PSA_KEY_ECC_PAIR, .family = PSA_ECC_SECP_K1, .bits = 256 };
	const struct psa_alg es = alg_of(PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	const struct psa_alg rs = alg_of(PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_SHA_256);
	struct hex point = hex_of(ecdsa[0].point), signature = hex_of(ecdsa[0].signature);
	struct sum sum = sample(PSA_HASH_SHA_256);
	const struct {
		const char *what;
		const struct psa_key_attributes *key;
		struct psa_alg alg;
		size_t hash_len;
		enum status_code want;
	} rows[] = {
		{ "RSA algorithm, EC key", &ec, rs, 32, STATUS_KEY_TYPE },
		{ "EC algorithm, RSA key", &rsa, es, 32, STATUS_KEY_TYPE },
		{ "no algorithm", &ec, alg_of(PSA_ALG_NONE, 0), 32, STATUS_ATTR_ALG },
		{ "any hash in an operation", &ec, alg_of(PSA_ALG_ECDSA, PSA_HASH_ANY), 32, STATUS_ATTR_ALG },
		{ "MD5", &ec, alg_of(PSA_ALG_ECDSA, PSA_HASH_MD5), 16, STATUS_ATTR_ALG },
		{ "short hash", &ec, es, 31, STATUS_HASH_LENGTH },
		{ "no hash", &ec, alg_of(PSA_ALG_ECDSA_ANY, 0), 0, STATUS_HASH_LENGTH },
		{ "P-224", &ec224, es, 32, STATUS_ATTR_TYPE },
		{ "secp256k1", &k1, es, 32, STATUS_ATTR_TYPE },
		{ "RSA-1024", &rsa1024, rs, 32, STATUS_ATTR_TYPE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct status st = public_verify(NULL, rows[i].key, hex_bytes(&point), rows[i].alg,
			bytes_of(sum.data, rows[i].hash_len), hex_bytes(&signature));

		if (st.code != rows[i].want)
			fail_msg("%s: %s", rows[i].what, status_name(st.code));
	}
}

static void bytes_that_are_no_such_key_are_refused(void **state)
{
	struct psa_key_attributes ec = ec_key(256), rsa = rsa_2048(), rsa3072 = rsa_2048();
	struct hex point = hex_of(ecdsa[0].point), rsa_bytes = hex_of(rsa_key);

	(void)state;
	rsa3072.bits = 3072;
	point.data[64] ^= 1; /* off the curve */
	assert_fails(public_check(&ec, hex_bytes(&point)), RECORD_CORRUPT);
	point.data[64] ^= 1;
	point.data[0] = 2; /* compressed */
	assert_fails(public_check(&ec, hex_bytes(&point)), RECORD_CORRUPT);
	assert_fails(public_check(&ec, bytes_of(point.data, 64)), RECORD_CORRUPT);
	assert_fails(public_check(&ec, (struct bytes){ 0 }), RECORD_CORRUPT);
	for (size_t cut = 0; cut < rsa_bytes.len; cut++)
		assert_fails(public_check(&rsa, bytes_of(rsa_bytes.data, cut)), RECORD_CORRUPT);
	assert_fails(public_check(&rsa3072, hex_bytes(&rsa_bytes)), RECORD_CORRUPT);
	assert_ok(public_check(&rsa, hex_bytes(&rsa_bytes)));
	rsa_bytes.data[rsa_bytes.len - 1] = 3; /* e = 65539 */
	assert_ok(public_check(&rsa, hex_bytes(&rsa_bytes)));
	rsa_bytes.data[rsa_bytes.len - 1] = 2; /* even */
	assert_fails(public_check(&rsa, hex_bytes(&rsa_bytes)), RECORD_CORRUPT);
}

static void an_rsa_exponent_below_65537_is_refused(void **state)
{
	static const uint8_t exponents[][3] = { { 0, 0, 1 }, { 0, 0, 3 }, { 0, 0xff, 0xff } };
	struct psa_key_attributes rsa = rsa_2048();
	struct hex good = hex_of(rsa_key);
	struct bytes modulus, exponent;

	(void)state;
	assert_ok(der_rsa_public_get(hex_bytes(&good), &modulus, &exponent));
	for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
		AUTO(buf_done) struct buf der = buf_make(PSA_PUBLIC_MAX_BYTES);

		assert_ok(der_rsa_public_put(&der, modulus, bytes_of(exponents[i], sizeof(exponents[i]))));
		assert_fails(public_check(&rsa, buf_bytes(&der)), RECORD_CORRUPT);
	}
}

/* ---- the cache ---------------------------------------------------------------------------------- */

/* One place only: every key takes it from the one before, and each is still verified with its own. */
static void a_cached_key_never_serves_another(void **state)
{
	struct public_cache *cache;

	(void)state;
	assert_ok(public_cache_new(1, &cache));
	for (size_t round = 0; round < 12; round++) {
		const struct ecdsa_vector *v = &ecdsa[round / 2 % 3];
		struct psa_key_attributes key = ec_key(v->bits);
		struct hex point = hex_of(v->point), signature = hex_of(v->signature);
		struct sum sum = sample(v->hash);

		assert_ok(public_verify(cache, &key, hex_bytes(&point), alg_of(PSA_ALG_ECDSA, v->hash), sum_bytes(&sum),
			hex_bytes(&signature)));
		signature.data[7] ^= 1;
		assert_fails(public_verify(cache, &key, hex_bytes(&point), alg_of(PSA_ALG_ECDSA, v->hash),
				     sum_bytes(&sum), hex_bytes(&signature)),
			SIGNATURE_WRONG);
		key.bits = 224; /* the same bytes under another size are another key */
		assert_fails(public_verify(cache, &key, hex_bytes(&point), alg_of(PSA_ALG_ECDSA, v->hash),
				     sum_bytes(&sum), hex_bytes(&signature)),
			ATTR_TYPE);
	}
	public_cache_free(cache);
	assert_fails(public_cache_new(0, &cache), LIMIT);
	assert_fails(public_cache_new(PUBLIC_CACHE_MAX + 1, &cache), LIMIT);
	public_cache_free(NULL);
}

static void *verify_often(void *context)
{
	for (size_t round = 0; round < 60; round++) {
		const struct ecdsa_vector *v = &ecdsa[round % 2];
		struct psa_key_attributes key = ec_key(v->bits);
		struct hex point = hex_of(v->point), signature = hex_of(v->signature);
		struct sum sum = sample(v->hash);

		if (public_verify(context, &key, hex_bytes(&point), alg_of(PSA_ALG_ECDSA, v->hash), sum_bytes(&sum),
			    hex_bytes(&signature))
				.code != STATUS_OK)
			return context;
	}
	return NULL;
}

static void one_cache_serves_two_threads(void **state)
{
	struct public_cache *cache;
	pthread_t threads[2];

	(void)state;
	assert_ok(public_cache_new(1, &cache));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, verify_often, cache), 0);
	for (size_t i = 0; i < 2; i++) {
		void *failed;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	public_cache_free(cache);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(published_ecdsa_signatures_verify),
	cmocka_unit_test(rsa_signatures_verify_with_their_own_scheme_only),
	cmocka_unit_test(signatures_that_differ_or_have_another_length_are_refused),
	cmocka_unit_test(keys_and_algorithms_that_do_not_fit_are_refused),
	cmocka_unit_test(bytes_that_are_no_such_key_are_refused),
	cmocka_unit_test(an_rsa_exponent_below_65537_is_refused),
	cmocka_unit_test(a_cached_key_never_serves_another),
	cmocka_unit_test(one_cache_serves_two_threads),
};

UNIT_MAIN(tests)
