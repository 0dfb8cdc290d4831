/* SPDX-License-Identifier: Apache-2.0
 *
 * How commands are authorized.  "hmac": one session, salted to the storage key (whose Name is pinned, else the salt
 * would protect nothing), kept open and reused; every command and answer carries an HMAC, and the first parameter is
 * encrypted where it is confidential.  "password": authorizations in clear, no protection of answers.
 * TPM 2.0 part 1 section 19. */
#ifndef CRYPTO_TPM_SESSION_H
#define CRYPTO_TPM_SESSION_H

#include "crypto/tpm/tpm.h"

enum session_hides {
	SESSION_HIDES_NOTHING = 0,
	SESSION_HIDES_COMMAND, /* first parameter of the command */
	SESSION_HIDES_ANSWER,  /* first parameter of the answer */
};

/* After the storage key was identified; needs room for one object. */
struct status session_start(struct tpm *t);
/* The session for the next command.  Fails: DEVICE_FAILED. */
struct status session_use(struct tpm *t, enum session_hides hides, ESYS_TR *ret_session);
/* For a command that needs no authorization: as above, but ESYS_TR_NONE without protection. */
struct status session_protect(struct tpm *t, enum session_hides hides, ESYS_TR *ret_session);

#endif
