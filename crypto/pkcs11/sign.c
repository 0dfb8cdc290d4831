/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/sign.h"

#include "base/own.h"
#include "crypto/der.h"

/* What the token is given: a mechanism with its parameters, and the bytes to sign. */
struct signing {
	CK_MECHANISM mechanism;
	CK_RSA_PKCS_PSS_PARAMS pss;
	struct buf built;  /* owned: DigestInfo */
	struct bytes data; /* borrowed */
};

static void signing_done(struct signing *what)
{
	buf_done(&what->built);
}

struct pss_row {
	uint8_t hash;
	CK_MECHANISM_TYPE mechanism;
	CK_ULONG mgf;
};
static const struct pss_row pss_rows[] = {
	{ PSA_HASH_SHA_256, CKM_SHA256, CKG_MGF1_SHA256 },
	{ PSA_HASH_SHA_384, CKM_SHA384, CKG_MGF1_SHA384 },
	{ PSA_HASH_SHA_512, CKM_SHA512, CKG_MGF1_SHA512 },
};

static const struct pss_row *row_of(uint8_t hash)
{
	for (size_t i = 0; i < sizeof(pss_rows) / sizeof(pss_rows[0]); i++)
		if (pss_rows[i].hash == hash)
			return &pss_rows[i];
	return NULL;
}

/* "the leftmost bits of the hash": tokens differ in whether they cut it themselves (FIPS 186-4, section 6.4). */
static struct bytes cut(struct bytes hash, uint32_t bits)
{
	size_t order_bytes = psa_bits_to_bytes(bits);

	return bytes_of(hash.data, hash.len < order_bytes ? hash.len : order_bytes);
}

static struct status prepare(const struct worker_request *rq, struct bytes hash, struct signing *what)
{
	const struct pss_row *row = row_of(rq->alg.hash);
	bool is_ecdsa = rq->alg.kind == PSA_ALG_ECDSA;

	ENSURE(row != NULL, ATTR_ALG);
	ENSURE(hash.len == psa_hash_bytes(rq->alg.hash), HASH_LENGTH);
	ENSURE(rq->key.kind == (is_ecdsa ? PSA_KEY_ECC_PAIR : PSA_KEY_RSA_PAIR), KEY_TYPE);
	if (is_ecdsa) {
		what->mechanism.mechanism = CKM_ECDSA;
		what->data = cut(hash, rq->key.bits);
	} else if (rq->alg.kind == PSA_ALG_RSA_PKCS1V15_SIGN) {
		what->mechanism.mechanism = CKM_RSA_PKCS;
		TRY(der_digest_info_put(&what->built, rq->alg.hash, hash));
		what->data = buf_bytes(&what->built);
	} else {
		ENSURE(rq->alg.kind == PSA_ALG_RSA_PSS, ATTR_ALG);
		what->pss = (CK_RSA_PKCS_PSS_PARAMS){ row->mechanism, row->mgf, hash.len };
		what->mechanism = (CK_MECHANISM){ CKM_RSA_PKCS_PSS, &what->pss, sizeof(what->pss) };
		what->data = hash;
	}
	return OK;
}

static CK_RV begin(struct keys *keys, struct signing *what, CK_OBJECT_HANDLE key)
{
	return keys->session->fn->C_SignInit(keys->session->handle, &what->mechanism, key);
}

/* A kept handle may have died with an object that another program destroyed: look once more. */
static struct status begin_with(struct keys *keys, struct signing *what, const uint8_t *id)
{
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	TRY(key_find(keys, id, &key));
	rv = begin(keys, what, key);
	if (rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID) {
		key_forget(keys, id);
		TRY(key_find(keys, id, &key));
		rv = begin(keys, what, key);
	}
	return SESSION_CHECK(keys->session, rv);
}

struct status sign_hash(struct keys *keys, const struct worker_request *rq,
	const uint8_t id[static WORKER_HARDWARE_ID_BYTES], struct bytes hash, struct buf *ret_signature)
{
	AUTO(signing_done) struct signing what = { .built = buf_make(DER_DIGEST_INFO_MAX_BYTES) };
	uint8_t signature[PSA_SIGNATURE_MAX_BYTES];
	CK_ULONG len = sizeof(signature);
	struct session *s = keys->session;

	TRY(prepare(rq, hash, &what));
	TRY(begin_with(keys, &what, id));
	TRY(SESSION_CHECK(s, s->fn->C_Sign(s->handle, session_input(what.data.data), what.data.len, signature, &len)));
	ENSURE(len == psa_signature_bytes(&rq->key), DEVICE_FAILED);
	buf_put(ret_signature, bytes_of(signature, len));
	return buf_check(ret_signature);
}
