/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing: AES-256-GCM with a fresh random nonce and associated data, in one self-describing piece.  Any thread.
 *
 *   offset size field
 *    0     1   version     1; part of what is authenticated
 *    1    12   nonce       random
 *   13     n   ciphertext
 *   13+n  16   tag
 *
 * A key seals at most AEAD_SEALS_MAX pieces: random nonces must not meet (NIST SP 800-38D section 8.3). */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include "base/buf.h"
#include "base/secret.h"

enum {
	AEAD_KEY_BYTES = 32,
	AEAD_NONCE_BYTES = 12,
	AEAD_TAG_BYTES = 16,
	AEAD_OVERHEAD_BYTES = 1 + AEAD_NONCE_BYTES + AEAD_TAG_BYTES,
	AEAD_AAD_MAX = 4096,
	AEAD_PLAIN_MAX = SECRET_MAX_BYTES,
};
#define AEAD_SEALS_MAX (UINT64_C(1) << 32)

/* Append the sealed piece to ret_sealed.  key: AEAD_KEY_BYTES; plain: 1 to AEAD_PLAIN_MAX bytes.
 * Fails: LIMIT (a length, the buffer's cap), RANDOM_FAILED, CRYPTO. */
struct status aead_seal(struct bytes key, struct bytes aad, struct bytes plain, struct buf *ret_sealed);
/* The plaintext, only if key, associated data and every byte are those of the sealing.
 * Fails: DEVICE_INTEGRITY (whatever differs), LIMIT, NO_MEMORY, CRYPTO. */
struct status aead_open(struct bytes key, struct bytes aad, struct bytes sealed, struct secret *ret_plain);

#endif
