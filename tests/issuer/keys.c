/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/issuer/keys.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/own.h"

enum { RSA_BITS = 2048, COORDINATE_MAX = 66, NUMBER_MAX = 1024 };

/* clang-format off */
static const struct algorithm {
	const char *name;
	jwt_alg_t jwt;
	const char *curve; /* NULL: RSA */
	const char *crv;   /* RFC 7518 section 6.2.1.1 */
	size_t coordinate;
} algorithms[] = {
	{ "RS256", JWT_ALG_RS256, NULL,    NULL,    0 },
	{ "RS384", JWT_ALG_RS384, NULL,    NULL,    0 },
	{ "RS512", JWT_ALG_RS512, NULL,    NULL,    0 },
	{ "ES256", JWT_ALG_ES256, "P-256", "P-256", 32 },
	{ "ES384", JWT_ALG_ES384, "P-384", "P-384", 48 },
	{ "ES512", JWT_ALG_ES512, "P-521", "P-521", 66 },
};
/* clang-format on */

static const struct algorithm *algorithm_of(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

static size_t index_of(const struct keys *keys, const char *kid)
{
	size_t i = 0;

	while (i < keys->count && strcmp(keys->key[i].kid, kid) != 0)
		i++;
	return i;
}

static void key_done(struct key *key)
{
	EVP_PKEY_free(key->pkey);
	buf_done(&key->pem);
	*key = (struct key){ 0 };
}

static struct status pem_of(EVP_PKEY *pkey, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	if (bio != NULL && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1)
		len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		buf_put(pem, bytes_of(text, (size_t)len));
	BIO_free(bio);
	ENSURE(len > 0, CRYPTO);
	return buf_check(pem);
}

struct status keys_add(struct keys *keys, const char *kid, const char *alg)
{
	const struct algorithm *algorithm = algorithm_of(alg);
	AUTO(key_done) struct key key = { .pem = buf_make(KEYS_DOCUMENT_MAX) };

	ENSURE(keys->count < KEYS_MAX, LIMIT);
	ENSURE(algorithm != NULL && kid[0] != '\0' && strlen(kid) < sizeof(key.kid), CLIENT_ARGUMENT);
	ENSURE(index_of(keys, kid) == keys->count, CLIENT_ARGUMENT);
	if (algorithm->curve != NULL)
		key.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", algorithm->curve);
	else
		key.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
	ENSURE(key.pkey != NULL, CRYPTO);
	TRY(pem_of(key.pkey, &key.pem));
	(void)snprintf(key.kid, sizeof(key.kid), "%s", kid);
	(void)snprintf(key.alg, sizeof(key.alg), "%s", alg);
	keys->key[keys->count++] = TAKE(key);
	return OK;
}

struct status keys_activate(struct keys *keys, const char *kid)
{
	size_t i = index_of(keys, kid);

	ENSURE(i < keys->count, KEY_ABSENT);
	keys->active = i;
	return OK;
}

struct status keys_withdraw(struct keys *keys, const char *kid)
{
	size_t i = index_of(keys, kid);

	ENSURE(i < keys->count, KEY_ABSENT);
	key_done(&keys->key[i]);
	memmove(&keys->key[i], &keys->key[i + 1], (keys->count - i - 1) * sizeof(keys->key[0]));
	keys->count--;
	keys->key[keys->count] = (struct key){ 0 };
	if (keys->active > i || keys->active == keys->count)
		keys->active = keys->active > 0 ? keys->active - 1 : 0;
	return OK;
}

void keys_done(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		key_done(&keys->key[i]);
	keys->count = 0;
}

/* ---- the document ------------------------------------------------------------------------------------ */

static void base64url(const uint8_t *data, size_t len, char *ret_text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | data[i];
		for (have += 8; have >= 6; have -= 6)
			*ret_text++ = alphabet[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*ret_text++ = alphabet[bits << (6 - have) & 63];
	*ret_text = '\0';
}

/* A number of the key as base64url, padded to width bytes (0: as short as it is). */
static struct status put_number(json_t *jwk, const char *member, EVP_PKEY *pkey, const char *parameter, size_t width)
{
	uint8_t raw[NUMBER_MAX];
	char text[NUMBER_MAX * 2];
	BIGNUM *number = NULL;
	int len;

	ENSURE(EVP_PKEY_get_bn_param(pkey, parameter, &number) == 1, CRYPTO);
	len = width > 0 ? (int)width : BN_num_bytes(number);
	len = len <= NUMBER_MAX ? BN_bn2binpad(number, raw, len) : -1;
	BN_free(number);
	ENSURE(len > 0, CRYPTO);
	base64url(raw, (size_t)len, text);
	ENSURE(json_object_set_new(jwk, member, json_string(text)) == 0, NO_MEMORY);
	return OK;
}

static struct status jwk_of(const struct key *key, json_t *jwk)
{
	const struct algorithm *algorithm = algorithm_of(key->alg);
	bool is_ec = algorithm->curve != NULL;

	ENSURE(json_object_set_new(jwk, "kty", json_string(is_ec ? "EC" : "RSA")) == 0, NO_MEMORY);
	ENSURE(json_object_set_new(jwk, "kid", json_string(key->kid)) == 0, NO_MEMORY);
	if (!is_ec) {
		TRY(put_number(jwk, "n", key->pkey, OSSL_PKEY_PARAM_RSA_N, 0));
		return put_number(jwk, "e", key->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
	}
	ENSURE(json_object_set_new(jwk, "crv", json_string(algorithm->crv)) == 0, NO_MEMORY);
	TRY(put_number(jwk, "x", key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, algorithm->coordinate));
	return put_number(jwk, "y", key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, algorithm->coordinate);
}

static void json_done(json_t **json)
{
	json_decref(*json);
}

static struct status put_json(const json_t *json, struct buf *out)
{
	AUTO(own_free) char *text = json_dumps(json, JSON_COMPACT);

	ENSURE(text != NULL, NO_MEMORY);
	buf_put_text(out, text);
	return buf_check(out);
}

struct status keys_document(const struct keys *keys, struct buf *document)
{
	AUTO(json_done) json_t *set = json_pack("{s:[]}", "keys");

	ENSURE(set != NULL, NO_MEMORY);
	for (size_t i = 0; i < keys->count; i++) {
		json_t *jwk = json_object();

		/* The set owns it from here, whatever happens. */
		ENSURE(json_array_append_new(json_object_get(set, "keys"), jwk) == 0, NO_MEMORY);
		TRY(jwk_of(&keys->key[i], jwk));
	}
	return put_json(set, document);
}

/* ---- tokens ---------------------------------------------------------------------------------------------- */

static void token_done(jwt_t **jwt)
{
	jwt_free(*jwt);
}

/* One audience is a string, several are an array (RFC 7519 section 4.1.3). */
static struct status put_audiences(jwt_t *jwt, const struct claims *claims)
{
	AUTO(json_done) json_t *grants = json_pack("{s:[]}", "aud");
	AUTO(own_free) char *text = NULL;

	ENSURE(grants != NULL, NO_MEMORY);
	for (size_t i = 0; i < claims->audience_count; i++) {
		json_t *one = json_stringn((const char *)claims->audiences[i].data, claims->audiences[i].len);

		if (claims->audience_count == 1)
			ENSURE(json_object_set_new(grants, "aud", one) == 0, CLIENT_ARGUMENT);
		else
			ENSURE(json_array_append_new(json_object_get(grants, "aud"), one) == 0, CLIENT_ARGUMENT);
	}
	text = json_dumps(grants, JSON_COMPACT);
	ENSURE(text != NULL && jwt_add_grants_json(jwt, text) == 0, CRYPTO);
	return OK;
}

struct status keys_mint(const struct keys *keys, const struct claims *claims, struct buf *token)
{
	const struct key *key = &keys->key[keys->active];
	AUTO(token_done) jwt_t *jwt = NULL;
	AUTO(own_free) char *text = NULL;

	ENSURE(keys->count > 0, KEY_ABSENT);
	ENSURE(jwt_new(&jwt) == 0, NO_MEMORY);
	ENSURE(jwt_add_header(jwt, "kid", key->kid) == 0 && jwt_add_header(jwt, "typ", "JWT") == 0, CRYPTO);
	ENSURE(claims->issuer == NULL || jwt_add_grant(jwt, "iss", claims->issuer) == 0, CRYPTO);
	ENSURE(jwt_add_grant(jwt, "sub", claims->subject) == 0, CRYPTO);
	ENSURE(jwt_add_grant_int(jwt, "iat", (long)claims->issued_s) == 0, CRYPTO);
	ENSURE(jwt_add_grant_int(jwt, "exp", (long)claims->expires_s) == 0, CRYPTO);
	if (claims->jti != NULL)
		ENSURE(jwt_add_grant(jwt, "jti", claims->jti) == 0, CRYPTO);
	TRY(put_audiences(jwt, claims));
	ENSURE(jwt_set_alg(jwt, algorithm_of(key->alg)->jwt, key->pem.data, (int)key->pem.len) == 0, CRYPTO);
	text = jwt_encode_str(jwt);
	ENSURE(text != NULL, CRYPTO);
	buf_put_text(token, text);
	return buf_check(token);
}

/* Base64url; what is none of it counts as zero. */
static void base64url_decode(struct bytes text, struct buf *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *at = memchr(alphabet, text.data[i], sizeof(alphabet) - 1);

		bits = bits << 6 | (at != NULL ? (uint32_t)(at - alphabet) : 0);
		for (have += 6; have >= 8; have -= 8)
			buf_put_u8(out, (uint8_t)(bits >> (have - 8)));
	}
}

struct status keys_subject(struct bytes token, struct buf *subject)
{
	AUTO(buf_done) struct buf payload = buf_make(KEYS_TOKEN_MAX);
	AUTO(json_done) json_t *claims = NULL;
	const uint8_t *first = token.len > 0 ? memchr(token.data, '.', token.len) : NULL, *second;

	ENSURE(first != NULL, CLIENT_TOKEN);
	first++;
	second = memchr(first, '.', token.len - (size_t)(first - token.data));
	ENSURE(second != NULL, CLIENT_TOKEN);
	base64url_decode(bytes_of(first, (size_t)(second - first)), &payload);
	claims = json_loadb((const char *)payload.data, payload.len, 0, NULL);
	ENSURE(json_is_string(json_object_get(claims, "sub")), CLIENT_TOKEN);
	buf_put_text(subject, json_string_value(json_object_get(claims, "sub")));
	return buf_check(subject);
}
