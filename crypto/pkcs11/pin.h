/* SPDX-License-Identifier: Apache-2.0
 *
 * The PIN, and the one attempt that each PIN gets.  Tokens lock themselves after a few wrong PINs and a daemon starts
 * again by itself, so the attempt is on disk before C_Login and its outcome after it: what was tried and did not
 * succeed is never tried again, until the PIN file has another content.  A PIN that has opened the token before is
 * tried again where the worker ended in the middle of a login, unless the token says that a login has failed since.
 * One thread.
 *
 * The attempt's file, which keyreeved opens in the state directory; empty at first:
 *   offset size field
 *    0     1   version  1
 *    1    16   salt     random, of each PIN its own
 *   17    32   hash     SHA-256(salt || PIN)
 *   49     1   state    1 tried, 2 succeeded, 3 tried once more after a success
 */
#ifndef CRYPTO_PKCS11_PIN_H
#define CRYPTO_PKCS11_PIN_H

#include <p11-kit/pkcs11.h>

#include "base/secret.h"
#include "base/status.h"

enum { PIN_MAX_BYTES = 256 };

struct pin {
	struct secret text; /* owned; empty: there is none */
	int tried_fd;	    /* owned; -1 none */
};

/* Read the PIN and close its descriptor; pin_fd -1: there is none.  Takes over tried_fd.
 * Fails: IO, LIMIT (empty, or over PIN_MAX_BYTES), NO_MEMORY, IPC_MALFORMED (a PIN without tried_fd). */
struct status pin_init(struct pin *pin, int pin_fd, int tried_fd);
void pin_done(struct pin *pin);

/* Log the session in as the token's user, or refuse to try.
 * Fails: PIN_TRIED, PIN_LOCKED (both without C_Login), PIN_REFUSED, DEVICE_AUTH (no PIN), IO, and what rc.h says. */
struct status pin_login(struct pin *pin, CK_FUNCTION_LIST *fn, CK_SLOT_ID slot, CK_SESSION_HANDLE session);

#endif
