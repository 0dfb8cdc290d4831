/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mint.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COORDINATE_MAX = 66, SIGNATURE_MAX = 1024 };

struct mint_key {
	enum mint_type type;
	EVP_PKEY *pkey; /* owned */
};

#define REQUIRE(cond)                                                                    \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "mint: %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                         \
		}                                                                        \
	} while (0)

char *mint_printf(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	REQUIRE(vasprintf(&text, format, args) >= 0);
	va_end(args);
	return text;
}

/* ---- base64url --------------------------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *mint_base64url(struct bytes bytes)
{
	char *text = malloc(bytes.len * 4 / 3 + 4), *at = text;

	REQUIRE(text != NULL);
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t take = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t group = 0;

		for (size_t j = 0; j < 3; j++)
			group = group << 8 | (j < take ? bytes.data[i + j] : 0);
		for (size_t j = 0; j <= take; j++)
			*at++ = alphabet[group >> (18 - 6 * j) & 63];
	}
	*at = '\0';
	return text;
}

uint8_t *mint_signature(const char *token, size_t *ret_len)
{
	const char *text = strrchr(token, '.') + 1;
	uint8_t *out = malloc(strlen(text) + 1);
	uint32_t bits = 0;
	unsigned have = 0;
	size_t len = 0;

	REQUIRE(out != NULL);
	for (; *text != '\0'; text++) {
		const char *found = strchr(alphabet, *text);

		REQUIRE(found != NULL);
		bits = bits << 6 | (uint32_t)(found - alphabet);
		have += 6;
		if (have >= 8)
			out[len++] = (uint8_t)(bits >> (have -= 8));
	}
	*ret_len = len;
	return out;
}

/* ---- keys -------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	const char *group;  /* EC */
	const char *crv;
	size_t coordinate;
	unsigned bits;      /* RSA */
} types[MINT_TYPES] = {
	[MINT_P256]    = { "P-256",     "P-256",     32, 0 },
	[MINT_P384]    = { "P-384",     "P-384",     48, 0 },
	[MINT_P521]    = { "P-521",     "P-521",     66, 0 },
	[MINT_K256]    = { "secp256k1", "secp256k1", 32, 0 },
	[MINT_RSA1024] = { NULL, NULL, 0, 1024 },
	[MINT_RSA2040] = { NULL, NULL, 0, 2040 },
	[MINT_RSA2048] = { NULL, NULL, 0, 2048 },
	[MINT_RSA4096] = { NULL, NULL, 0, 4096 },
	[MINT_RSA4104] = { NULL, NULL, 0, 4104 },
	[MINT_ED25519] = { NULL, "Ed25519", 0, 0 },
};
/* clang-format on */

struct mint_key *mint_key_new(enum mint_type type)
{
	struct mint_key *key = calloc(1, sizeof(*key));

	REQUIRE(key != NULL);
	key->type = type;
	if (types[type].group != NULL)
		key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", types[type].group);
	else if (types[type].bits > 0)
		key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)types[type].bits);
	else
		key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	REQUIRE(key->pkey != NULL);
	return key;
}

void mint_key_free(struct mint_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

/* width 0: as few bytes as it takes. */
static char *number_text(const EVP_PKEY *pkey, const char *name, int width)
{
	uint8_t raw[SIGNATURE_MAX];
	BIGNUM *number = NULL;
	int len;

	REQUIRE(EVP_PKEY_get_bn_param(pkey, name, &number) == 1);
	len = width > 0 ? width : BN_num_bytes(number);
	REQUIRE(BN_bn2binpad(number, raw, len) == len);
	BN_free(number);
	return mint_base64url(bytes_of(raw, (size_t)len));
}

static char *pair_members(const struct mint_key *key)
{
	int width = (int)types[key->type].coordinate;
	char *first, *second, *text;

	if (width > 0) {
		first = number_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, width);
		second = number_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, width);
		text = mint_printf(
			"\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"", types[key->type].crv, first, second);
	} else {
		first = number_text(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
		second = number_text(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
		text = mint_printf("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"", first, second);
	}
	free(first);
	free(second);
	return text;
}

static char *okp_members(const struct mint_key *key)
{
	uint8_t raw[32];
	size_t len = sizeof(raw);
	char *x, *text;

	REQUIRE(EVP_PKEY_get_raw_public_key(key->pkey, raw, &len) == 1);
	x = mint_base64url(bytes_of(raw, len));
	text = mint_printf("\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"", x);
	free(x);
	return text;
}

static char *json_text(const char *text)
{
	char *quoted = malloc(strlen(text) * 6 + 3), *at = quoted;

	REQUIRE(quoted != NULL);
	*at++ = '"';
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\' || (uint8_t)*text < 0x20)
			at += sprintf(at, "\\u%04x", (uint8_t)*text);
		else
			*at++ = *text;
	memcpy(at, "\"", 2);
	return quoted;
}

char *mint_jwk(const struct mint_key *key, const char *kid, const char *more)
{
	char *members = key->type == MINT_ED25519 ? okp_members(key) : pair_members(key);
	char *quoted = kid != NULL ? json_text(kid) : NULL;
	char *text = mint_printf("{%s%s%s%s%s}", members, quoted != NULL ? ",\"kid\":" : "",
		quoted != NULL ? quoted : "", more != NULL ? "," : "", more != NULL ? more : "");

	free(members);
	free(quoted);
	return text;
}

char *mint_pem(const struct mint_key *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long len;

	REQUIRE(bio != NULL && PEM_write_bio_PUBKEY(bio, key->pkey) == 1);
	len = BIO_get_mem_data(bio, &data);
	text = mint_printf("%.*s", (int)len, data);
	BIO_free(bio);
	return text;
}

static uint8_t *der_copy(uint8_t *der, int len, size_t *ret_len)
{
	uint8_t *copy;

	REQUIRE(len > 0);
	copy = malloc((size_t)len);
	REQUIRE(copy != NULL);
	memcpy(copy, der, (size_t)len);
	OPENSSL_free(der);
	*ret_len = (size_t)len;
	return copy;
}

uint8_t *mint_der(const struct mint_key *key, size_t *ret_len)
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key->pkey, &der);

	return der_copy(der, len, ret_len);
}

uint8_t *mint_private_der(const struct mint_key *key, size_t *ret_len)
{
	uint8_t *der = NULL;
	int len = i2d_PrivateKey(key->pkey, &der);

	return der_copy(der, len, ret_len);
}

char *mint_jwks(char *const *jwks, size_t count)
{
	char *text = mint_printf("{\"keys\":["), *longer;

	for (size_t i = 0; i < count; i++) {
		longer = mint_printf("%s%s%s", text, i > 0 ? "," : "", jwks[i]);
		free(text);
		text = longer;
	}
	longer = mint_printf("%s]}", text);
	free(text);
	return longer;
}

void mint_list_put(struct buf *list, const char *map_key, const char *document)
{
	buf_put_sized(list, bytes_from_text(map_key));
	buf_put_sized(list, bytes_from_text(document));
	REQUIRE(buf_check(list).code == STATUS_OK);
}

/* ---- signatures -------------------------------------------------------------------------------------- */

enum kind { KIND_NONE, KIND_RSA, KIND_PSS, KIND_EC, KIND_ED };

/* clang-format off */
static const struct alg_row {
	const char *name;
	enum kind kind;
	const char *hash;
	int salt;         /* PSS */
	const char *mgf1; /* PSS; NULL: the hash */
} algs[] = {
	[MINT_NONE]            = { "none",  KIND_NONE, NULL,     0, NULL },
	[MINT_RS256]           = { "RS256", KIND_RSA,  "SHA256", 0, NULL },
	[MINT_RS384]           = { "RS384", KIND_RSA,  "SHA384", 0, NULL },
	[MINT_RS512]           = { "RS512", KIND_RSA,  "SHA512", 0, NULL },
	[MINT_ES256]           = { "ES256", KIND_EC,   "SHA256", 0, NULL },
	[MINT_ES384]           = { "ES384", KIND_EC,   "SHA384", 0, NULL },
	[MINT_ES512]           = { "ES512", KIND_EC,   "SHA512", 0, NULL },
	[MINT_PS256]           = { "PS256", KIND_PSS,  "SHA256", RSA_PSS_SALTLEN_DIGEST, NULL },
	[MINT_PS384]           = { "PS384", KIND_PSS,  "SHA384", RSA_PSS_SALTLEN_DIGEST, NULL },
	[MINT_PS512]           = { "PS512", KIND_PSS,  "SHA512", RSA_PSS_SALTLEN_DIGEST, NULL },
	[MINT_EDDSA]           = { "EdDSA", KIND_ED,   NULL,     0, NULL },
	[MINT_ES256_DER]       = { "ES256", KIND_EC,   "SHA256", 0, NULL },
	[MINT_ES256_HIGH_S]    = { "ES256", KIND_EC,   "SHA256", 0, NULL },
	[MINT_ES256_LOW_S]     = { "ES256", KIND_EC,   "SHA256", 0, NULL },
	[MINT_PS256_SALT0]     = { "PS256", KIND_PSS,  "SHA256", 0, NULL },
	[MINT_PS256_SALT_MAX]  = { "PS256", KIND_PSS,  "SHA256", RSA_PSS_SALTLEN_MAX, NULL },
	[MINT_PS256_MGF1_SHA1] = { "PS256", KIND_PSS,  "SHA256", RSA_PSS_SALTLEN_DIGEST, "SHA1" },
	[MINT_RS1]             = { "RS1",   KIND_RSA,  "SHA1",   0, NULL },
};
/* clang-format on */

const char *mint_alg_name(enum mint_alg alg)
{
	return algs[alg].name;
}

static size_t sign(const struct mint_key *key, const struct alg_row *row, struct bytes input, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t len = SIGNATURE_MAX;

	REQUIRE(key->pkey != NULL);
	REQUIRE(EVP_DigestSignInit_ex(ctx, &pctx, row->hash, NULL, NULL, key->pkey, NULL) == 1);
	if (row->kind == KIND_PSS) {
		REQUIRE(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1);
		REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, row->salt) == 1);
		if (row->mgf1 != NULL)
			REQUIRE(EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, row->mgf1, NULL) == 1);
	}
	REQUIRE(EVP_DigestSign(ctx, out, &len, input.data, input.len) == 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

/* Which of s and n - s: the one over n/2, the one under, or as it came. */
static const BIGNUM *pick_s(const BIGNUM *s, BIGNUM *other, const struct mint_key *key, enum mint_alg alg)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(OBJ_sn2nid("prime256v1"));
	bool is_larger;

	if (alg != MINT_ES256_HIGH_S && alg != MINT_ES256_LOW_S) {
		EC_GROUP_free(group);
		return s;
	}
	REQUIRE(key->type == MINT_P256 && BN_sub(other, EC_GROUP_get0_order(group), s) == 1);
	EC_GROUP_free(group);
	is_larger = BN_cmp(s, other) > 0;
	return is_larger == (alg == MINT_ES256_HIGH_S) ? s : other;
}

static size_t raw_from_der(const struct mint_key *key, enum mint_alg alg, uint8_t *signature, size_t der_len)
{
	const uint8_t *at = signature;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	BIGNUM *other = BN_new();
	int width = (int)types[key->type].coordinate;

	REQUIRE(sig != NULL && other != NULL && width > 0);
	REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, width) == width);
	REQUIRE(BN_bn2binpad(pick_s(ECDSA_SIG_get0_s(sig), other, key, alg), signature + width, width) == width);
	ECDSA_SIG_free(sig);
	BN_free(other);
	return 2 * (size_t)width;
}

static char *token_from(struct bytes header, struct bytes payload, struct bytes signature)
{
	char *h = mint_base64url(header), *p = mint_base64url(payload), *s = mint_base64url(signature);
	char *token = mint_printf("%s.%s.%s", h, p, s);

	free(h);
	free(p);
	free(s);
	return token;
}

static char *input_from(struct bytes header, struct bytes payload)
{
	char *h = mint_base64url(header), *p = mint_base64url(payload), *input = mint_printf("%s.%s", h, p);

	free(h);
	free(p);
	return input;
}

char *mint_token_bytes(struct bytes header, struct bytes payload, const struct mint_key *key, enum mint_alg alg)
{
	char *input = input_from(header, payload), *token;
	uint8_t signature[SIGNATURE_MAX];
	size_t len = 0;

	if (algs[alg].kind != KIND_NONE)
		len = sign(key, &algs[alg], bytes_from_text(input), signature);
	if (algs[alg].kind == KIND_EC && alg != MINT_ES256_DER)
		len = raw_from_der(key, alg, signature, len);
	token = token_from(header, payload, bytes_of(signature, len));
	free(input);
	return token;
}

char *mint_token(const char *header, const char *payload, const struct mint_key *key, enum mint_alg alg)
{
	return mint_token_bytes(bytes_from_text(header), bytes_from_text(payload), key, alg);
}

char *mint_token_hmac(const char *header, const char *payload, struct bytes secret, int hash_bits)
{
	const EVP_MD *md = hash_bits == 256 ? EVP_sha256() : hash_bits == 384 ? EVP_sha384() : EVP_sha512();
	char *input = input_from(bytes_from_text(header), bytes_from_text(payload)), *token;
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	REQUIRE(HMAC(md, secret.data, (int)secret.len, (const uint8_t *)input, strlen(input), mac, &len) != NULL);
	token = mint_token_signed(header, payload, bytes_of(mac, len));
	free(input);
	return token;
}

char *mint_token_signed(const char *header, const char *payload, struct bytes signature)
{
	return token_from(bytes_from_text(header), bytes_from_text(payload), signature);
}

char *mint_svid(const struct mint_key *key, enum mint_alg alg, const char *kid, const char *subject,
	const char *audience, int64_t iat_s, int64_t exp_s)
{
	char *header = mint_printf("{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", algs[alg].name, kid);
	char *payload = mint_printf("{\"sub\":\"%s\",\"aud\":[\"%s\"],\"exp\":%lld,\"iat\":%lld}", subject, audience,
		(long long)exp_s, (long long)iat_s);
	char *token = mint_token(header, payload, key, alg);

	free(header);
	free(payload);
	return token;
}
