/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/template.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "crypto/der.h"

#define OURS (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)
#define MADE_HERE TPMA_OBJECT_SENSITIVEDATAORIGIN

enum { RSA_EXPONENT = 65537, STORAGE_CURVE_BYTES = 32 };

/* ---- what we create ------------------------------------------------------------------------------- */

void template_parent(TPM2B_PUBLIC *ret_public)
{
	*ret_public = (TPM2B_PUBLIC){
		.publicArea = {
			.type = TPM2_ALG_ECC,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = OURS | MADE_HERE | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
			.parameters.eccDetail = {
				.symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
				.scheme.scheme = TPM2_ALG_NULL,
				.curveID = TPM2_ECC_NIST_P256,
				.kdf.scheme = TPM2_ALG_NULL,
			},
		},
	};
}

void template_storage(TPM2B_PUBLIC *ret_public)
{
	static const char ours[] = "keyreeve storage key 1";
	TPMS_ECC_POINT *unique = &ret_public->publicArea.unique.ecc;

	_Static_assert(sizeof(ours) <= STORAGE_CURVE_BYTES, "must fit a coordinate");
	template_parent(ret_public);
	unique->x.size = STORAGE_CURVE_BYTES;
	memcpy(unique->x.buffer, ours, sizeof(ours));
	unique->y.size = STORAGE_CURVE_BYTES;
}

void template_sealed(TPM2B_PUBLIC *ret_public)
{
	*ret_public = (TPM2B_PUBLIC){
		.publicArea = {
			.type = TPM2_ALG_KEYEDHASH,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = OURS,
			.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
		},
	};
}

TPM2_ALG_ID template_hash(uint8_t psa_hash)
{
	switch (psa_hash) {
	case PSA_HASH_SHA_256:
		return TPM2_ALG_SHA256;
	case PSA_HASH_SHA_384:
		return TPM2_ALG_SHA384;
	case PSA_HASH_SHA_512:
		return TPM2_ALG_SHA512;
	case PSA_HASH_SHA3_256:
		return TPM2_ALG_SHA3_256;
	case PSA_HASH_SHA3_384:
		return TPM2_ALG_SHA3_384;
	case PSA_HASH_SHA3_512:
		return TPM2_ALG_SHA3_512;
	default:
		return TPM2_ALG_NULL;
	}
}

TPM2_ECC_CURVE template_curve(uint8_t family, uint32_t bits)
{
	if (family != PSA_ECC_SECP_R1)
		return TPM2_ECC_NONE;
	return bits == 256   ? TPM2_ECC_NIST_P256
	       : bits == 384 ? TPM2_ECC_NIST_P384
	       : bits == 521 ? TPM2_ECC_NIST_P521
			     : TPM2_ECC_NONE;
}

struct status template_scheme(struct psa_alg alg, TPM2_ALG_ID *ret_scheme, TPM2_ALG_ID *ret_hash)
{
	TPM2_ALG_ID hash = template_hash(alg.hash);

	ENSURE(hash != TPM2_ALG_NULL || alg.hash == PSA_HASH_ANY, ATTR_ALG);
	switch (alg.kind) {
	case PSA_ALG_ECDSA:
		*ret_scheme = TPM2_ALG_ECDSA;
		break;
	case PSA_ALG_RSA_PKCS1V15_SIGN:
		*ret_scheme = TPM2_ALG_RSASSA;
		break;
	case PSA_ALG_RSA_PSS:
		*ret_scheme = TPM2_ALG_RSAPSS;
		break;
	default:
		return FAIL(ATTR_ALG);
	}
	*ret_hash = hash;
	return OK;
}

static struct status ecc_parameters(
	const struct psa_key_attributes *key, TPM2_ALG_ID scheme, TPM2_ALG_ID hash, TPMS_ECC_PARMS *ret)
{
	ENSURE(scheme == TPM2_ALG_ECDSA, ATTR_ALG);
	*ret = (TPMS_ECC_PARMS){ .symmetric.algorithm = TPM2_ALG_NULL,
		// cppcheck-suppress unknownEvaluationOrder ; a constant has no side effects
		.scheme = { .scheme = TPM2_ALG_NULL },
		.curveID = template_curve(key->family, key->bits),
		.kdf.scheme = TPM2_ALG_NULL };
	ENSURE(ret->curveID != TPM2_ECC_NONE, ATTR_TYPE);
	if (hash != TPM2_ALG_NULL) {
		ret->scheme.scheme = scheme;
		ret->scheme.details.ecdsa.hashAlg = hash;
	}
	return OK;
}

static struct status rsa_parameters(
	const struct psa_key_attributes *key, TPM2_ALG_ID scheme, TPM2_ALG_ID hash, TPMS_RSA_PARMS *ret)
{
	ENSURE(scheme == TPM2_ALG_RSASSA || scheme == TPM2_ALG_RSAPSS, ATTR_ALG);
	ENSURE(key->bits == 2048 || key->bits == 3072 || key->bits == 4096, ATTR_TYPE);
	*ret = (TPMS_RSA_PARMS){ .symmetric.algorithm = TPM2_ALG_NULL,
		// cppcheck-suppress unknownEvaluationOrder ; a constant has no side effects
		.scheme = { .scheme = TPM2_ALG_NULL },
		.keyBits = (TPMI_RSA_KEY_BITS)key->bits };
	if (hash != TPM2_ALG_NULL) {
		ret->scheme.scheme = scheme;
		ret->scheme.details.anySig.hashAlg = hash;
	}
	return OK;
}

struct status template_key(const struct psa_key_attributes *key, TPM2B_PUBLIC *ret_public)
{
	TPM2B_PUBLIC public = {
		.publicArea = { .nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = OURS | MADE_HERE | TPMA_OBJECT_SIGN_ENCRYPT },
	};
	TPMT_PUBLIC *area = &public.publicArea;
	TPM2_ALG_ID scheme, hash;

	ENSURE(key->kind == PSA_KEY_ECC_PAIR || key->kind == PSA_KEY_RSA_PAIR, ATTR_TYPE);
	TRY(template_scheme(key->alg, &scheme, &hash));
	if (key->kind == PSA_KEY_ECC_PAIR) {
		area->type = TPM2_ALG_ECC;
		TRY(ecc_parameters(key, scheme, hash, &area->parameters.eccDetail));
	} else {
		area->type = TPM2_ALG_RSA;
		TRY(rsa_parameters(key, scheme, hash, &area->parameters.rsaDetail));
	}
	*ret_public = public;
	return OK;
}

/* ---- what was made -------------------------------------------------------------------------------- */

static struct status marshal(const TPM2B_PUBLIC *public, uint8_t ret[sizeof(TPM2B_PUBLIC)], size_t *ret_len)
{
	size_t len = 0;

	ENSURE(Tss2_MU_TPM2B_PUBLIC_Marshal(public, ret, sizeof(*public), &len) == TSS2_RC_SUCCESS, DEVICE_ATTRS);
	*ret_len = len;
	return OK;
}

struct status template_compare(const TPM2B_PUBLIC *asked, const TPM2B_PUBLIC *made)
{
	TPM2B_PUBLIC left = *asked, right = *made;
	uint8_t a[sizeof(TPM2B_PUBLIC)], b[sizeof(TPM2B_PUBLIC)];
	size_t a_len, b_len;

	/* Some TPMs spell the default exponent out. */
	if (right.publicArea.type == TPM2_ALG_RSA && right.publicArea.parameters.rsaDetail.exponent == RSA_EXPONENT)
		right.publicArea.parameters.rsaDetail.exponent = 0;
	left.publicArea.unique = (TPMU_PUBLIC_ID){ 0 };
	right.publicArea.unique = (TPMU_PUBLIC_ID){ 0 };
	TRY(marshal(&left, a, &a_len));
	TRY(marshal(&right, b, &b_len));
	ENSURE(bytes_equal(bytes_of(a, a_len), bytes_of(b, b_len)), DEVICE_ATTRS);
	return OK;
}

struct status template_put_padded(struct buf *to, const uint8_t *number, size_t len, size_t width)
{
	ENSURE(len <= width, DEVICE_ATTRS);
	for (size_t i = len; i < width; i++)
		buf_put_u8(to, 0);
	buf_put(to, bytes_of(number, len));
	return OK;
}

struct status template_export(const struct psa_key_attributes *key, const TPM2B_PUBLIC *public, struct buf *ret_key)
{
	static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };
	const TPMU_PUBLIC_ID *unique = &public->publicArea.unique;
	size_t width = psa_bits_to_bytes(key->bits);

	if (key->kind == PSA_KEY_RSA_PAIR) {
		ENSURE(unique->rsa.size == width, DEVICE_ATTRS);
		return der_rsa_public_put(
			ret_key, bytes_of(unique->rsa.buffer, unique->rsa.size), bytes_of(exponent, sizeof(exponent)));
	}
	buf_put_u8(ret_key, 0x04); /* an uncompressed point */
	TRY(template_put_padded(ret_key, unique->ecc.x.buffer, unique->ecc.x.size, width));
	TRY(template_put_padded(ret_key, unique->ecc.y.buffer, unique->ecc.y.size, width));
	return buf_check(ret_key);
}
