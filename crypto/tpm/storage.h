/* SPDX-License-Identifier: Apache-2.0
 *
 * The storage key: the one persistent object that is ours, above everything we create.  It is derived from the owner's
 * seed with a template of our own, so that a start that died before its state was durable finds it again. */
#ifndef CRYPTO_TPM_STORAGE_H
#define CRYPTO_TPM_STORAGE_H

#include "crypto/tpm/tpm.h"

enum { STORAGE_HANDLE = 0x8101A001 }; /* where the configuration names no other */

/* Find it, or create it at the first start, and pin its Name.
 * Fails: DEVICE_HANDLE (first start: something else lives there), DEVICE_IDENTITY (not the Name that was pinned),
 * DEVICE_AUTH (the owner has an authorization), and what commands fail with. */
struct status storage_open(struct tpm *t);

#endif
