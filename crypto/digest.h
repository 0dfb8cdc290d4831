/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes: SHA-2 and SHA-3 by PSA's numbers, whole or in pieces, and HMAC-SHA-256.  Algorithms are fetched once, at the
 * first use.  Any thread; a struct digest belongs to one thread at a time.  FIPS 180-4, FIPS 202, RFC 2104. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "base/bytes.h"
#include "base/status.h"
#include "crypto/psa.h"

enum { DIGEST_SHA256_BYTES = 32 };

/* Fetch every algorithm now, so that no later call has to.  Fails: CRYPTO. */
struct status digest_init(void);

/* Hash `data`; the length is psa_hash_bytes().  Fails: ATTR_ALG (not SHA-2 or SHA-3), CRYPTO. */
struct status digest_compute(uint8_t psa_hash, struct bytes data, uint8_t ret[PSA_HASH_MAX_BYTES], size_t *ret_len);
/* Fails: CRYPTO. */
struct status digest_sha256(struct bytes data, uint8_t ret[DIGEST_SHA256_BYTES]);
/* ret may overlap key or data.  Fails: CRYPTO. */
struct status digest_hmac_sha256(struct bytes key, struct bytes data, uint8_t ret[DIGEST_SHA256_BYTES]);

/* A message in pieces: digest_new, digest_add ..., digest_end, digest_free (which accepts NULL). */
struct digest;
/* Fails: ATTR_ALG, NO_MEMORY, CRYPTO. */
struct status digest_new(uint8_t psa_hash, struct digest **ret_digest);
struct status digest_add(struct digest *digest, struct bytes data);
/* Once; after it only digest_free(). */
struct status digest_end(struct digest *digest, uint8_t ret[PSA_HASH_MAX_BYTES], size_t *ret_len);
void digest_free(struct digest *digest);

/* OpenSSL's EVP_MD for its users within crypto/: borrowed, lives as long as the process; NULL when not supported. */
struct evp_md_st;
const struct evp_md_st *digest_md(uint8_t psa_hash);

#endif
