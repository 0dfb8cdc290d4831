/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures over a digest, in the wire's formats (reference section 11): r||s of fixed width, or as long as the
 * modulus. */
#ifndef CRYPTO_TPM_SIGN_H
#define CRYPTO_TPM_SIGN_H

#include "crypto/tpm/tpm.h"

/* One command.  `key` is loaded and authorized; the hash's length is that of the algorithm.  Appends the signature.
 * Fails: ATTR_ALG, HASH_LENGTH, DEVICE_FAILED (the answer is no such signature), and what commands fail with. */
struct status sign_digest(struct tpm *t, ESYS_TR key, const struct psa_key_attributes *attributes, struct psa_alg alg,
	struct bytes hash, struct buf *ret_signature);

#endif
