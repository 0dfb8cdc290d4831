/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/sign.h"

#include <string.h>

#include "base/own.h"
#include "crypto/tpm/session.h"
#include "crypto/tpm/template.h"

static struct status ecc_put(const TPMS_SIGNATURE_ECC *from, TPM2_ALG_ID hash, size_t width, struct buf *to)
{
	ENSURE(from->hash == hash && from->signatureR.size > 0 && from->signatureS.size > 0, DEVICE_FAILED);
	ENSURE(from->signatureR.size <= width && from->signatureS.size <= width, DEVICE_FAILED);
	TRY(template_put_padded(to, from->signatureR.buffer, from->signatureR.size, width));
	return template_put_padded(to, from->signatureS.buffer, from->signatureS.size, width);
}

static struct status rsa_put(const TPMS_SIGNATURE_RSA *from, TPM2_ALG_ID hash, size_t width, struct buf *to)
{
	ENSURE(from->hash == hash && from->sig.size > 0 && from->sig.size <= width, DEVICE_FAILED);
	return template_put_padded(to, from->sig.buffer, from->sig.size, width);
}

static struct status signature_put(const TPMT_SIGNATURE *from, TPM2_ALG_ID scheme, TPM2_ALG_ID hash,
	const struct psa_key_attributes *key, struct buf *to)
{
	size_t width = psa_bits_to_bytes(key->bits);

	ENSURE(from->sigAlg == scheme, DEVICE_FAILED);
	TRY(scheme == TPM2_ALG_ECDSA ? ecc_put(&from->signature.ecdsa, hash, width, to)
				     : rsa_put(&from->signature.rsassa, hash, width, to));
	return buf_check(to);
}

struct status sign_digest(struct tpm *t, ESYS_TR key, const struct psa_key_attributes *attributes, struct psa_alg alg,
	struct bytes hash, struct buf *ret_signature)
{
	/* Not a digest that the TPM made itself: fine for keys that are not restricted. */
	static const TPMT_TK_HASHCHECK no_ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	AUTO(device_free) TPMT_SIGNATURE *signature = NULL;
	TPMT_SIG_SCHEME scheme = { 0 };
	TPM2B_DIGEST digest = { .size = (UINT16)hash.len };
	ESYS_TR session;
	TSS2_RC rc;

	TRY(psa_hash_fits(alg, hash.len));
	TRY(template_scheme(alg, &scheme.scheme, &scheme.details.any.hashAlg));
	ENSURE(hash.len <= sizeof(digest.buffer), HASH_LENGTH);
	memcpy(digest.buffer, hash.data, hash.len);
	TRY(session_use(t, SESSION_HIDES_NOTHING, &session));
	rc = Esys_Sign(
		t->device.esys, key, session, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme, &no_ticket, &signature);
	TRY(device_check(&t->device, "Sign", rc));
	return signature_put(signature, scheme.scheme, scheme.details.any.hashAlg, attributes, ret_signature);
}
