/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenant parents (restricted decryption keys below the storage key) and the signing keys below them.  A key is its
 * blob: nothing of it stays in the TPM but what the slots keep loaded. */
#ifndef CRYPTO_TPM_KEY_H
#define CRYPTO_TPM_KEY_H

#include "crypto/tpm/tpm.h"

/* A new parent; its blob is appended. */
struct status key_parent_make(struct tpm *t, struct buf *ret_blob);
/* A new key under the parent; blob and public key are appended.
 * Fails: DEVICE_INTEGRITY (the parent's blob), ATTR_TYPE, ATTR_ALG, DEVICE_UNSUPPORTED, DEVICE_ATTRS. */
struct status key_make(struct tpm *t, const struct worker_request *rq, struct bytes parent, struct buf *ret_blob,
	struct buf *ret_public);
/* The key, loaded and with its authorization set; the slots own it.
 * Fails: DEVICE_INTEGRITY (a blob is damaged, of another key, parent or TPM). */
struct status key_load(
	struct tpm *t, const struct worker_request *rq, struct bytes blob, struct bytes parent, ESYS_TR *ret_key);
/* It is destroyed. */
struct status key_forget(struct tpm *t, struct bytes blob);

#endif
