/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that were verified before, so that the next use costs a hash.  Index: SHA-256 of the signing input; a hit
 * counts only with the identical SHA-256 of the signature.  The token itself is not kept.  A hit says that the
 * signature is good and its key still trusted; time, age and audience are the caller's to judge, each time
 * (jwtsvid_judge).  An entry ends with its "exp", with its key, or as the least recently used of a full cache.  One
 * thread.  DESIGN decision 7. */
#ifndef JWTSVID_CACHE_H
#define JWTSVID_CACHE_H

#include "jwtsvid/verify.h"

enum { JWTSVID_CACHE_HASH_BYTES = 32, JWTSVID_CACHE_MAX = 65536 };

struct jwtsvid_cache_key {
	uint8_t input[JWTSVID_CACHE_HASH_BYTES];     /* the index; also what audit calls the token's hash */
	uint8_t signature[JWTSVID_CACHE_HASH_BYTES]; /* never logged */
};

struct jwtsvid_cache_counts {
	uint64_t hits;
	uint64_t misses; /* each asks for a verification */
	uint64_t stored;
	uint64_t forged;  /* known signing input, another signature: counted as misses too */
	uint64_t evicted; /* least recently used */
	uint64_t ended;	  /* by exp or with their key */
	size_t entries;
};

struct jwtsvid_cache;

/* entries_max: 1 to JWTSVID_CACHE_MAX.  Trusts nobody until jwtsvid_cache_keys().  Fails: LIMIT, NO_MEMORY, CRYPTO. */
struct status jwtsvid_cache_new(size_t entries_max, struct jwtsvid_cache **ret_cache);
void jwtsvid_cache_free(struct jwtsvid_cache *cache);

/* The keys trusted from now on (the cache takes a reference); entries whose key vanished end here. */
void jwtsvid_cache_keys(struct jwtsvid_cache *cache, struct keyset *keys);

/* Hash a token for the calls below.  Fails: JWT_LONG, JWT_MALFORMED (as jwtsvid_split()), CRYPTO. */
struct status jwtsvid_cache_key(struct jwtsvid_cache *cache, struct bytes token, struct jwtsvid_cache_key *ret_key);
/* Borrowed until the next call on the cache (or take a jwtsvid_ref()); NULL: verify it. */
struct jwtsvid *jwtsvid_cache_find(struct jwtsvid_cache *cache, const struct jwtsvid_cache_key *key, int64_t now_s);
/* Remember what jwtsvid_authenticate() made of the token (takes a reference).  Silently not kept: a token at or past
 * its exp, and one whose key is not among the keys trusted now (they may have changed while it was being verified). */
void jwtsvid_cache_put(
	struct jwtsvid_cache *cache, const struct jwtsvid_cache_key *key, struct jwtsvid *svid, int64_t now_s);

void jwtsvid_cache_count(const struct jwtsvid_cache *cache, struct jwtsvid_cache_counts *ret_counts);

#endif
