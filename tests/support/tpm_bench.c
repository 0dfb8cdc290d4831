/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tpm_bench.h"

#include <stdlib.h>
#include <tss2/tss2_tctildr.h>

#include "base/own.h"

const struct psa_alg ecdsa_256 = { .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_SHA_256 };

int tpm_begin(void **state)
{
	struct tpm_bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	(void)setenv("TSS2_LOG", "all+none", 1); /* for the library in this process */
	swtpm_new(&b->tpm);
	relay_new(&b->relay, &b->tpm);
	rig_init(&b->rig);
	b->config = (struct worker_config){ .name = "tpm", .type = WORKER_CONFIG_TPM };
	(void)snprintf(b->config.tcti, sizeof(b->config.tcti), "%s", b->relay.tcti);
	*state = b;
	return 0;
}

int tpm_finish(void **state)
{
	struct tpm_bench *b = *state;

	rig_done(&b->rig);
	relay_free(&b->relay);
	swtpm_free(&b->tpm);
	free(b);
	return 0;
}

enum status_code tpm_start(struct tpm_bench *b)
{
	return rig_start(&b->rig, TPM_PROGRAM, &b->config);
}

void tpm_start_ok(struct tpm_bench *b)
{
	assert_is(tpm_start(b), OK);
}

void tpm_make_key(struct tpm_bench *b, struct rig_key *key)
{
	AUTO(buf_done) struct buf parent = buf_make(WORKER_BLOB_MAX);

	rig_key_init(key, PSA_KEY_ECC_PAIR, 256, ecdsa_256);
	rig_parent(&b->rig, &parent);
	assert_is(rig_generate(&b->rig, key, buf_bytes(&parent)), OK);
}

/* ---- the library itself ------------------------------------------------------------------------------- */

void raw_open(struct raw *raw, const char *tcti)
{
	assert_int_equal(Tss2_TctiLdr_Initialize(tcti, &raw->tcti), 0);
	assert_int_equal(Esys_Initialize(&raw->esys, raw->tcti, NULL), 0);
}

void raw_close(struct raw *raw)
{
	Esys_Finalize(&raw->esys);
	Tss2_TctiLdr_Finalize(&raw->tcti);
}

bool raw_is_vacant(const char *tcti, uint32_t handle)
{
	struct raw raw;
	ESYS_TR object;
	TSS2_RC rc;

	raw_open(&raw, tcti);
	rc = Esys_TR_FromTPMPublic(raw.esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);
	raw_close(&raw);
	return rc == (TPM2_RC_HANDLE | TPM2_RC_1);
}

ESYS_TR raw_key(struct raw *raw)
{
	static const TPM2B_SENSITIVE_CREATE no_auth;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	const TPM2B_PUBLIC template = { .publicArea = { .type = TPM2_ALG_ECC,
						.nameAlg = TPM2_ALG_SHA256,
						.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
								    TPMA_OBJECT_SENSITIVEDATAORIGIN |
								    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
								    TPMA_OBJECT_SIGN_ENCRYPT,
						.parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
							.scheme.scheme = TPM2_ALG_NULL,
							.curveID = TPM2_ECC_NIST_P256,
							.kdf.scheme = TPM2_ALG_NULL } } };
	ESYS_TR key;

	assert_int_equal(Esys_CreatePrimary(raw->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
				 &no_auth, &template, &no_data, &no_pcrs, &key, NULL, NULL, NULL, NULL),
		0);
	return key;
}
