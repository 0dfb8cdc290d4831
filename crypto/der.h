/* SPDX-License-Identifier: Apache-2.0
 *
 * The few DER structures around keys and hashes: RSAPublicKey, SubjectPublicKeyInfo, DigestInfo, and the octet string
 * around a point.  Reading is strict: shortest lengths, positive minimal integers, nothing left over.  Pure; any
 * thread.  X.690; RFC 8017 appendix A.1.1 and section 9.2; RFC 5480. */
#ifndef CRYPTO_DER_H
#define CRYPTO_DER_H

#include "crypto/psa.h"

enum { DER_SPKI_MAX_BYTES = PSA_PUBLIC_MAX_BYTES + 64, DER_DIGEST_INFO_MAX_BYTES = PSA_HASH_MAX_BYTES + 19 };

/* RSAPublicKey from big-endian numbers (leading zeros are allowed here and dropped).
 * Fails: LIMIT (the buffer's cap, an empty number). */
struct status der_rsa_public_put(struct buf *to, struct bytes modulus, struct bytes exponent);
/* The numbers, without leading zeros; borrowed from `from`.  Fails: CLIENT_ARGUMENT. */
struct status der_rsa_public_get(struct bytes from, struct bytes *ret_modulus, struct bytes *ret_exponent);

/* SubjectPublicKeyInfo around a public key in the wire's format (reference section 11): P-256, P-384, P-521, RSA.
 * Fails: ATTR_TYPE (another kind of key), LIMIT. */
struct status der_spki_put(struct buf *to, const struct psa_key_attributes *key, struct bytes public_key);
/* Kind, family and bits into ret_key (the rest zero) and the key in the wire's format, borrowed from `from`.
 * Fails: CLIENT_ARGUMENT (not such a structure), ATTR_TYPE (another kind of key). */
struct status der_spki_get(struct bytes from, struct psa_key_attributes *ret_key, struct bytes *ret_public_key);

/* DigestInfo: what PKCS #1 v1.5 signs.  Fails: ATTR_ALG (no such hash), HASH_LENGTH, LIMIT. */
struct status der_digest_info_put(struct buf *to, uint8_t psa_hash, struct bytes hash);

/* The content of the one octet string that `from` is.  Fails: CLIENT_ARGUMENT. */
struct status der_octet_string_get(struct bytes from, struct bytes *ret_content);

#endif
