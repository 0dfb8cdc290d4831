/* SPDX-License-Identifier: Apache-2.0
 *
 * Public-key operations, for the agent's compute threads: verification of signatures over a hash with a public key in
 * the wire's format (reference section 11).  EC P-256, P-384, P-521; RSA 2048 to 4096 with an odd exponent of at
 * least 65537.  Decoded keys are kept in a bounded cache.  Any thread; one cache may serve several. */
#ifndef CRYPTO_PUBLIC_H
#define CRYPTO_PUBLIC_H

#include "crypto/psa.h"

enum { PUBLIC_CACHE_MAX = 4096, PUBLIC_RSA_MIN_BITS = 2048, PUBLIC_RSA_MAX_BITS = 4096 };

/* Decoded keys by their bytes: a fixed number of places, the newcomer takes its place from another. */
struct public_cache;
/* places: 1 to PUBLIC_CACHE_MAX.  Fails: LIMIT, NO_MEMORY. */
struct status public_cache_new(size_t places, struct public_cache **ret_cache);
void public_cache_free(struct public_cache *cache);

/* Is this a usable public key of that kind (pair or public), family and size?  On the curve, sane modulus.
 * Fails: ATTR_TYPE (kind or size not supported here), RECORD_CORRUPT (bytes that are no such key), CRYPTO. */
struct status public_check(const struct psa_key_attributes *key, struct bytes public_key);

/* Verify `signature` over `hash`.  PKCS #1 v1.5 builds the DigestInfo; PSS has a salt as long as the hash (any other
 * is refused); ECDSA is r||s of fixed width.
 *
 *   cache       may be NULL
 *   key         kind, family and bits count; its policy is the caller's to ask (psa_key_permits)
 *   alg         RSA_PKCS1V15_SIGN or RSA_PSS with a specific hash, ECDSA with a specific hash, ECDSA_ANY
 *
 * Fails: SIGNATURE_WRONG (also for a wrong length), HASH_LENGTH, ATTR_ALG, ATTR_TYPE, KEY_TYPE, RECORD_CORRUPT,
 * NO_MEMORY, CRYPTO. */
struct status public_verify(struct public_cache *cache, const struct psa_key_attributes *key, struct bytes public_key,
	struct psa_alg alg, struct bytes hash, struct bytes signature);

#endif
