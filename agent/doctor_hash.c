/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/doctor_parts.h"
#include "base/own.h"

enum { BLOCK_BYTES = 64, LENGTH_AT = 56, STATE_WORDS = 8, ROUNDS = 64 };

struct hash {
	uint32_t state[STATE_WORDS];
	uint64_t byte_count;
};

/* FIPS 180-4, section 4.2.2: of the cube roots of the first 64 primes. */
/* clang-format off */
static const uint32_t constants[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };
static const uint32_t beginning[STATE_WORDS] = { /* section 5.3.3 */
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
/* clang-format on */

static uint32_t turned(uint32_t x, unsigned by)
{
	return x >> by | x << (32 - by);
}

static uint32_t word_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Section 6.2.2. */
static void hash_block(struct hash *h, const uint8_t block[BLOCK_BYTES])
{
	uint32_t w[ROUNDS], v[STATE_WORDS];

	for (unsigned t = 0; t < 16; t++)
		w[t] = word_at(block + (size_t)4 * t);
	for (unsigned t = 16; t < ROUNDS; t++)
		w[t] = (turned(w[t - 2], 17) ^ turned(w[t - 2], 19) ^ w[t - 2] >> 10) + w[t - 7] +
		       (turned(w[t - 15], 7) ^ turned(w[t - 15], 18) ^ w[t - 15] >> 3) + w[t - 16];
	memcpy(v, h->state, sizeof(v));
	for (unsigned t = 0; t < ROUNDS; t++) {
		uint32_t one = v[7] + (turned(v[4], 6) ^ turned(v[4], 11) ^ turned(v[4], 25)) +
			       ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[t] + w[t];
		uint32_t two = (turned(v[0], 2) ^ turned(v[0], 13) ^ turned(v[0], 22)) +
			       ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, (STATE_WORDS - 1) * sizeof(v[0]));
		v[4] += one;
		v[0] = one + two;
	}
	for (unsigned i = 0; i < STATE_WORDS; i++)
		h->state[i] += v[i];
}

/* The rest, a one bit, zeros, and the length in bits: section 5.1.1. */
static void hash_end(struct hash *h, uint8_t block[BLOCK_BYTES], size_t len)
{
	const uint64_t bits = h->byte_count * 8;

	block[len++] = 0x80;
	memset(block + len, 0, BLOCK_BYTES - len);
	if (len > LENGTH_AT) {
		hash_block(h, block);
		memset(block, 0, BLOCK_BYTES);
	}
	for (unsigned i = 0; i < 8; i++)
		block[LENGTH_AT + i] = (uint8_t)(bits >> (56 - 8 * i));
	hash_block(h, block);
}

static void close_file(FILE **file)
{
	if (*file != NULL)
		(void)fclose(*file); /* was only read */
}

bool doctor_sha256(const char *path, char ret_text[DOCTOR_SHA256_TEXT])
{
	AUTO(close_file) FILE *file = fopen(path, "re");
	struct hash h = { .byte_count = 0 };
	uint8_t block[BLOCK_BYTES];
	size_t len;

	if (file == NULL)
		return false;
	memcpy(h.state, beginning, sizeof(h.state));
	while ((len = fread(block, 1, BLOCK_BYTES, file)) == BLOCK_BYTES) {
		hash_block(&h, block);
		h.byte_count += BLOCK_BYTES;
	}
	if (ferror(file) != 0)
		return false;
	h.byte_count += len;
	hash_end(&h, block, len);
	for (size_t i = 0; i < STATE_WORDS; i++)
		(void)snprintf(ret_text + 8 * i, 9, "%08x", (unsigned)h.state[i]);
	return true;
}
