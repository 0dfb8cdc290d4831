/* SPDX-License-Identifier: Apache-2.0
 *
 * The token's AES key that seals the wrapping key of software keys: non-extractable, labelled WRAPKEY_LABEL, with the
 * store's tag as its CKA_ID.  One thread.
 *
 * The sealed piece:
 *   offset size field
 *    0     1   version     1
 *    1    12   nonce       random
 *   13    32   ciphertext  AES-256-GCM; associated data: version, WRAPKEY_LABEL, the store's tag
 *   45    16   tag
 */
#ifndef CRYPTO_PKCS11_WRAPKEY_H
#define CRYPTO_PKCS11_WRAPKEY_H

#include "base/buf.h"
#include "crypto/pkcs11/session.h"

#define WRAPKEY_LABEL "keyreeve-wrap"

/* Seal a key of WRAP_KEY_BYTES; the AES key is made when there is none.
 * Fails: DEVICE_UNSUPPORTED (no AES-GCM), DEVICE_ATTRS, DEVICE_INTEGRITY (several AES keys), what rc.h says. */
struct status wrapkey_seal(struct session *s, struct bytes tag, struct bytes key, struct buf *ret_sealed);
/* Fails: DEVICE_KEY_GONE (the AES key is not there), DEVICE_INTEGRITY (not what was sealed), what rc.h says. */
struct status wrapkey_open(struct session *s, struct bytes tag, struct bytes sealed, struct buf *ret_key);

#endif
