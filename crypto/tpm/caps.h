/* SPDX-License-Identifier: Apache-2.0
 *
 * What this TPM can do, asked of it: curves, algorithms, hashes, RSA sizes; and what it calls itself. */
#ifndef CRYPTO_TPM_CAPS_H
#define CRYPTO_TPM_CAPS_H

#include "crypto/tpm/tpm.h"

/* Description and capabilities.  May change t->state: whether PSS salts are as long as the hash is tried out once per
 * firmware, since a TPM outside FIPS mode may use the largest that fits (reference section 11). */
struct status caps_read(struct tpm *t, struct worker_info *ret_info);

#endif
