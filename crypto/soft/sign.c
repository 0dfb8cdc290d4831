/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/own.h"
#include "crypto/digest.h"
#include "crypto/soft/soft.h"

static void signature_done(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

static struct status set_rsa(EVP_PKEY_CTX *ctx, struct psa_alg alg)
{
	const EVP_MD *md = digest_md(alg.hash);
	bool pss = alg.kind == PSA_ALG_RSA_PSS;

	ENSURE(md != NULL, ATTR_ALG);
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) != 1 ||
		EVP_PKEY_CTX_set_signature_md(ctx, md) != 1)
		return SOFT_FAIL();
	if (pss && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) != 1)
		return SOFT_FAIL();
	return OK;
}

/* DER to r||s of fixed width. */
static struct status put_ecdsa(struct bytes der, size_t width, struct buf *ret)
{
	AUTO(signature_done) ECDSA_SIG *sig = NULL;
	const uint8_t *at = der.data;
	uint8_t *to;

	sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
	if (sig == NULL)
		return SOFT_FAIL();
	to = buf_reserve(ret, 2 * width);
	ENSURE(to != NULL, LIMIT);
	ENSURE(BN_bn2binpad(ECDSA_SIG_get0_r(sig), to, (int)width) == (int)width, CRYPTO);
	ENSURE(BN_bn2binpad(ECDSA_SIG_get0_s(sig), to + width, (int)width) == (int)width, CRYPTO);
	buf_grew(ret, 2 * width);
	return OK;
}

struct status soft_sign(const struct worker_request *rq, EVP_PKEY_CTX *signer, struct bytes hash, struct buf *ret)
{
	uint8_t signature[PSA_SIGNATURE_MAX_BYTES];
	size_t len = sizeof(signature);

	if (rq->key.kind == PSA_KEY_RSA_PAIR)
		TRY(set_rsa(signer, rq->alg));
	if (EVP_PKEY_sign(signer, signature, &len, hash.data, hash.len) != 1)
		return SOFT_FAIL();
	if (rq->key.kind != PSA_KEY_RSA_PAIR)
		return put_ecdsa(bytes_of(signature, len), psa_bits_to_bytes(rq->key.bits), ret);
	buf_put(ret, bytes_of(signature, len));
	return buf_check(ret);
}
