/* SPDX-License-Identifier: Apache-2.0
 *
 * CK_RV becomes a status here and nowhere else.  Pure; any thread.  PKCS #11 v2.40, section 5.1. */
#ifndef CRYPTO_PKCS11_RC_H
#define CRYPTO_PKCS11_RC_H

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

#include "base/status.h"

/* The reason of a failed call; DEVICE_FAILED for what no row knows.  OK for CKR_OK. */
enum status_code rc_code(CK_RV rv);
/* The session is no more, or no longer logged in: another one may do. */
bool rc_reopens(CK_RV rv);
/* The token's refusal of a template: it may take a shorter one. */
bool rc_is_template(CK_RV rv);
/* A failed C_Login in which the token did not look at the PIN, so that it was no attempt. */
bool rc_pin_unseen(CK_RV rv);

#endif
