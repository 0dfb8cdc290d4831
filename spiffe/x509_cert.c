/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/x509_cert.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/own.h"

bool x509svid_had_memory(void)
{
	bool had_memory = true;
	unsigned long error;

	while ((error = ERR_get_error()) != 0)
		if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
			had_memory = false;
	return had_memory;
}

struct status x509svid_malformed(void)
{
	return x509svid_had_memory() ? FAIL(X509_MALFORMED) : FAIL(NO_MEMORY);
}

/* ---- bytes to certificates ------------------------------------------------------------------------- */

struct status x509svid_next(struct bytes *left, struct bytes *ret_certificate)
{
	size_t head = 2, len;

	ENSURE(left->len >= head && left->data[0] == 0x30, X509_MALFORMED);
	len = left->data[1];
	if (len >= 0x80) {
		size_t octets = len - 0x80;

		ENSURE(octets >= 1, X509_MALFORMED); /* 0 is BER's indefinite form */
		ENSURE(octets <= 3, X509_LONG);
		ENSURE(left->len >= head + octets, X509_MALFORMED);
		len = 0;
		for (size_t i = 0; i < octets; i++)
			len = len << 8 | left->data[head + i];
		head += octets;
	}
	ENSURE(head + len <= X509SVID_CERTIFICATE_MAX_BYTES, X509_LONG);
	ENSURE(head + len <= left->len, X509_MALFORMED);
	*ret_certificate = bytes_of(left->data, head + len);
	*left = bytes_of(left->data + head + len, left->len - head - len);
	return OK;
}

void x509svid_cert_done(X509 **cert)
{
	X509_free(*cert);
}

struct status x509svid_parse(struct bytes der, X509 **ret_cert)
{
	AUTO(x509svid_cert_done) X509 *cert = NULL;
	const uint8_t *at = der.data;

	ENSURE(der.len <= X509SVID_CERTIFICATE_MAX_BYTES, X509_LONG);
	ENSURE(der.len > 0, X509_MALFORMED);
	ERR_clear_error();
	cert = d2i_X509(NULL, &at, (long)der.len);
	if (cert == NULL)
		return x509svid_malformed();
	ENSURE(at == der.data + der.len, X509_MALFORMED);
	ENSURE(X509_get_version(cert) == X509_VERSION_3, X509_MALFORMED);
	if ((X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0)
		return x509svid_malformed();
	*ret_cert = TAKE(cert);
	return OK;
}

/* ---- keys and algorithms --------------------------------------------------------------------------- */

static void bignum_done(BIGNUM **number)
{
	BN_free(*number);
}

static bool rsa_is_allowed(const EVP_PKEY *key)
{
	AUTO(bignum_done) BIGNUM *e = NULL;
	int bits = EVP_PKEY_get_bits(key);

	return EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) != 0 &&
	       BN_num_bits(e) >= X509SVID_RSA_MIN_EXPONENT_BITS && BN_num_bits(e) <= X509SVID_RSA_MAX_EXPONENT_BITS &&
	       bits >= X509SVID_RSA_MIN_BITS && bits <= X509SVID_RSA_MAX_BITS;
}

/* A curve by its name, never by numbers of its own. */
static bool ec_is_allowed(const EVP_PKEY *key)
{
	static const char *const curves[] = { SN_X9_62_prime256v1, SN_secp384r1, SN_secp521r1 };
	char name[32] = { 0 };
	int is_explicit = 1;

	if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) != 1 ||
		is_explicit != 0 || EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(name, curves[i]) == 0)
			return true;
	return false;
}

bool x509svid_key_is_allowed(const X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);

	if (key == NULL)
		return false;
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return rsa_is_allowed(key);
	case EVP_PKEY_EC:
		return ec_is_allowed(key);
	case EVP_PKEY_ED25519:
		return true;
	default: /* a stranger's number, not an enum */
		return false;
	}
}

bool x509svid_signature_is_allowed(X509 *cert)
{
	int hash = NID_undef, key = NID_undef;

	if (X509_get_signature_info(cert, &hash, &key, NULL, NULL) != 1)
		return false;
	return hash == NID_sha256 || hash == NID_sha384 || hash == NID_sha512 || key == NID_ED25519;
}

bool x509svid_may_sign(X509 *cert)
{
	const uint32_t need = EXFLAG_CA | EXFLAG_KUSAGE;

	return (X509_get_extension_flags(cert) & need) == need &&
	       (X509_get_key_usage(cert) & X509v3_KU_KEY_CERT_SIGN) != 0;
}
