/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/session.h"

struct status session_start(struct tpm *t)
{
	static const TPMT_SYM_DEF cipher = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };
	TSS2_RC rc;

	t->session = ESYS_TR_PASSWORD;
	if (t->config.sessions_password)
		return OK;
	t->session = ESYS_TR_NONE;
	rc = Esys_StartAuthSession(t->device.esys, t->storage, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		NULL, TPM2_SE_HMAC, &cipher, TPM2_ALG_SHA256, &t->session);
	return device_check(&t->device, "StartAuthSession", rc);
}

struct status session_use(struct tpm *t, enum session_hides hides, ESYS_TR *ret_session)
{
	static const TPMA_SESSION flags[] = {
		[SESSION_HIDES_NOTHING] = TPMA_SESSION_CONTINUESESSION,
		[SESSION_HIDES_COMMAND] = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT,
		[SESSION_HIDES_ANSWER] = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_ENCRYPT,
	};

	ENSURE(t->session != ESYS_TR_NONE, DEVICE_FAILED);
	if (t->session != ESYS_TR_PASSWORD)
		ENSURE(Esys_TRSess_SetAttributes(t->device.esys, t->session, flags[hides], 0xff) == TSS2_RC_SUCCESS,
			DEVICE_FAILED);
	*ret_session = t->session;
	return OK;
}

struct status session_protect(struct tpm *t, enum session_hides hides, ESYS_TR *ret_session)
{
	TRY(session_use(t, hides, ret_session));
	if (*ret_session == ESYS_TR_PASSWORD)
		*ret_session = ESYS_TR_NONE;
	return OK;
}
