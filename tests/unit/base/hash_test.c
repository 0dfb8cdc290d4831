/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "base/hash.h"

/* SipHash-1-3 of 0, 1, 2, ... under the key 0, 1, ... 15: as the algorithm's authors order key and message. */
static void it_is_siphash_1_3(void **state)
{
	struct hash_seed seed = { { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u } };
	uint8_t message[64];

	(void)state;
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	assert_true(hash_keyed(&seed, 0, bytes_of(message, 0)) == 0xabac0158050fc4dcu);
	assert_true(hash_keyed(&seed, 0, bytes_of(message, 1)) == 0xc9f49bf37d57ca93u);
	assert_true(hash_keyed(&seed, 0, bytes_of(message, 7)) == 0xd3927d989bb11140u);
	assert_true(hash_keyed(&seed, 0, bytes_of(message, 8)) == 0x369095118d299a8eu);
}

static void seeds_tweaks_and_every_byte_count(void **state)
{
	struct hash_seed a, b;
	uint8_t message[32] = { 0 };
	uint64_t was;

	(void)state;
	assert_ok(hash_seed(&a));
	assert_ok(hash_seed(&b));
	was = hash_keyed(&a, 0, bytes_of(message, sizeof(message)));
	assert_true(was == hash_keyed(&a, 0, bytes_of(message, sizeof(message))));
	assert_true(was != hash_keyed(&b, 0, bytes_of(message, sizeof(message))));
	assert_true(was != hash_keyed(&a, 1, bytes_of(message, sizeof(message))));
	assert_true(was != hash_keyed(&a, 0, bytes_of(message, sizeof(message) - 1)));
	for (size_t i = 0; i < sizeof(message); i++) {
		message[i] = 1;
		assert_true(was != hash_keyed(&a, 0, bytes_of(message, sizeof(message))));
		message[i] = 0;
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(it_is_siphash_1_3),
	cmocka_unit_test(seeds_tweaks_and_every_byte_count),
};

UNIT_MAIN(tests)
