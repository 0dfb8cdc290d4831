/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/public.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "crypto/der.h"
#include "crypto/digest.h"

enum { EXPONENT_MIN = 65537, ECDSA_DER_MAX = 160 };

static void pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void ctx_done(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void bignum_done(BIGNUM **number)
{
	BN_free(*number);
}

static void bld_done(OSSL_PARAM_BLD **bld)
{
	OSSL_PARAM_BLD_free(*bld);
}

static void params_done(OSSL_PARAM **params)
{
	OSSL_PARAM_free(*params);
}

static void signature_done(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

/* ---- decoding ----------------------------------------------------------------------------------- */

static bool is_rsa(const struct psa_key_attributes *key)
{
	return key->kind == PSA_KEY_RSA_PAIR || key->kind == PSA_KEY_RSA_PUBLIC;
}

static const char *curve_name(const struct psa_key_attributes *key)
{
	if ((key->kind != PSA_KEY_ECC_PAIR && key->kind != PSA_KEY_ECC_PUBLIC) || key->family != PSA_ECC_SECP_R1)
		return NULL;
	return key->bits == 256 ? "P-256" : key->bits == 384 ? "P-384" : key->bits == 521 ? "P-521" : NULL;
}

/* A copy: the parameter type wants memory that it could write to. */
static struct status decode_ec(const char *curve, uint32_t bits, struct bytes point, EVP_PKEY **ret_key)
{
	AUTO(ctx_done) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	uint8_t copy[PSA_PUBLIC_MAX_BYTES];
	char group[8];
	OSSL_PARAM params[3];

	ENSURE(point.len == 1 + 2 * psa_bits_to_bytes(bits) && point.data[0] == 4, RECORD_CORRUPT);
	memcpy(copy, point.data, point.len);
	memcpy(group, curve, strlen(curve) + 1);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, point.len);
	params[2] = OSSL_PARAM_construct_end();
	ENSURE(ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1, CRYPTO);
	/* Refuses points that are not on the curve. */
	ENSURE(EVP_PKEY_fromdata(ctx, ret_key, EVP_PKEY_PUBLIC_KEY, params) == 1, RECORD_CORRUPT);
	return OK;
}

static struct status decode_rsa(uint32_t bits, struct bytes der, EVP_PKEY **ret_key)
{
	AUTO(ctx_done) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	AUTO(bld_done) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	AUTO(params_done) OSSL_PARAM *params = NULL;
	AUTO(bignum_done) BIGNUM *n = NULL;
	AUTO(bignum_done) BIGNUM *e = NULL;
	struct bytes modulus, exponent;

	ENSURE(der_rsa_public_get(der, &modulus, &exponent).code == STATUS_OK, RECORD_CORRUPT);
	ENSURE(exponent.len <= 8 && modulus.len <= PSA_SIGNATURE_MAX_BYTES, RECORD_CORRUPT);
	n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
	e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
	ENSURE(n != NULL && e != NULL && ctx != NULL && bld != NULL, NO_MEMORY);
	ENSURE((uint32_t)BN_num_bits(n) == bits && BN_is_odd(n), RECORD_CORRUPT);
	ENSURE(BN_is_odd(e) && (BN_num_bits(e) > 32 || BN_get_word(e) >= EXPONENT_MIN), RECORD_CORRUPT);
	ENSURE(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
			OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1,
		CRYPTO);
	params = OSSL_PARAM_BLD_to_param(bld);
	ENSURE(params != NULL && EVP_PKEY_fromdata_init(ctx) == 1, CRYPTO);
	ENSURE(EVP_PKEY_fromdata(ctx, ret_key, EVP_PKEY_PUBLIC_KEY, params) == 1, RECORD_CORRUPT);
	return OK;
}

static struct status decode(const struct psa_key_attributes *key, struct bytes public_key, EVP_PKEY **ret_key)
{
	const char *curve = curve_name(key);
	struct status st;

	if (curve != NULL)
		st = decode_ec(curve, key->bits, public_key, ret_key);
	else if (is_rsa(key) && key->bits >= PUBLIC_RSA_MIN_BITS && key->bits <= PUBLIC_RSA_MAX_BITS)
		st = decode_rsa(key->bits, public_key, ret_key);
	else
		st = FAIL(ATTR_TYPE);
	if (st.code != STATUS_OK)
		ERR_clear_error();
	return st;
}

struct status public_check(const struct psa_key_attributes *key, struct bytes public_key)
{
	AUTO(pkey_done) EVP_PKEY *decoded = NULL;

	return decode(key, public_key, &decoded);
}

/* ---- cache -------------------------------------------------------------------------------------- */

struct place {
	uint8_t id[DIGEST_SHA256_BYTES]; /* hash over kind, family, bits and the key's bytes */
	EVP_PKEY *key;			 /* one reference; NULL: free */
};

struct public_cache {
	pthread_mutex_t lock;
	size_t count;
	struct place places[];
};

struct status public_cache_new(size_t places, struct public_cache **ret_cache)
{
	struct public_cache *cache;

	ENSURE(places > 0 && places <= PUBLIC_CACHE_MAX, LIMIT);
	cache = calloc(1, sizeof(*cache) + places * sizeof(cache->places[0]));
	ENSURE(cache != NULL, NO_MEMORY);
	cache->count = places;
	(void)pthread_mutex_init(&cache->lock, NULL); /* cannot fail with default attributes */
	*ret_cache = cache;
	return OK;
}

void public_cache_free(struct public_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < cache->count; i++)
		EVP_PKEY_free(cache->places[i].key);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static struct status cache_id(
	const struct psa_key_attributes *key, struct bytes public_key, uint8_t ret_id[DIGEST_SHA256_BYTES])
{
	uint8_t raw[8 + PSA_PUBLIC_MAX_BYTES] = { key->kind, key->family };

	ENSURE(public_key.len <= PSA_PUBLIC_MAX_BYTES, RECORD_CORRUPT);
	memcpy(raw + 4, &key->bits, sizeof(key->bits));
	if (public_key.len > 0)
		memcpy(raw + 8, public_key.data, public_key.len);
	return digest_sha256(bytes_of(raw, 8 + public_key.len), ret_id);
}

static struct place *cache_place(struct public_cache *cache, const uint8_t id[DIGEST_SHA256_BYTES])
{
	uint32_t number;

	memcpy(&number, id, sizeof(number));
	return &cache->places[number % cache->count];
}

/* A reference to the key if it is there. */
static EVP_PKEY *cache_get(struct public_cache *cache, const uint8_t id[DIGEST_SHA256_BYTES])
{
	struct place *place = cache_place(cache, id);
	EVP_PKEY *key = NULL;

	(void)pthread_mutex_lock(&cache->lock);
	if (place->key != NULL && memcmp(place->id, id, sizeof(place->id)) == 0 && EVP_PKEY_up_ref(place->key) == 1)
		key = place->key;
	(void)pthread_mutex_unlock(&cache->lock);
	return key;
}

static void cache_put(struct public_cache *cache, const uint8_t id[DIGEST_SHA256_BYTES], EVP_PKEY *key)
{
	struct place *place = cache_place(cache, id);
	EVP_PKEY *old;

	if (EVP_PKEY_up_ref(key) != 1)
		return;
	(void)pthread_mutex_lock(&cache->lock);
	old = place->key;
	place->key = key;
	memcpy(place->id, id, sizeof(place->id));
	(void)pthread_mutex_unlock(&cache->lock);
	EVP_PKEY_free(old);
}

static struct status decode_cached(
	struct public_cache *cache, const struct psa_key_attributes *key, struct bytes public_key, EVP_PKEY **ret_key)
{
	uint8_t id[DIGEST_SHA256_BYTES];

	if (cache == NULL)
		return decode(key, public_key, ret_key);
	TRY(cache_id(key, public_key, id));
	*ret_key = cache_get(cache, id);
	if (*ret_key != NULL)
		return OK;
	TRY(decode(key, public_key, ret_key));
	cache_put(cache, id, *ret_key);
	return OK;
}

/* ---- verification ------------------------------------------------------------------------------- */

/* r||s to DER, which is what EVP verifies. */
static struct status ecdsa_der(struct bytes signature, uint8_t ret_der[ECDSA_DER_MAX], size_t *ret_len)
{
	AUTO(signature_done) ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)(signature.len / 2), len;
	BIGNUM *r = BN_bin2bn(signature.data, half, NULL);
	BIGNUM *s = BN_bin2bn(signature.data + half, half, NULL);
	uint8_t *to = ret_der;

	if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return FAIL(NO_MEMORY);
	}
	len = i2d_ECDSA_SIG(sig, NULL);
	ENSURE(len > 0 && len <= ECDSA_DER_MAX && i2d_ECDSA_SIG(sig, &to) == len, CRYPTO);
	*ret_len = (size_t)len;
	return OK;
}

static struct status set_rsa(EVP_PKEY_CTX *ctx, struct psa_alg alg)
{
	const EVP_MD *md = digest_md(alg.hash);
	bool pss = alg.kind == PSA_ALG_RSA_PSS;

	ENSURE(md != NULL, ATTR_ALG);
	ENSURE(EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1, CRYPTO);
	ENSURE(EVP_PKEY_CTX_set_signature_md(ctx, md) == 1, CRYPTO);
	/* "salt length = hash length" (wire reference, section 11) */
	ENSURE(!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1, CRYPTO);
	return OK;
}

static struct status check_fit(const struct psa_key_attributes *key, struct psa_alg alg, struct bytes hash)
{
	bool rsa_alg = alg.kind == PSA_ALG_RSA_PKCS1V15_SIGN || alg.kind == PSA_ALG_RSA_PSS;
	bool ecc_alg = alg.kind == PSA_ALG_ECDSA || alg.kind == PSA_ALG_ECDSA_ANY;

	ENSURE(rsa_alg || ecc_alg, ATTR_ALG);
	ENSURE(rsa_alg == is_rsa(key), KEY_TYPE);
	ENSURE(hash.len > 0 && hash.len <= PSA_HASH_MAX_BYTES, HASH_LENGTH);
	ENSURE(alg.kind == PSA_ALG_ECDSA_ANY || digest_md(alg.hash) != NULL, ATTR_ALG);
	ENSURE(alg.kind == PSA_ALG_ECDSA_ANY || hash.len == psa_hash_bytes(alg.hash), HASH_LENGTH);
	return OK;
}

struct status public_verify(struct public_cache *cache, const struct psa_key_attributes *key, struct bytes public_key,
	struct psa_alg alg, struct bytes hash, struct bytes signature)
{
	AUTO(pkey_done) EVP_PKEY *decoded = NULL;
	AUTO(ctx_done) EVP_PKEY_CTX *ctx = NULL;
	uint8_t der[ECDSA_DER_MAX];
	size_t width = psa_bits_to_bytes(key->bits);
	bool rsa = is_rsa(key);
	int rc;

	TRY(check_fit(key, alg, hash));
	TRY(decode_cached(cache, key, public_key, &decoded));
	ENSURE(signature.len == (rsa ? width : 2 * width), SIGNATURE_WRONG);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, decoded, NULL);
	ENSURE(ctx != NULL, NO_MEMORY);
	ENSURE(EVP_PKEY_verify_init(ctx) == 1, CRYPTO);
	if (rsa) {
		TRY(set_rsa(ctx, alg));
	} else {
		TRY(ecdsa_der(signature, der, &signature.len));
		signature.data = der;
	}
	rc = EVP_PKEY_verify(ctx, signature.data, signature.len, hash.data, hash.len);
	ERR_clear_error();
	/* A negative value is an error of the signature's form; only 1 is success. */
	ENSURE(rc == 1, SIGNATURE_WRONG);
	return OK;
}
