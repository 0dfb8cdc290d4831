/* SPDX-License-Identifier: Apache-2.0
 *
 * What leaves this worker, it leaves sealed.  Short secrets (the worker's own seal key, the wrapping key of software
 * keys) become sealed objects under the storage key; key blobs and parent blobs are AES-256-GCM under the seal key,
 * around private area, public area and authorization:
 *
 *   sealed object   sized(TPM2B_PRIVATE's bytes) sized(TPM2B_PUBLIC, marshalled)
 *   blob, in clear  sized(TPM2B_PRIVATE's bytes) sized(TPM2B_PUBLIC, marshalled) 32 bytes of authorization
 *
 * Every length is checked before tpm2-tss unmarshals anything. */
#ifndef CRYPTO_TPM_SEAL_H
#define CRYPTO_TPM_SEAL_H

#include "crypto/tpm/tpm.h"

enum { SEAL_BYTES = 32, SEAL_AUTH_BYTES = 32 };

/* SEAL_BYTES into a sealed object, appended, and out of it.  Fails: DEVICE_INTEGRITY (damaged, or of another TPM). */
struct status seal_make(struct tpm *t, struct bytes plain, struct buf *ret_sealed);
struct status seal_open(struct tpm *t, struct bytes sealed, struct secret *ret_plain);

/* The seal key: made at the first start, else unsealed.  Once it is known, unsealing it again proves that this is
 * still the same TPM.  Fails: DEVICE_IDENTITY (it is another key). */
struct status seal_ready(struct tpm *t);

/* An object under the storage key or a parent. */
struct seal_object {
	TPM2B_PRIVATE private;
	TPM2B_PUBLIC public;
	TPM2B_AUTH auth; /* secret */
};
void seal_object_done(struct seal_object *object);
/* A fresh authorization of SEAL_AUTH_BYTES. */
struct status seal_auth_make(TPM2B_AUTH *ret_auth);

/* Append the blob; `about` is authenticated with it. */
struct status seal_blob(struct tpm *t, const struct seal_object *object, struct bytes about, struct buf *ret_blob);
/* Fails: DEVICE_INTEGRITY unless blob and `about` are those that were sealed. */
struct status seal_blob_open(struct tpm *t, struct bytes blob, struct bytes about, struct seal_object *ret_object);

#endif
