/* SPDX-License-Identifier: Apache-2.0
 *
 * A keyed hash for tables in memory whose keys are somebody else's choice, so that nobody can aim at one bucket.  Not a
 * digest, not for secrets.  Pure; any thread. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"
#include "base/status.h"

/* One per table, from hash_seed(). */
struct hash_seed {
	uint64_t words[2];
};

/* Fails: RANDOM_FAILED. */
struct status hash_seed(struct hash_seed *ret_seed);

/* SipHash-1-3 with 64 bits; tweak sets the hashes of one use apart from another's. */
uint64_t hash_keyed(const struct hash_seed *seed, uint64_t tweak, struct bytes data);

#endif
