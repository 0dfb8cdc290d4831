/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict of libjwt, as a careful program would use it: header and claims read without a key, the key found by
 * "kid" in the document of the domain that "sub" names and given as PEM, then decoded with it; libjwt knows neither
 * JWKs nor SPIFFE IDs, and this version judges no times or audiences, so those are this program's, in libjwt's own
 * terms. */
#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/opinion.h"

enum { NUMBER_MAX = 1024 };

static void no_opinion_id(struct bytes text, struct buf *verdict)
{
	(void)text;
	buf_put_text(verdict, "-");
}

static void no_opinion_keys(struct opinion_keys *keys, struct buf *verdict)
{
	(void)keys;
	buf_put_text(verdict, "-");
}

/* ---- a key as PEM -------------------------------------------------------------------------------------- */

/* A member's base64url as a number; how strict the text is written is not asked. */
static size_t number_of(const json_t *jwk, const char *name, uint8_t *number)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *text = json_string_value(json_object_get(jwk, name));
	uint32_t bits = 0;
	unsigned have = 0;
	size_t len = 0;

	for (; text != NULL && *text != '\0' && len < NUMBER_MAX; text++) {
		const char *found = strchr(alphabet, *text);

		if (found == NULL)
			return 0;
		bits = bits << 6 | (uint32_t)(found - alphabet);
		have += 6;
		if (have >= 8)
			number[len++] = (uint8_t)(bits >> (have -= 8));
	}
	return len;
}

static bool params_ec(const json_t *jwk, OSSL_PARAM_BLD *build)
{
	const char *curve = json_string_value(json_object_get(jwk, "crv"));
	uint8_t *point = calloc(2, NUMBER_MAX + 1);
	size_t x, y;
	bool is_good;

	x = number_of(jwk, "x", point + 1);
	y = number_of(jwk, "y", point + 1 + x);
	point[0] = 4;
	is_good = curve != NULL && x > 0 && y > 0 &&
		  OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
		  OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x + y) == 1;
	/* The builder borrows long strings until to_param(): the point is left to it. */
	return is_good;
}

static bool params_rsa(const json_t *jwk, OSSL_PARAM_BLD *build)
{
	uint8_t *number = calloc(2, NUMBER_MAX);
	size_t n = number_of(jwk, "n", number), e = number_of(jwk, "e", number + n);
	BIGNUM *modulus = BN_bin2bn(number, (int)n, NULL), *exponent = BN_bin2bn(number + n, (int)e, NULL);

	free(number);
	return n > 0 && e > 0 && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	       OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1;
}

/* NULL: not a key that OpenSSL takes. */
static EVP_PKEY *pkey_of(const json_t *jwk)
{
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	bool is_ec = kty != NULL && strcmp(kty, "EC") == 0, is_rsa = kty != NULL && strcmp(kty, "RSA") == 0;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, is_ec ? "EC" : "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if ((is_ec && params_ec(jwk, build)) || (is_rsa && params_rsa(jwk, build)))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static char *pem_of(const json_t *jwk)
{
	EVP_PKEY *pkey = pkey_of(jwk);
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text = NULL;
	long len;

	if (pkey != NULL && PEM_write_bio_PUBKEY(bio, pkey) == 1) {
		len = BIO_get_mem_data(bio, &data);
		text = strndup(data, (size_t)len);
	}
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return text;
}

/* The first key with that kid in the document of that domain. */
static char *key_find(const struct opinion_keys *keys, const char *domain, const char *kid)
{
	const struct opinion_document *document = NULL;
	json_t *root, *jwk;
	char *pem = NULL;
	size_t i;

	for (i = 0; i < keys->count; i++) {
		const char *at = (const char *)keys->documents[i].domain.data;

		if (strcmp(strncmp(at, "spiffe://", 9) == 0 ? at + 9 : at, domain) == 0)
			document = &keys->documents[i];
	}
	if (document == NULL)
		return NULL;
	root = json_loadb((const char *)document->text.data, document->text.len, 0, NULL);
	json_array_foreach(json_object_get(root, "keys"), i, jwk)
	{
		const char *its = json_string_value(json_object_get(jwk, "kid"));

		if (its != NULL && strcmp(its, kid) == 0) {
			pem = pem_of(jwk);
			break;
		}
	}
	json_decref(root);
	return pem;
}

/* ---- a token ------------------------------------------------------------------------------------------- */

static bool audience_is_ours(jwt_t *jwt, const struct opinion_token *token)
{
	char *text = jwt_get_grants_json(jwt, "aud");
	json_t *aud = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL, *one;
	bool is_ours = false;
	size_t i;

	for (size_t own = 0; own < token->audience_count; own++) {
		struct bytes want = token->audiences[own];

		if (json_is_string(aud))
			is_ours |= bytes_equal(want, bytes_from_text(json_string_value(aud)));
		json_array_foreach(aud, i, one) is_ours |=
			json_is_string(one) && bytes_equal(want, bytes_from_text(json_string_value(one)));
	}
	json_decref(aud);
	free(text);
	return is_ours;
}

static const char *fault(jwt_t *jwt, const struct opinion_token *token)
{
	if (token->now_s >= jwt_get_grant_int(jwt, "exp") + token->leeway_s)
		return "expired";
	if (token->now_s + token->leeway_s < jwt_get_grant_int(jwt, "nbf"))
		return "not yet";
	return audience_is_ours(jwt, token) ? NULL : "audience";
}

static const char *sub_domain(const char *sub, char *domain, size_t room)
{
	if (sub == NULL || strncmp(sub, "spiffe://", 9) != 0 || strlen(sub + 9) >= room)
		return NULL;
	strcpy(domain, sub + 9);
	domain[strcspn(domain, "/")] = '\0';
	return domain;
}

static const char *judge(const struct opinion_token *token, struct buf *subject)
{
	char domain[4096], *pem = NULL;
	jwt_t *unverified = NULL, *jwt = NULL;
	const char *why = "no key", *kid, *sub;

	if (jwt_decode(&unverified, token->text0, NULL, 0) != 0)
		return "not a token";
	kid = jwt_get_header(unverified, "kid");
	if (kid != NULL && sub_domain(jwt_get_grant(unverified, "sub"), domain, sizeof(domain)) != NULL)
		pem = key_find(token->keys, domain, kid);
	jwt_free(unverified);
	if (pem != NULL) {
		why = "signature";
		if (jwt_decode(&jwt, token->text0, (const unsigned char *)pem, (int)strlen(pem)) == 0)
			why = jwt_get_alg(jwt) == JWT_ALG_NONE ? "none" : fault(jwt, token);
	}
	sub = why == NULL ? jwt_get_grant(jwt, "sub") : NULL;
	if (sub != NULL)
		buf_put_text(subject, sub);
	jwt_free(jwt);
	free(pem);
	return why;
}

static void judge_token(const struct opinion_token *token, struct buf *verdict)
{
	struct buf subject = buf_make(65536);
	const char *why = judge(token, &subject);

	buf_put_text(verdict, why != NULL ? "no " : "ok ");
	buf_put_text(verdict, why != NULL ? why : "");
	opinion_put_text(verdict, buf_bytes(&subject));
	buf_done(&subject);
}

int main(void)
{
	return opinion_run(&(struct opinion){ no_opinion_id, no_opinion_keys, judge_token });
}
