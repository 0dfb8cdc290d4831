/* SPDX-License-Identifier: Apache-2.0
 *
 * A key blob is a sealed piece (crypto/aead.h) under the wrapping key.  Its associated data names the hardware id and
 * the attributes, so that a blob serves no other record.  Inside: for EC the scalar, then the point; for RSA a DER
 * RSAPrivateKey. */
#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/own.h"
#include "crypto/aead.h"
#include "crypto/der.h"
#include "crypto/soft/soft.h"

enum { SCALAR_MAX = 66, POINT_MAX = 1 + 2 * SCALAR_MAX };
static const char label[] = "keyreeve soft key 1";
enum { AAD_BYTES = sizeof(label) + WORKER_HARDWARE_ID_BYTES + PSA_ATTRIBUTES_BYTES };

static void pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void ctx_done(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void secret_number_done(BIGNUM **number)
{
	BN_clear_free(*number);
}

static bool is_rsa(const struct psa_key_attributes *key)
{
	return key->kind == PSA_KEY_RSA_PAIR;
}

static const char *curve_of(const struct psa_key_attributes *key)
{
	if (key->kind != PSA_KEY_ECC_PAIR || key->family != PSA_ECC_SECP_R1)
		return NULL;
	return key->bits == 256 ? "P-256" : key->bits == 384 ? "P-384" : key->bits == 521 ? "P-521" : NULL;
}

struct status soft_key_make(const struct psa_key_attributes *attributes, EVP_PKEY **ret_key)
{
	const char *curve = curve_of(attributes);
	EVP_PKEY *key;

	ENSURE(curve != NULL || is_rsa(attributes), ATTR_TYPE);
	key = curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve)
			    : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)attributes->bits);
	if (key == NULL)
		return SOFT_FAIL();
	*ret_key = key;
	return OK;
}

/* ---- public part -------------------------------------------------------------------------------- */

static struct status get_point(EVP_PKEY *key, uint8_t ret_point[POINT_MAX], size_t *ret_len)
{
	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, ret_point, POINT_MAX, ret_len) !=
		1)
		return SOFT_FAIL();
	return OK;
}

static struct status get_number(EVP_PKEY *key, const char *name, uint8_t *ret, size_t max, size_t *ret_len)
{
	AUTO(secret_number_done) BIGNUM *number = NULL;

	if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
		return SOFT_FAIL();
	ENSURE((size_t)BN_num_bytes(number) <= max, CRYPTO);
	*ret_len = (size_t)BN_bn2bin(number, ret);
	return OK;
}

struct status soft_key_public(const struct psa_key_attributes *attributes, EVP_PKEY *key, struct buf *ret_public)
{
	uint8_t modulus[PSA_SIGNATURE_MAX_BYTES], exponent[8], point[POINT_MAX];
	size_t len, exponent_len;

	if (is_rsa(attributes)) {
		TRY(get_number(key, OSSL_PKEY_PARAM_RSA_N, modulus, sizeof(modulus), &len));
		TRY(get_number(key, OSSL_PKEY_PARAM_RSA_E, exponent, sizeof(exponent), &exponent_len));
		return der_rsa_public_put(ret_public, bytes_of(modulus, len), bytes_of(exponent, exponent_len));
	}
	TRY(get_point(key, point, &len));
	buf_put(ret_public, bytes_of(point, len));
	return buf_check(ret_public);
}

/* ---- private part to bytes and back ------------------------------------------------------------- */

static struct status put_rsa(EVP_PKEY *key, struct secret *ret_plain)
{
	uint8_t *der = NULL;
	int len = i2d_PrivateKey(key, &der);
	struct status st;

	if (len <= 0)
		return SOFT_FAIL();
	st = secret_alloc(ret_plain, (size_t)len);
	if (st.code == STATUS_OK)
		memcpy(ret_plain->data, der, (size_t)len);
	OPENSSL_clear_free(der, (size_t)len);
	return st;
}

static struct status put_ec(const struct psa_key_attributes *attributes, EVP_PKEY *key, struct secret *ret_plain)
{
	AUTO(secret_number_done) BIGNUM *scalar = NULL;
	AUTO(secret_done) struct secret plain = { 0 };
	size_t width = psa_bits_to_bytes(attributes->bits), len;
	uint8_t point[POINT_MAX];

	TRY(get_point(key, point, &len));
	ENSURE(len == 1 + 2 * width, CRYPTO);
	TRY(secret_alloc(&plain, width + len));
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1)
		return SOFT_FAIL();
	ENSURE(BN_bn2binpad(scalar, plain.data, (int)width) == (int)width, CRYPTO);
	memcpy(plain.data + width, point, len);
	*ret_plain = TAKE(plain);
	return OK;
}

static struct status get_rsa(const struct psa_key_attributes *attributes, struct bytes plain, EVP_PKEY **ret_key)
{
	AUTO(pkey_done) EVP_PKEY *key = NULL;
	const uint8_t *at = plain.data;

	key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, (long)plain.len);
	if (key == NULL)
		return SOFT_FAIL();
	ENSURE((uint32_t)EVP_PKEY_get_bits(key) == attributes->bits, DEVICE_INTEGRITY);
	*ret_key = TAKE(key);
	return OK;
}

static struct status ec_from_data(struct secret *numbers, size_t width, const char *curve, EVP_PKEY **ret_key)
{
	AUTO(ctx_done) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char group[8];
	OSSL_PARAM params[4];

	assert(curve != NULL); /* get_key() asked */
	memcpy(group, curve, strlen(curve) + 1);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, numbers->data, width);
	params[2] =
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, numbers->data + width, numbers->len - width);
	params[3] = OSSL_PARAM_construct_end();
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, ret_key, EVP_PKEY_KEYPAIR, params) != 1)
		return SOFT_FAIL();
	return OK;
}

static struct status get_ec(const struct psa_key_attributes *attributes, struct secret *plain, EVP_PKEY **ret_key)
{
	size_t width = psa_bits_to_bytes(attributes->bits);

	ENSURE(plain->len == width + 1 + 2 * width, DEVICE_INTEGRITY);
	/* OSSL_PARAM's numbers have the machine's byte order: turn the scalar round in its own place. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (size_t i = 0; i < width / 2; i++) {
		uint8_t byte = plain->data[i];

		plain->data[i] = plain->data[width - 1 - i];
		plain->data[width - 1 - i] = byte;
	}
#endif
	return ec_from_data(plain, width, curve_of(attributes), ret_key);
}

/* ---- sealing ------------------------------------------------------------------------------------ */

static void put_aad(const struct worker_request *rq, struct buf *aad)
{
	buf_put(aad, bytes_of(label, sizeof(label)));
	buf_put(aad, bytes_of(rq->hardware_id, sizeof(rq->hardware_id)));
	psa_attributes_put(aad, &rq->key);
}

struct status soft_key_seal(struct soft *soft, const struct worker_request *rq, EVP_PKEY *key, struct buf *ret_blob)
{
	AUTO(secret_done) struct secret plain = { 0 };
	AUTO(buf_done) struct buf aad = buf_make(AAD_BYTES);

	put_aad(rq, &aad);
	TRY(buf_check(&aad));
	if (is_rsa(&rq->key))
		TRY(put_rsa(key, &plain));
	else
		TRY(put_ec(&rq->key, key, &plain));
	ENSURE(plain.len + AEAD_OVERHEAD_BYTES <= SOFT_BLOB_MAX, LIMIT);
	return aead_seal(secret_bytes(&soft->key), buf_bytes(&aad), secret_bytes(&plain), ret_blob);
}

static struct status unseal(struct soft *soft, const struct worker_request *rq, struct bytes blob, EVP_PKEY **ret_key)
{
	AUTO(secret_done) struct secret plain = { 0 };
	AUTO(buf_done) struct buf aad = buf_make(AAD_BYTES);

	put_aad(rq, &aad);
	TRY(buf_check(&aad));
	TRY(aead_open(secret_bytes(&soft->key), buf_bytes(&aad), blob, &plain));
	ENSURE(is_rsa(&rq->key) || curve_of(&rq->key) != NULL, ATTR_TYPE);
	return is_rsa(&rq->key) ? get_rsa(&rq->key, secret_bytes(&plain), ret_key) : get_ec(&rq->key, &plain, ret_key);
}

struct status soft_key_open(
	struct soft *soft, const struct worker_request *rq, struct bytes blob, EVP_PKEY_CTX **ret_signer)
{
	AUTO(pkey_done) EVP_PKEY *key = NULL;
	AUTO(ctx_done) EVP_PKEY_CTX *signer = NULL;
	uint8_t id[SOFT_ID_BYTES];

	TRY(soft_cache_id(rq, blob, id));
	*ret_signer = soft_cache_get(soft->cache, id);
	if (*ret_signer != NULL)
		return OK;
	TRY(unseal(soft, rq, blob, &key));
	signer = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (signer == NULL || EVP_PKEY_sign_init(signer) != 1)
		return SOFT_FAIL();
	soft_cache_put(soft->cache, id, signer);
	*ret_signer = signer;
	signer = NULL;
	return OK;
}
