/* SPDX-License-Identifier: Apache-2.0
 *
 * What the token can do, asked of the token: its list of mechanisms and the sizes that it gives for each.  One
 * thread. */
#ifndef CRYPTO_PKCS11_CAPS_H
#define CRYPTO_PKCS11_CAPS_H

#include "crypto/pkcs11/session.h"
#include "crypto/worker.h"

/* Fill in ret_info's capabilities: P-256, P-384, P-521 with ECDSA; RSA 2048, 3072, 4096 with PKCS #1 v1.5 and PSS;
 * each with SHA-256, SHA-384, SHA-512; only those that the token announces.  Fails: what rc.h says, LIMIT. */
struct status caps_ask(struct session *s, struct worker_info *ret_info);

#endif
