/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures over a hash made by the agent.  One thread.  Wire reference section 11; PKCS #11 mechanisms v2.40,
 * sections 2.1.6, 2.1.8 and 2.3.6. */
#ifndef CRYPTO_PKCS11_SIGN_H
#define CRYPTO_PKCS11_SIGN_H

#include "crypto/pkcs11/key.h"

/* Sign `hash` with rq->alg and the key of that id (rq->key says its kind); the signature goes to ret_signature in the
 * wire's format.  Fails: ATTR_ALG, KEY_TYPE, HASH_LENGTH, DEVICE_KEY_GONE, DEVICE_FAILED, what rc.h says. */
struct status sign_hash(struct keys *keys, const struct worker_request *rq,
	const uint8_t id[static WORKER_HARDWARE_ID_BYTES], struct bytes hash, struct buf *ret_signature);

#endif
