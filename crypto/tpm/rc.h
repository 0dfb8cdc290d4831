/* SPDX-License-Identifier: Apache-2.0
 *
 * What a return code of the TPM software stack means: our status, and what to do about it.  A layer below (a resource
 * manager) marks codes as its own, so that only the lower 16 bits say what happened; handle, session and parameter
 * numbers are dropped.  Pure; any thread.  TPM 2.0 part 2 section 6.6. */
#ifndef CRYPTO_TPM_RC_H
#define CRYPTO_TPM_RC_H

#include "base/status.h"

enum rc_reaction {
	RC_REFUSE = 0, /* the answer: repeating changes nothing */
	RC_WAIT,       /* the device is busy: back off, then repeat */
	RC_ROOM,       /* give up every loaded object, then repeat once */
	RC_REOPEN,     /* session and handles are worth nothing: connect anew, then repeat once */
};

struct rc_meaning {
	enum status_code status;
	enum rc_reaction reaction;
	bool alarm; /* must not happen with keys of ours: dictionary attack protection counted, or has locked */
};

/* Total: a code that nobody foresaw is DEVICE_FAILED.  0 is OK. */
struct rc_meaning rc_read(uint32_t rc);

/* The code is TPM2_RC_HANDLE: nothing lives at that (persistent) handle. */
bool rc_is_absent(uint32_t rc);

#endif
