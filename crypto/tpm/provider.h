/* SPDX-License-Identifier: Apache-2.0
 *
 * A TPM as a provider of the worker's loop.  It keeps the connection: what a reset, a lost transport or a full TPM
 * spoils is given up and rebuilt, and the request repeated once, since nothing that it does leaves a trace in the
 * TPM.  One thread. */
#ifndef CRYPTO_TPM_PROVIDER_H
#define CRYPTO_TPM_PROVIDER_H

#include "crypto/worker.h"
#include "crypto/worker_config.h"

struct tpm;

extern const struct worker_ops provider_ops;

/* Connect to the device; before the sandbox.  Fails: CLIENT_ARGUMENT (no such transport), MODULE_MISSING,
 * DEVICE_GONE, DEVICE_FAILED, NO_MEMORY. */
struct status provider_new(const struct worker_config *config, struct tpm **ret_tpm);
void provider_free(struct tpm *t);

#endif
