/* SPDX-License-Identifier: Apache-2.0
 *
 * Random bytes for PsaGenerateRandom, which anyone may ask for: never a device command per request.  The kernel's
 * generator, with a stream keyed by device bytes laid over it; the device bytes are fetched in the background, pass a
 * health test first, and can only add to what the kernel gives.  random_take() runs on any one thread at a time
 * per stream; the pool is the loop's. */
#ifndef AGENT_RANDOM_H
#define AGENT_RANDOM_H

#include "base/buf.h"
#include "base/status.h"

enum {
	RANDOM_KEY_BYTES = 32,
	RANDOM_MAX = 1024 * 1024, /* one request; above it: 10 (wire reference, section 23, row 76) */
	RANDOM_INLINE_MAX = 4096, /* larger ones visit a compute thread */
	RANDOM_DEVICE_BYTES = 32, /* fetched at a time */
	RANDOM_REFRESH_S = 60,
	RANDOM_SEEN = 16, /* at least one of each device */
};

struct random_pool {
	uint8_t key[RANDOM_KEY_BYTES];
	uint64_t mixed;	    /* device contributions so far */
	uint64_t unhealthy; /* contributions refused by the test */
	uint64_t counter;
	uint8_t seen[RANDOM_SEEN][RANDOM_KEY_BYTES]; /* hashes of the last contributions */
};

/* A stream of its own for one request, so that it may be drawn from on another thread. */
struct random_stream {
	uint8_t key[RANDOM_KEY_BYTES];
};

struct status random_pool_init(struct random_pool *pool);
/* Lay device bytes in, unless they repeat within themselves or one of the last contributions (a stuck device): then
 * they are refused and counted.  Fails: RANDOM_FAILED, CRYPTO. */
struct status random_pool_mix(struct random_pool *pool, struct bytes device);
struct status random_pool_stream(struct random_pool *pool, struct random_stream *ret_stream);
/* Append len bytes.  Fails: RANDOM_FAILED, RANDOM_LONG, CRYPTO, LIMIT. */
struct status random_take(const struct random_stream *stream, size_t len, struct buf *to);

#endif
