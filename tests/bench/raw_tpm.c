/* SPDX-License-Identifier: Apache-2.0
 *
 * A P-256 key below an ECC storage key, loaded once and resident.  Sessions as the daemon's worker has them: one salted
 * HMAC session that is reused, or the password. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "tests/bench/raw.h"

static struct {
	TSS2_TCTI_CONTEXT *link;
	ESYS_CONTEXT *esys;
	ESYS_TR storage, key, session;
} tpm = { .storage = ESYS_TR_NONE, .key = ESYS_TR_NONE, .session = ESYS_TR_NONE };

static bool good(TSS2_RC rc, const char *what)
{
	if (rc != TSS2_RC_SUCCESS)
		(void)fprintf(stderr, "bench-raw: %s: 0x%x\n", what, (unsigned)rc);
	return rc == TSS2_RC_SUCCESS;
}

#define OURS                                                                                                           \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | \
		TPMA_OBJECT_NODA)

static TPM2B_PUBLIC template(TPMA_OBJECT purpose, TPMT_SYM_DEF_OBJECT symmetric, TPMT_ECC_SCHEME scheme)
{
	return (TPM2B_PUBLIC){ .publicArea = {
				       .type = TPM2_ALG_ECC,
				       .nameAlg = TPM2_ALG_SHA256,
				       .objectAttributes = OURS | purpose,
				       .parameters.eccDetail = { symmetric, scheme, TPM2_ECC_NIST_P256,
					       { .scheme = TPM2_ALG_NULL } },
			       } };
}

static bool make_storage(void)
{
	static const TPM2B_SENSITIVE_CREATE none;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TPM2B_PUBLIC public = template(TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
		(TPMT_SYM_DEF_OBJECT){ .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
		(TPMT_ECC_SCHEME){ .scheme = TPM2_ALG_NULL });

	return good(Esys_CreatePrimary(tpm.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &none,
			    &public, &no_data, &no_pcrs, &tpm.storage, NULL, NULL, NULL, NULL),
		"CreatePrimary");
}

static bool start_session(bool password)
{
	static const TPMT_SYM_DEF cipher = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };

	tpm.session = ESYS_TR_PASSWORD;
	if (password)
		return true;
	return good(Esys_StartAuthSession(tpm.esys, tpm.storage, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
			    NULL, TPM2_SE_HMAC, &cipher, TPM2_ALG_SHA256, &tpm.session),
		       "StartAuthSession") &&
	       good(Esys_TRSess_SetAttributes(tpm.esys, tpm.session, TPMA_SESSION_CONTINUESESSION, 0xff),
		       "TRSess_SetAttributes");
}

/* With an authorization value of 32 bytes, as the daemon's keys have one. */
static bool make_key(void)
{
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.userAuth = {
						     .size = 32, .buffer = "bench bench bench bench bench 32" } };
	TPM2B_PUBLIC template_key =
		template(TPMA_OBJECT_SIGN_ENCRYPT, (TPMT_SYM_DEF_OBJECT){ .algorithm = TPM2_ALG_NULL },
			(TPMT_ECC_SCHEME){ .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 });
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	bool made;

	made = good(Esys_Create(tpm.esys, tpm.storage, tpm.session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
			    &template_key, &no_data, &no_pcrs, &private, &public, NULL, NULL, NULL),
		       "Create") &&
	       good(Esys_Load(
			    tpm.esys, tpm.storage, tpm.session, ESYS_TR_NONE, ESYS_TR_NONE, private, public, &tpm.key),
		       "Load") &&
	       good(Esys_TR_SetAuth(tpm.esys, tpm.key, &sensitive.sensitive.userAuth), "TR_SetAuth");
	Esys_Free(private);
	Esys_Free(public);
	return made;
}

static bool tpm_open(char **arguments, bool password)
{
	TSS2_RC rc;

	if (!good(Tss2_TctiLdr_Initialize(arguments[0], &tpm.link), "TctiLdr_Initialize") ||
		!good(Esys_Initialize(&tpm.esys, tpm.link, NULL), "Initialize"))
		return false;
	rc = Esys_Startup(tpm.esys, TPM2_SU_CLEAR);
	if (rc != TPM2_RC_INITIALIZE && !good(rc, "Startup")) /* "already started" */
		return false;
	return make_storage() && start_session(password) && make_key();
}

static bool hmac_open(char **arguments)
{
	return tpm_open(arguments, false);
}

static bool password_open(char **arguments)
{
	return tpm_open(arguments, true);
}

static bool tpm_thread(void **ret_self)
{
	*ret_self = NULL; /* one thread: an ESYS_CONTEXT serves no more */
	return true;
}

static bool tpm_sign(void *self, const uint8_t bytes[static RAW_DIGEST_BYTES])
{
	static const TPMT_TK_HASHCHECK no_ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
	TPM2B_DIGEST digest = { .size = RAW_DIGEST_BYTES };
	TPMT_SIGNATURE *signature = NULL;
	TSS2_RC rc;

	(void)self;
	memcpy(digest.buffer, bytes, RAW_DIGEST_BYTES);
	rc = Esys_Sign(
		tpm.esys, tpm.key, tpm.session, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme, &no_ticket, &signature);
	Esys_Free(signature);
	return good(rc, "Sign");
}

static void tpm_thread_done(void *self)
{
	(void)self;
}

static void flush(ESYS_TR object)
{
	if (object != ESYS_TR_NONE && object != ESYS_TR_PASSWORD)
		(void)Esys_FlushContext(tpm.esys, object); /* a TPM of the harness, thrown away */
}

static void tpm_close(void)
{
	if (tpm.esys == NULL)
		return;
	flush(tpm.key);
	flush(tpm.storage);
	flush(tpm.session);
	Esys_Finalize(&tpm.esys);
	Tss2_TctiLdr_Finalize(&tpm.link);
}

const struct raw_backend raw_tpm_hmac = { "tpm-hmac", "TCTI", 1, hmac_open, tpm_thread, tpm_sign, tpm_thread_done,
	tpm_close };
const struct raw_backend raw_tpm_password = { "tpm-password", "TCTI", 1, password_open, tpm_thread, tpm_sign,
	tpm_thread_done, tpm_close };
