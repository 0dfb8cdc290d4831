/* SPDX-License-Identifier: Apache-2.0
 *
 * The one struct that the files of this folder share, and what the worker keeps in the store.  Private to the folder.
 */
#ifndef CRYPTO_TPM_TPM_H
#define CRYPTO_TPM_TPM_H

#include "base/secret.h"
#include "crypto/tpm/device.h"
#include "crypto/tpm/slots.h"
#include "crypto/worker.h"

enum { TPM_SEALED_MAX = 1024 }; /* a sealed object of 32 bytes: some 130 + 60 bytes */

/* The worker's state: written once, at the first start (and again when the firmware changed). */
struct tpm_state {
	TPM2B_NAME storage_name;	  /* size 0: first start */
	uint8_t seal_key[TPM_SEALED_MAX]; /* the seal key as a sealed object */
	size_t seal_key_len;
	uint64_t firmware; /* that `pss_fits` was found with */
	bool pss_fits;	   /* PSS salts are as long as the hash */
};

struct tpm {
	struct device device;
	struct worker_config config;
	struct tpm_state state;
	bool state_changed;
	bool is_ready;		/* connected, identified, session started */
	ESYS_TR storage;	/* the storage key, persistent */
	ESYS_TR session;	/* ESYS_TR_PASSWORD, or the salted session; ESYS_TR_NONE before it is started */
	struct secret seal_key; /* empty until the first unsealing */
	uint8_t identity[DIGEST_SHA256_BYTES]; /* SHA-256 of the storage key's Name */
	struct slots slots;
};

#endif
