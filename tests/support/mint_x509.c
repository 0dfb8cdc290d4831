/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mint_x509.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(cond)                                                                         \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			fprintf(stderr, "mint_x509: %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                              \
		}                                                                             \
	} while (0)

static EVP_PKEY *pkey_of(const struct mint_key *key)
{
	size_t len;
	uint8_t *der = mint_private_der(key, &len);
	const uint8_t *at = der;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &at, (long)len);

	REQUIRE(pkey != NULL);
	free(der);
	return pkey;
}

static void name_put(X509_NAME *name, const char *text)
{
	if (text[0] != '\0')
		REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)text, -1, -1, 0) == 1);
}

static void general_name_put(GENERAL_NAMES *names, int type, struct bytes value)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	REQUIRE(name != NULL && text != NULL && ASN1_STRING_set(text, value.data, (int)value.len) == 1);
	GENERAL_NAME_set0_value(name, type, text);
	REQUIRE(sk_GENERAL_NAME_push(names, name) > 0);
}

static void names_put(X509 *x509, const struct mint_cert *cert)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	REQUIRE(names != NULL);
	if (cert->dns != NULL)
		general_name_put(names, GEN_DNS, bytes_from_text(cert->dns));
	for (size_t i = 0; i < MINT_URIS_MAX; i++)
		if (cert->uri[i] != NULL)
			general_name_put(names, GEN_URI, bytes_from_text(cert->uri[i]));
	if (cert->raw_uri.data != NULL)
		general_name_put(names, GEN_URI, cert->raw_uri);
	if (sk_GENERAL_NAME_num(names) > 0)
		REQUIRE(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, cert->names_critical != NULL,
				X509V3_ADD_APPEND) == 1);
	GENERAL_NAMES_free(names);
}

static void extension_put(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	REQUIRE(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static void unknown_put(X509 *x509, const char *oid)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	REQUIRE(object != NULL && value != NULL && ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x05", 1) == 1);
	extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
	REQUIRE(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
}

static void extensions_put(X509 *x509, const struct mint_cert *cert)
{
	names_put(x509, cert);
	extension_put(x509, NID_basic_constraints, cert->basic);
	extension_put(x509, NID_key_usage, cert->usage);
	extension_put(x509, NID_ext_key_usage, cert->extended);
	extension_put(x509, NID_name_constraints, cert->constraints);
	if (cert->unknown_critical != NULL)
		unknown_put(x509, cert->unknown_critical);
}

static struct bytes encoded(uint8_t *der, int len)
{
	uint8_t *copy = malloc((size_t)len); /* not OpenSSL's memory, so that free() ends it */

	REQUIRE(len > 0 && copy != NULL);
	memcpy(copy, der, (size_t)len);
	OPENSSL_free(der);
	return bytes_of(copy, (size_t)len);
}

/* The same modulus with another exponent. */
static EVP_PKEY *with_exponent(EVP_PKEY *key, unsigned exponent)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *made = NULL;
	OSSL_PARAM *params;
	BIGNUM *n = NULL;

	REQUIRE(ctx != NULL && build != NULL && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1);
	REQUIRE(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1);
	REQUIRE(OSSL_PARAM_BLD_push_uint(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1);
	params = OSSL_PARAM_BLD_to_param(build);
	REQUIRE(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_PUBLIC_KEY, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return made;
}

static EVP_PKEY *subject_key(const struct mint_cert *cert)
{
	EVP_PKEY *key = pkey_of(cert->key);

	if (cert->explicit_curve != NULL)
		REQUIRE(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit") == 1);
	return cert->exponent != 0 ? with_exponent(key, cert->exponent) : key;
}

struct bytes mint_certificate(const struct mint_cert *cert)
{
	static long serial = 1000;
	EVP_PKEY *key = subject_key(cert), *signer = pkey_of(cert->signer != NULL ? cert->signer : cert->key);
	bool is_ed = EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519;
	X509 *x509 = X509_new();
	uint8_t *der = NULL;
	int len;

	REQUIRE(x509 != NULL && X509_set_version(x509, cert->is_version_2 ? X509_VERSION_2 : X509_VERSION_3) == 1);
	REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++) == 1);
	REQUIRE(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)cert->from_s) != NULL);
	REQUIRE(ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)cert->to_s) != NULL);
	name_put(X509_get_subject_name(x509), cert->subject);
	name_put(X509_get_issuer_name(x509), cert->issuer != NULL ? cert->issuer : cert->subject);
	REQUIRE(X509_set_pubkey(x509, key) == 1);
	extensions_put(x509, cert);
	if (cert->twice != NULL)
		extensions_put(x509, cert);
	REQUIRE(X509_sign(x509, signer, is_ed ? NULL : EVP_get_digestbyname(cert->hash)) > 0);
	len = i2d_X509(x509, &der);
	X509_free(x509);
	EVP_PKEY_free(signer);
	EVP_PKEY_free(key);
	return encoded(der, len);
}

struct bytes mint_pkcs8(const struct mint_key *key)
{
	EVP_PKEY *pkey = pkey_of(key);
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	uint8_t *der = NULL;
	int len;

	REQUIRE(info != NULL);
	len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	return encoded(der, len);
}

void mint_bytes_free(struct bytes *bytes)
{
	free((void *)(uintptr_t)bytes->data);
	*bytes = (struct bytes){ 0 };
}

char *mint_base64(struct bytes bytes)
{
	char *text = malloc(bytes.len * 4 / 3 + 8);

	REQUIRE(text != NULL && EVP_EncodeBlock((uint8_t *)text, bytes.data, (int)bytes.len) > 0);
	return text;
}
