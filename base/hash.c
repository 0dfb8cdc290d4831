/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "base/secret.h"

struct status hash_seed(struct hash_seed *ret_seed)
{
	return random_fill(ret_seed->words, sizeof(ret_seed->words));
}

#define ROTATE(x, n) (((x) << (n)) | ((x) >> (64 - (n))))
#define SIP_ROUND                         \
	do {                              \
		v0 += v1;                 \
		v1 = ROTATE(v1, 13) ^ v0; \
		v0 = ROTATE(v0, 32);      \
		v2 += v3;                 \
		v3 = ROTATE(v3, 16) ^ v2; \
		v0 += v3;                 \
		v3 = ROTATE(v3, 21) ^ v0; \
		v2 += v1;                 \
		v1 = ROTATE(v1, 17) ^ v2; \
		v2 = ROTATE(v2, 32);      \
	} while (0)

uint64_t hash_keyed(const struct hash_seed *seed, uint64_t tweak, struct bytes data)
{
	uint64_t v0 = seed->words[0] ^ 0x736f6d6570736575u, v1 = seed->words[1] ^ 0x646f72616e646f6du ^ tweak;
	uint64_t v2 = seed->words[0] ^ 0x6c7967656e657261u, v3 = seed->words[1] ^ 0x7465646279746573u;
	struct reader r = reader_of(data);
	uint64_t word;

	while (r.left.len >= 8) {
		word = reader_u64(&r);
		v3 ^= word;
		SIP_ROUND;
		v0 ^= word;
	}
	word = (uint64_t)data.len << 56;
	for (size_t i = 0; i < r.left.len; i++)
		word |= (uint64_t)r.left.data[i] << (8 * i);
	v3 ^= word;
	SIP_ROUND;
	v0 ^= word;
	v2 ^= 0xff;
	SIP_ROUND;
	SIP_ROUND;
	SIP_ROUND;
	return v0 ^ v1 ^ v2 ^ v3;
}
