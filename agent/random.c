/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/random.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/digest.h"

enum { BLOCK_BYTES = 32, REPEAT_MAX = 4 };

_Static_assert((int)RANDOM_KEY_BYTES == (int)DIGEST_SHA256_BYTES, "seen holds SHA-256");

struct status random_pool_init(struct random_pool *pool)
{
	*pool = (struct random_pool){ 0 };
	return random_fill(pool->key, sizeof(pool->key));
}

/* Repetition count test: no byte value more than REPEAT_MAX times in a row (SP 800-90B, section 4.4.1; chance for 32
 * good bytes below one in 10^10). */
static bool repeats(struct bytes device)
{
	size_t run = 1;

	for (size_t i = 1; i < device.len; i++) {
		run = device.data[i] == device.data[i - 1] ? run + 1 : 1;
		if (run > REPEAT_MAX)
			return true;
	}
	return device.len == 0;
}

/* Each device is asked in turn, and one that always says the same says what it said the last time. */
static bool was_seen(const struct random_pool *pool, const uint8_t hash[RANDOM_KEY_BYTES])
{
	for (size_t i = 0; i < RANDOM_SEEN && i < pool->mixed + pool->unhealthy; i++)
		if (memcmp(pool->seen[i], hash, RANDOM_KEY_BYTES) == 0)
			return true;
	return false;
}

struct status random_pool_mix(struct random_pool *pool, struct bytes device)
{
	uint8_t hash[RANDOM_KEY_BYTES];

	bool is_good;

	TRY(digest_sha256(device, hash));
	is_good = !repeats(device) && !was_seen(pool, hash);
	/* Also one that is not mixed in: else it were forgotten after some of another device, and taken once more. */
	memcpy(pool->seen[(pool->mixed + pool->unhealthy) % RANDOM_SEEN], hash, sizeof(hash));
	if (!is_good) {
		pool->unhealthy++;
		return FAIL(RANDOM_FAILED);
	}
	TRY(digest_hmac_sha256(bytes_of(pool->key, sizeof(pool->key)), device, pool->key));
	pool->mixed++;
	return OK;
}

struct status random_pool_stream(struct random_pool *pool, struct random_stream *ret_stream)
{
	uint64_t number = ++pool->counter;

	return digest_hmac_sha256(
		bytes_of(pool->key, sizeof(pool->key)), bytes_of(&number, sizeof(number)), ret_stream->key);
}

struct status random_take(const struct random_stream *stream, size_t len, struct buf *to)
{
	uint8_t *out;

	ENSURE(len <= RANDOM_MAX, RANDOM_LONG);
	if (len == 0)
		return OK;
	out = buf_reserve(to, len);
	ENSURE(out != NULL, LIMIT);
	TRY(random_fill(out, len));
	for (uint64_t block = 0; block * BLOCK_BYTES < len; block++) {
		uint8_t mask[BLOCK_BYTES];
		size_t at = block * BLOCK_BYTES, n = len - at < BLOCK_BYTES ? len - at : BLOCK_BYTES;

		TRY(digest_hmac_sha256(
			bytes_of(stream->key, sizeof(stream->key)), bytes_of(&block, sizeof(block)), mask));
		for (size_t i = 0; i < n; i++)
			out[at + i] ^= mask[i];
	}
	buf_grew(to, len);
	return OK;
}
