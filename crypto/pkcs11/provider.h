/* SPDX-License-Identifier: Apache-2.0
 *
 * One token as a provider: the calls of worker_ops over one session.  A session that is lost is opened again, once
 * per request, and the request repeated, once.  One thread.
 *
 * Key blob: version 1 | hardware id (32 bytes) | serial number of the token (16 bytes, padded).  It is no secret: it
 * says where the key is, and nobody can use it without the logged-in session. */
#ifndef CRYPTO_PKCS11_PROVIDER_H
#define CRYPTO_PKCS11_PROVIDER_H

#include "crypto/pkcs11/key.h"
#include "crypto/pkcs11/module.h"
#include "crypto/pkcs11/pin.h"
#include "crypto/pkcs11/session.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"

struct provider {
	struct worker_config config;
	struct module module;
	struct pin pin;
	struct session session;
	struct keys keys;
	uint8_t tag[WORKER_TAG_BYTES]; /* of the store, since open */
	bool is_open;
};

/* Load the module of p->config and find its token; nothing is opened or logged in before worker_ops.open.
 * Fails: MODULE_MISSING (p->module.why says what to do), NO_MEMORY, what rc.h says. */
struct status provider_load(struct provider *p);
void provider_done(struct provider *p);

/* Its `self` is a struct provider. */
extern const struct worker_ops provider_ops;

#endif
