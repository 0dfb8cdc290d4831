/* SPDX-License-Identifier: Apache-2.0
 *
 * Public areas: of what we create, and what they say of it.  All objects are fixed to this TPM and their parent, and
 * exempt from dictionary attack protection: their authorization is 32 random bytes, and nobody shall lock us out.
 * Pure; any thread.  TPM 2.0 part 2 section 12.2; wire reference section 11. */
#ifndef CRYPTO_TPM_TEMPLATE_H
#define CRYPTO_TPM_TEMPLATE_H

#include <tss2/tss2_tpm2_types.h>

#include "base/buf.h"
#include "crypto/psa.h"

/* The storage key: a restricted decryption key on P-256, AES-128-CFB for its children; its `unique` field names us,
 * so that it is a key of its own under the owner's seed, the same one each time it is derived. */
void template_storage(TPM2B_PUBLIC *ret_public);
/* A tenant's parent: the same shape, but random. */
void template_parent(TPM2B_PUBLIC *ret_public);
/* Sealed bytes. */
void template_sealed(TPM2B_PUBLIC *ret_public);
/* A signing key with one scheme where its policy names one hash.
 * Fails: ATTR_TYPE, ATTR_ALG (no key or algorithm of a TPM). */
struct status template_key(const struct psa_key_attributes *key, TPM2B_PUBLIC *ret_public);

/* Did the TPM make what was asked for?  Everything but `unique` is compared.  Fails: DEVICE_ATTRS. */
struct status template_compare(const TPM2B_PUBLIC *asked, const TPM2B_PUBLIC *made);
/* The public key in the wire's format.  Fails: DEVICE_ATTRS (a number too long), LIMIT. */
struct status template_export(const struct psa_key_attributes *key, const TPM2B_PUBLIC *public, struct buf *ret_key);

/* The signature scheme of an algorithm; its hash may be NONE here only for `any`.  Fails: ATTR_ALG. */
struct status template_scheme(struct psa_alg alg, TPM2_ALG_ID *ret_scheme, TPM2_ALG_ID *ret_hash);
/* TPM2_ALG_NULL where a TPM knows no such hash. */
TPM2_ALG_ID template_hash(uint8_t psa_hash);
/* TPM2_ECC_NONE where a TPM knows no such curve. */
TPM2_ECC_CURVE template_curve(uint8_t family, uint32_t bits);

/* A big-endian number in exactly `width` bytes, zeros in front.  Fails: DEVICE_ATTRS (longer than that). */
struct status template_put_padded(struct buf *to, const uint8_t *number, size_t len, size_t width);

#endif
