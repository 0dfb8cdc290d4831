/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "crypto/digest.h"
#include "tests/support/hex.h"

/* FIPS 180-4 and FIPS 202 examples of "abc" and of the empty message (csrc.nist.gov). */
static const struct {
	uint8_t hash;
	const char *message, *want;
} known[] = {
	{ PSA_HASH_SHA_224, "abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7" },
	{ PSA_HASH_SHA_256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ PSA_HASH_SHA_256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ PSA_HASH_SHA_384, "abc",
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
	{ PSA_HASH_SHA_512, "abc",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
		"454d4423643ce80e2a9ac94fa54ca49f" },
	{ PSA_HASH_SHA_512_224, "abc", "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa" },
	{ PSA_HASH_SHA_512_256, "abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23" },
	{ PSA_HASH_SHA3_224, "abc", "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf" },
	{ PSA_HASH_SHA3_256, "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" },
	{ PSA_HASH_SHA3_384, "abc",
		"ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25" },
	{ PSA_HASH_SHA3_512, "abc",
		"b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e39340"
		"57340b4cf408d5a56592f8274eec53f0" },
};

static void published_digests_are_computed(void **state)
{
	(void)state;
	assert_ok(digest_init());
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct hex want = hex_of(known[i].want);
		uint8_t got[PSA_HASH_MAX_BYTES];
		size_t len;

		assert_ok(digest_compute(known[i].hash, bytes_from_text(known[i].message), got, &len));
		assert_bytes(bytes_of(got, len), hex_bytes(&want));
		assert_int_equal(len, psa_hash_bytes(known[i].hash));
	}
}

static void pieces_give_the_same_digest_as_the_whole(void **state)
{
	static const char message[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	struct hex want = hex_of("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");

	(void)state;
	for (size_t cut = 0; cut < sizeof(message); cut++) {
		struct digest *digest;
		uint8_t got[PSA_HASH_MAX_BYTES];
		size_t len;

		assert_ok(digest_new(PSA_HASH_SHA_256, &digest));
		assert_ok(digest_add(digest, bytes_of(message, cut)));
		assert_ok(digest_add(digest, bytes_of(message + cut, sizeof(message) - 1 - cut)));
		assert_ok(digest_end(digest, got, &len));
		assert_bytes(bytes_of(got, len), hex_bytes(&want));
		digest_free(digest);
	}
}

static void hashes_outside_sha2_and_sha3_are_refused(void **state)
{
	static const uint8_t refused[] = { PSA_HASH_NONE, PSA_HASH_MD2, PSA_HASH_MD4, PSA_HASH_MD5, PSA_HASH_RIPEMD160,
		PSA_HASH_SHA_1, PSA_HASH_COUNT, PSA_HASH_ANY };
	uint8_t got[PSA_HASH_MAX_BYTES];
	struct digest *digest;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(refused); i++) {
		assert_fails(digest_compute(refused[i], BYTES_LITERAL("abc"), got, &len), ATTR_ALG);
		assert_fails(digest_new(refused[i], &digest), ATTR_ALG);
		assert_null(digest_md(refused[i]));
	}
	digest_free(NULL);
}

/* RFC 4231 sections 4.2, 4.3, 4.7 and 4.8; the keys of the last two are longer than a block. */
static void published_hmacs_are_computed(void **state)
{
	static const struct {
		const char *key, *data, *want;
	} rows[] = {
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	};
	uint8_t long_key[131], got[DIGEST_SHA256_BYTES];
	struct hex want = hex_of("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hex key = hex_of(rows[i].key), data = hex_of(rows[i].data), sum = hex_of(rows[i].want);

		assert_ok(digest_hmac_sha256(hex_bytes(&key), hex_bytes(&data), got));
		assert_bytes(bytes_of(got, sizeof(got)), hex_bytes(&sum));
	}
	memset(long_key, 0xaa, sizeof(long_key));
	assert_ok(digest_hmac_sha256(bytes_of(long_key, sizeof(long_key)),
		BYTES_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"), got));
	assert_bytes(bytes_of(got, sizeof(got)), hex_bytes(&want));
}

static void an_hmac_may_replace_its_own_key(void **state)
{
	uint8_t key[DIGEST_SHA256_BYTES] = { 1, 2, 3 }, want[DIGEST_SHA256_BYTES];

	(void)state;
	assert_ok(digest_hmac_sha256(bytes_of(key, sizeof(key)), BYTES_LITERAL("x"), want));
	assert_ok(digest_hmac_sha256(bytes_of(key, sizeof(key)), BYTES_LITERAL("x"), key));
	assert_memory_equal(key, want, sizeof(key));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(published_digests_are_computed),
	cmocka_unit_test(pieces_give_the_same_digest_as_the_whole),
	cmocka_unit_test(hashes_outside_sha2_and_sha3_are_refused),
	cmocka_unit_test(published_hmacs_are_computed),
	cmocka_unit_test(an_hmac_may_replace_its_own_key),
};

UNIT_MAIN(tests)
