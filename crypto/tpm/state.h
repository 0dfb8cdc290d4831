/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's state as bytes, for the store:
 *   u8 version 1 | sized(storage key's Name) | sized(seal key, a sealed object) | u64 firmware | u8 PSS fits */
#ifndef CRYPTO_TPM_STATE_H
#define CRYPTO_TPM_STATE_H

#include "crypto/tpm/tpm.h"

struct status state_put(struct buf *to, const struct tpm_state *state);
/* Nothing at all is a first start: zeros.  Fails: RECORD_CORRUPT. */
struct status state_get(struct bytes from, struct tpm_state *ret_state);

#endif
