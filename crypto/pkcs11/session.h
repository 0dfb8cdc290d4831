/* SPDX-License-Identifier: Apache-2.0
 *
 * The one session with the one token: opened, logged in, and opened again once it is lost.  Every call of the
 * module's functions on it passes its CK_RV through SESSION_CHECK, which notes a loss.  One thread. */
#ifndef CRYPTO_PKCS11_SESSION_H
#define CRYPTO_PKCS11_SESSION_H

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

#include "base/status.h"
#include "crypto/pkcs11/pin.h"

struct session {
	CK_FUNCTION_LIST *fn; /* borrowed from the module */
	struct pin *pin;      /* borrowed */
	CK_SLOT_ID slot;
	CK_TOKEN_INFO token;	  /* as it was found first */
	CK_SESSION_HANDLE handle; /* 0 none */
	bool is_lost;		  /* since it was opened last */
};

/* Look at the token; the session is not opened yet.  fn, pin: borrowed.  Fails: what rc.h says. */
struct status session_init(struct session *s, CK_FUNCTION_LIST *fn, CK_SLOT_ID slot, struct pin *pin);
/* Open it, or close and open it again, and log in unless it is logged in.
 * Fails: DEVICE_IDENTITY (another token is in the slot), as pin_login(), what rc.h says. */
struct status session_open(struct session *s);
void session_done(struct session *s);

/* The status of a call's CK_RV, with the caller's place in the fault. */
#define SESSION_CHECK(session, rv) session_status(session, rv, __FILE__, __LINE__, __func__)
struct status session_status(struct session *s, CK_RV rv, const char *file, int line, const char *function);

/* PKCS #11 writes its inputs without const, and leaves them alone. */
static inline void *session_input(const void *data)
{
	union {
		const void *from;
		void *to;
	} pointer = { .from = data };

	return pointer.to;
}

#endif
