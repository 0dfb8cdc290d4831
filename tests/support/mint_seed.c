/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL's old interface for a generator of one's own: a whole provider would say the same in two hundred lines. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/mint.h"

static uint64_t state;

/* splitmix64 */
uint64_t mint_random(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int seeded_bytes(unsigned char *out, int len)
{
	for (int i = 0; i < len; i++)
		out[i] = (unsigned char)mint_random();
	return 1;
}

static int always(void)
{
	return 1;
}

void mint_seed(uint64_t seed)
{
	static const RAND_METHOD method = { .bytes = seeded_bytes, .pseudorand = seeded_bytes, .status = always };

	state = seed;
	if (RAND_set_rand_method(&method) != 1) {
		fprintf(stderr, "mint: no generator of our own\n");
		abort();
	}
}
