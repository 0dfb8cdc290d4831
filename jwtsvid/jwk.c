/* SPDX-License-Identifier: Apache-2.0 */
#include "jwtsvid/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/own.h"

enum {
	POINT_MAX_BYTES = 66, /* a coordinate of P-521; also r and s */
	DER_MAX_BYTES = 2 * (POINT_MAX_BYTES + 4) + 4,
	EXPONENT_MAX_BYTES = 8, /* what OpenSSL itself verifies with for long moduli */
};

struct alg_row {
	const char *name;
	enum bundle_kty kty;
	enum bundle_curve curve;
	int padding; /* RSA */
	const EVP_MD *(*hash)(void);
};

/* clang-format off */
static const struct alg_row algs[JWK_ALG_COUNT] = {
	[JWK_ALG_NONE] = { "?",     BUNDLE_KTY_NONE, BUNDLE_CURVE_NONE, 0,                    NULL },
	[JWK_RS256]    = { "RS256", BUNDLE_KTY_RSA,  BUNDLE_CURVE_NONE, RSA_PKCS1_PADDING,     EVP_sha256 },
	[JWK_RS384]    = { "RS384", BUNDLE_KTY_RSA,  BUNDLE_CURVE_NONE, RSA_PKCS1_PADDING,     EVP_sha384 },
	[JWK_RS512]    = { "RS512", BUNDLE_KTY_RSA,  BUNDLE_CURVE_NONE, RSA_PKCS1_PADDING,     EVP_sha512 },
	[JWK_ES256]    = { "ES256", BUNDLE_KTY_EC,   BUNDLE_P256,       0,                     EVP_sha256 },
	[JWK_ES384]    = { "ES384", BUNDLE_KTY_EC,   BUNDLE_P384,       0,                     EVP_sha384 },
	[JWK_ES512]    = { "ES512", BUNDLE_KTY_EC,   BUNDLE_P521,       0,                     EVP_sha512 },
	[JWK_PS256]    = { "PS256", BUNDLE_KTY_RSA,  BUNDLE_CURVE_NONE, RSA_PKCS1_PSS_PADDING, EVP_sha256 },
	[JWK_PS384]    = { "PS384", BUNDLE_KTY_RSA,  BUNDLE_CURVE_NONE, RSA_PKCS1_PSS_PADDING, EVP_sha384 },
	[JWK_PS512]    = { "PS512", BUNDLE_KTY_RSA,  BUNDLE_CURVE_NONE, RSA_PKCS1_PSS_PADDING, EVP_sha512 },
};

static const struct {
	const char *group;
	size_t bytes; /* of a coordinate */
} curves[] = {
	[BUNDLE_CURVE_NONE] = { NULL, 0 },
	[BUNDLE_P256] = { "P-256", 32 },
	[BUNDLE_P384] = { "P-384", 48 },
	[BUNDLE_P521] = { "P-521", POINT_MAX_BYTES },
};
/* clang-format on */

struct jwk {
	atomic_uint refs;
	EVP_PKEY *pkey; /* owned */
	enum bundle_kty kty;
	enum bundle_curve curve;
	size_t signature_bytes;
};

enum jwk_alg jwk_alg_from(struct bytes name)
{
	for (enum jwk_alg alg = JWK_RS256; alg < JWK_ALG_COUNT; alg++)
		if (bytes_equal(name, bytes_from_text(algs[alg].name)))
			return alg;
	return JWK_ALG_NONE;
}

const char *jwk_alg_name(enum jwk_alg alg)
{
	return alg < JWK_ALG_COUNT ? algs[alg].name : "?";
}

/* ---- OpenSSL's things as owned locals -------------------------------------------------------------- */

#define OWNED(type, free_function)                     \
	static void free_function##_auto(type **thing) \
	{                                              \
		free_function(*thing);                 \
	}
OWNED(BIGNUM, BN_free)
OWNED(ECDSA_SIG, ECDSA_SIG_free)
OWNED(EVP_PKEY, EVP_PKEY_free)
OWNED(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
OWNED(EVP_MD_CTX, EVP_MD_CTX_free)
OWNED(OSSL_PARAM, OSSL_PARAM_free)
OWNED(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
#undef OWNED

/* ---- from numbers to a key ------------------------------------------------------------------------- */

/* A failure of the library says something of what a stranger sent, unless it was short of memory. */
static bool library_had_memory(void)
{
	bool had_memory = true;
	unsigned long error;

	while ((error = ERR_get_error()) != 0)
		if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
			had_memory = false;
	return had_memory;
}

static struct status unsound(void)
{
	return library_had_memory() ? FAIL(BUNDLE_MALFORMED) : FAIL(NO_MEMORY);
}

/* fromdata refuses a point that is not on its curve, which is all there is to check of one. */
static struct status pkey_from(const char *type, OSSL_PARAM_BLD *build, EVP_PKEY **ret_pkey)
{
	AUTO(OSSL_PARAM_free_auto) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	AUTO(EVP_PKEY_CTX_free_auto) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	AUTO(EVP_PKEY_free_auto) EVP_PKEY *pkey = NULL;

	ENSURE(params != NULL && ctx != NULL, NO_MEMORY);
	if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return unsound();
	*ret_pkey = TAKE(pkey);
	return OK;
}

/* A modulus that is no product of two large primes; milliseconds, so after everything else. */
static struct status rsa_check(EVP_PKEY *pkey)
{
	AUTO(EVP_PKEY_CTX_free_auto) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	ENSURE(ctx != NULL, NO_MEMORY);
	if (EVP_PKEY_public_check(ctx) != 1)
		return unsound();
	return OK;
}

/* Size before mathematics: a long number would cost time in every check. */
static bool rsa_sizes_fit(const struct bundle_key *key)
{
	size_t top_bits = 0, bits;

	if (key->n.len == 0 || key->n.len > JWK_RSA_MAX_BITS / 8 || key->e.len == 0 || key->e.len > EXPONENT_MAX_BYTES)
		return false;
	for (uint8_t top = key->n.data[0]; top != 0; top >>= 1)
		top_bits++;
	bits = (key->n.len - 1) * 8 + top_bits;
	return top_bits > 0 && bits >= JWK_RSA_MIN_BITS;
}

static bool rsa_exponent_fits(const struct bundle_key *key)
{
	uint64_t e = 0;

	for (size_t i = 0; i < key->e.len; i++)
		e = e << 8 | key->e.data[i];
	return e >= JWK_RSA_MIN_EXPONENT && (e & 1) == 1;
}

static struct status rsa_new(const struct bundle_key *key, EVP_PKEY **ret_pkey)
{
	AUTO(OSSL_PARAM_BLD_free_auto) OSSL_PARAM_BLD *build = NULL;
	AUTO(BN_free_auto) BIGNUM *n = NULL;
	AUTO(BN_free_auto) BIGNUM *e = NULL;

	ENSURE(rsa_sizes_fit(key) && rsa_exponent_fits(key), BUNDLE_MALFORMED);
	build = OSSL_PARAM_BLD_new();
	n = BN_bin2bn(key->n.data, (int)key->n.len, NULL);
	e = BN_bin2bn(key->e.data, (int)key->e.len, NULL);
	ENSURE(build != NULL && n != NULL && e != NULL, NO_MEMORY);
	ENSURE(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1, NO_MEMORY);
	ENSURE(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1, NO_MEMORY);
	return pkey_from("RSA", build, ret_pkey);
}

static struct status ec_new(const struct bundle_key *key, EVP_PKEY **ret_pkey)
{
	AUTO(OSSL_PARAM_BLD_free_auto) OSSL_PARAM_BLD *build = NULL;
	uint8_t point[1 + 2 * POINT_MAX_BYTES] = { POINT_CONVERSION_UNCOMPRESSED };
	size_t bytes = curves[key->curve].bytes;

	/* "The length of this octet string MUST be the full size of a coordinate" (RFC 7518, 6.2.1.2). */
	ENSURE(bytes > 0 && key->x.len == bytes && key->y.len == bytes, BUNDLE_MALFORMED);
	memcpy(point + 1, key->x.data, bytes);
	memcpy(point + 1 + bytes, key->y.data, bytes);
	build = OSSL_PARAM_BLD_new();
	ENSURE(build != NULL, NO_MEMORY);
	ENSURE(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curves[key->curve].group, 0) == 1,
		NO_MEMORY);
	ENSURE(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * bytes) == 1, NO_MEMORY);
	return pkey_from("EC", build, ret_pkey);
}

struct status jwk_new(const struct bundle_key *key, struct jwk **ret_jwk)
{
	AUTO(EVP_PKEY_free_auto) EVP_PKEY *pkey = NULL;
	struct jwk *jwk;

	ENSURE(key->kty == BUNDLE_KTY_RSA || key->kty == BUNDLE_KTY_EC, BUNDLE_MALFORMED);
	TRY(key->kty == BUNDLE_KTY_RSA ? rsa_new(key, &pkey) : ec_new(key, &pkey));
	if (key->kty == BUNDLE_KTY_RSA)
		TRY(rsa_check(pkey));
	jwk = malloc(sizeof(*jwk));
	ENSURE(jwk != NULL, NO_MEMORY);
	*jwk = (struct jwk){ .kty = key->kty, .curve = key->curve };
	atomic_init(&jwk->refs, 1);
	jwk->signature_bytes = key->kty == BUNDLE_KTY_RSA ? key->n.len : 2 * curves[key->curve].bytes;
	jwk->pkey = TAKE(pkey);
	*ret_jwk = jwk;
	return OK;
}

struct jwk *jwk_ref(struct jwk *jwk)
{
	(void)atomic_fetch_add_explicit(&jwk->refs, 1, memory_order_relaxed);
	return jwk;
}

void jwk_unref(struct jwk *jwk)
{
	if (jwk == NULL || atomic_fetch_sub_explicit(&jwk->refs, 1, memory_order_acq_rel) != 1)
		return;
	EVP_PKEY_free(jwk->pkey);
	free(jwk);
}

/* ---- identity -------------------------------------------------------------------------------------- */

static bool hash_sized(EVP_MD_CTX *ctx, struct bytes part)
{
	uint64_t len = part.len;

	return EVP_DigestUpdate(ctx, &len, sizeof(len)) == 1 && EVP_DigestUpdate(ctx, part.data, part.len) == 1;
}

struct status jwk_id(const struct bundle_key *key, uint8_t ret_id[JWK_ID_BYTES])
{
	const struct bytes parts[] = { key->kid, key->alg, key->n, key->e, key->x, key->y };
	const uint8_t kinds[] = { (uint8_t)key->kty, (uint8_t)key->curve };
	AUTO(EVP_MD_CTX_free_auto) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	ENSURE(ctx != NULL, NO_MEMORY);
	ENSURE(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1, CRYPTO);
	ENSURE(hash_sized(ctx, bytes_of(kinds, sizeof(kinds))), CRYPTO);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		ENSURE(hash_sized(ctx, parts[i]), CRYPTO);
	ENSURE(EVP_DigestFinal_ex(ctx, ret_id, NULL) == 1, CRYPTO);
	return OK;
}

/* "base64url of the octets", which is how they were written: strict base64url has one spelling. */
static bool hash_number(EVP_MD_CTX *ctx, struct bytes number)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < number.len; i += 3) {
		size_t len = number.len - i < 3 ? number.len - i : 3;
		uint32_t bits = (uint32_t)number.data[i] << 16;
		char text[4];

		bits |= len > 1 ? (uint32_t)number.data[i + 1] << 8 : 0;
		bits |= len > 2 ? number.data[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			text[k] = alphabet[bits >> (18 - 6 * k) & 63];
		if (EVP_DigestUpdate(ctx, text, len + 1) != 1)
			return false;
	}
	return true;
}

static bool hash_text(EVP_MD_CTX *ctx, const char *text)
{
	return EVP_DigestUpdate(ctx, text, strlen(text)) == 1;
}

/* RFC 7638, 3.2: the required members, in the order of their names, without space. */
struct status jwk_thumbprint(const struct bundle_key *key, uint8_t ret_print[JWK_ID_BYTES])
{
	AUTO(EVP_MD_CTX_free_auto) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is_rsa = key->kty == BUNDLE_KTY_RSA;

	ENSURE(ctx != NULL, NO_MEMORY);
	ENSURE(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1, CRYPTO);
	ENSURE(is_rsa ? hash_text(ctx, "{\"e\":\"") && hash_number(ctx, key->e) &&
				hash_text(ctx, "\",\"kty\":\"RSA\",\"n\":\"") && hash_number(ctx, key->n)
		      : hash_text(ctx, "{\"crv\":\"") && hash_text(ctx, curves[key->curve].group) &&
				hash_text(ctx, "\",\"kty\":\"EC\",\"x\":\"") && hash_number(ctx, key->x) &&
				hash_text(ctx, "\",\"y\":\"") && hash_number(ctx, key->y),
		CRYPTO);
	ENSURE(hash_text(ctx, "\"}") && EVP_DigestFinal_ex(ctx, ret_print, NULL) == 1, CRYPTO);
	return OK;
}

/* ---- verification ---------------------------------------------------------------------------------- */

bool jwk_fits(const struct jwk *jwk, enum jwk_alg alg)
{
	return alg > JWK_ALG_NONE && alg < JWK_ALG_COUNT && algs[alg].kty == jwk->kty &&
	       algs[alg].curve == (jwk->kty == BUNDLE_KTY_EC ? jwk->curve : BUNDLE_CURVE_NONE);
}

/* r and s side by side, each as long as a coordinate, to DER.  Their ranges are ECDSA's own check. */
static struct status der_from_raw(struct bytes raw, uint8_t der[DER_MAX_BYTES], size_t *ret_len)
{
	AUTO(ECDSA_SIG_free_auto) ECDSA_SIG *sig = ECDSA_SIG_new();
	AUTO(BN_free_auto) BIGNUM *r = BN_bin2bn(raw.data, (int)(raw.len / 2), NULL);
	AUTO(BN_free_auto) BIGNUM *s = BN_bin2bn(raw.data + raw.len / 2, (int)(raw.len / 2), NULL);
	uint8_t *at = der;
	int len;

	ENSURE(sig != NULL && r != NULL && s != NULL, NO_MEMORY);
	ENSURE(ECDSA_SIG_set0(sig, r, s) == 1, CRYPTO);
	r = s = NULL; /* now sig's */
	len = i2d_ECDSA_SIG(sig, NULL);
	ENSURE(len > 0 && len <= DER_MAX_BYTES, CRYPTO);
	*ret_len = (size_t)i2d_ECDSA_SIG(sig, &at);
	return OK;
}

static bool padding_set(EVP_PKEY_CTX *ctx, const struct alg_row *row)
{
	if (row->kty != BUNDLE_KTY_RSA)
		return true;
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, row->padding) != 1)
		return false;
	/* "The size of the salt value is the same size as the hash function output", MGF1 with the same hash
	 * (RFC 7518, 3.5). */
	return row->padding != RSA_PKCS1_PSS_PADDING ||
	       (EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1 &&
		       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, row->hash()) == 1);
}

static struct status digest_verify(
	const struct jwk *jwk, const struct alg_row *row, struct bytes input, struct bytes signature)
{
	AUTO(EVP_MD_CTX_free_auto) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL; /* borrowed from ctx */
	int rc;

	ENSURE(ctx != NULL, NO_MEMORY);
	ENSURE(EVP_DigestVerifyInit(ctx, &pctx, row->hash(), NULL, jwk->pkey) == 1 && padding_set(pctx, row), CRYPTO);
	/* Only 1 is success; a negative value is an error, not "wrong". */
	rc = EVP_DigestVerify(ctx, signature.data, signature.len, input.data, input.len);
	if (rc != 1)
		return FAIL_RC(JWT_SIGNATURE, rc);
	return OK;
}

struct status jwk_verify(const struct jwk *jwk, enum jwk_alg alg, struct bytes input, struct bytes signature)
{
	uint8_t der[DER_MAX_BYTES];
	size_t der_len = 0;
	struct status st;

	ENSURE(jwk_fits(jwk, alg), JWT_KEY_UNKNOWN);
	ENSURE(signature.len == jwk->signature_bytes, JWT_SIGNATURE);
	if (jwk->kty == BUNDLE_KTY_EC) {
		TRY(der_from_raw(signature, der, &der_len));
		signature = bytes_of(der, der_len);
	}
	st = digest_verify(jwk, &algs[alg], input, signature);
	explicit_bzero(der, sizeof(der)); /* nothing of a token stays */
	if (st.code != STATUS_OK && !library_had_memory())
		return FAIL(NO_MEMORY);
	return st;
}
