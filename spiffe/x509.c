/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/x509.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/own.h"

enum {
	VALUE_MAX_BYTES = 4 * 1024 * 1024, /* of a domain's certificates in a message */
	SECURITY_LEVEL = 2,		   /* 112 bits: OpenSSL's own floor, under ours */
};

struct authorities {
	uint8_t *name; /* owned; trust domain */
	size_t name_len;
	X509 **cert; /* owned */
	size_t count;
};

struct x509svid_bundles {
	atomic_uint refs;
	struct authorities *domains; /* owned */
	size_t domain_count;
	size_t left_out;
};

/* ---- OpenSSL's things as owned locals -------------------------------------------------------------- */

#define OWNED(type, free_function)                     \
	static void free_function##_auto(type **thing) \
	{                                              \
		free_function(*thing);                 \
	}
OWNED(BIGNUM, BN_free)
OWNED(EVP_PKEY, EVP_PKEY_free)
OWNED(GENERAL_NAMES, GENERAL_NAMES_free)
OWNED(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)
OWNED(X509, X509_free)
OWNED(X509_STORE, X509_STORE_free)
OWNED(X509_STORE_CTX, X509_STORE_CTX_free)
#undef OWNED

static void certificates_free_auto(STACK_OF(X509) * *certificates)
{
	sk_X509_pop_free(*certificates, X509_free);
}

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

static struct status malformed(void)
{
	return library_had_memory() ? FAIL(X509_MALFORMED) : FAIL(NO_MEMORY);
}

/* ---- bytes to certificates ------------------------------------------------------------------------- */

/* The certificate at the front of left, by its DER head: SEQUENCE, definite length.  Nothing is parsed. */
static struct status der_next(struct bytes *left, struct bytes *ret_certificate)
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

struct status x509svid_split(struct bytes der, struct bytes *ret_chain, size_t *ret_count)
{
	size_t count = 0;

	ENSURE(der.len > 0, X509_MALFORMED);
	while (der.len > 0) {
		ENSURE(count < X509SVID_CHAIN_MAX, X509_LONG);
		TRY(der_next(&der, &ret_chain[count++]));
	}
	*ret_count = count;
	return OK;
}

/* All of der and nothing after it; version 3; every extension that OpenSSL knows is readable and there once. */
static struct status certificate_parse(struct bytes der, X509 **ret_cert)
{
	AUTO(X509_free_auto) X509 *cert = NULL;
	const uint8_t *at = der.data;

	ENSURE(der.len <= X509SVID_CERTIFICATE_MAX_BYTES, X509_LONG);
	ENSURE(der.len > 0, X509_MALFORMED);
	ERR_clear_error();
	cert = d2i_X509(NULL, &at, (long)der.len);
	if (cert == NULL)
		return malformed();
	ENSURE(at == der.data + der.len, X509_MALFORMED);
	ENSURE(X509_get_version(cert) == X509_VERSION_3, X509_MALFORMED);
	if ((X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0)
		return malformed();
	*ret_cert = TAKE(cert);
	return OK;
}

/* ---- keys and algorithms --------------------------------------------------------------------------- */

static bool rsa_is_allowed(const EVP_PKEY *key)
{
	AUTO(BN_free_auto) BIGNUM *e = NULL;
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

/* Before any mathematics with it. */
static bool key_is_allowed(const X509 *cert)
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

/* SHA-2 of 256 bits or more, with RSA, RSA-PSS or ECDSA; or Ed25519. */
static bool signature_is_allowed(X509 *cert)
{
	int hash = NID_undef, key = NID_undef;

	if (X509_get_signature_info(cert, &hash, &key, NULL, NULL) != 1)
		return false;
	return hash == NID_sha256 || hash == NID_sha384 || hash == NID_sha512 || key == NID_ED25519;
}

/* ---- what a certificate says of itself ------------------------------------------------------------- */

/* How many URI names it has (names of other kinds are ignored), and the first as text, borrowed from names. */
static struct status uri_names(
	const X509 *cert, GENERAL_NAMES **names, size_t *ret_count, struct bytes *ret_first, bool *ret_is_critical)
{
	int critical = 0;
	size_t count = 0;

	*names = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
	if (*names == NULL && critical != -1) /* -1: there is none; else unreadable, or there twice */
		return malformed();
	for (int i = 0; i < sk_GENERAL_NAME_num(*names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(*names, i);

		if (name->type != GEN_URI)
			continue;
		if (count++ == 0)
			*ret_first = bytes_of(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
				(size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier));
	}
	*ret_count = count;
	*ret_is_critical = critical == 1;
	return OK;
}

static bool is_critical(const X509 *cert, int nid)
{
	const X509_EXTENSION *extension = X509_get_ext(cert, X509_get_ext_by_NID(cert, nid, -1));

	return extension != NULL && X509_EXTENSION_get_critical(extension) == 1;
}

/* XS-05: "id-kp-serverAuth and id-kp-clientAuth MUST be set" where the extension is (X509-SVID 4.4). */
static bool extended_usage_fits(X509 *cert)
{
	const uint32_t both = XKU_SSL_SERVER | XKU_SSL_CLIENT;

	return (X509_get_extension_flags(cert) & EXFLAG_XKUSAGE) == 0 ||
	       (X509_get_extended_key_usage(cert) & both) == both;
}

/* "An X.509 SVID MUST contain exactly one URI SAN" (X509-SVID 2); a leaf's SPIFFE ID has a path (3.1). */
static struct status leaf_id(const X509 *leaf, struct spiffe_id *ret_id)
{
	AUTO(GENERAL_NAMES_free_auto) GENERAL_NAMES *names = NULL;
	struct bytes uri = { 0 }, domain, path;
	bool name_is_critical;
	size_t count;

	TRY(uri_names(leaf, &names, &count, &uri, &name_is_critical));
	ENSURE(count == 1, X509_URI);
	if (spiffe_id_split(uri, &domain, &path).code != STATUS_OK)
		return FAIL(X509_ID);
	ENSURE(path.len > 0, X509_ID);
	ENSURE(name_is_critical || X509_NAME_entry_count(X509_get_subject_name(leaf)) > 0, X509_SUBJECT); /* XS-06 */
	return spiffe_id_parse(uri, ret_id);
}

/* "Validators MUST ensure that the CA field is not set ... keyCertSign and cRLSign are not set" (X509-SVID 5.2). */
static struct status leaf_check(X509 *leaf)
{
	uint32_t usage = X509_get_key_usage(leaf); /* all bits: the extension is absent */

	ENSURE((X509_get_extension_flags(leaf) & EXFLAG_CA) == 0, X509_LEAF_CA);
	ENSURE((X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) != 0 && is_critical(leaf, NID_key_usage),
		X509_KEY_USAGE);
	ENSURE((usage & (X509v3_KU_KEY_CERT_SIGN | X509v3_KU_CRL_SIGN)) == 0, X509_LEAF_CA);
	ENSURE((usage & X509v3_KU_DIGITAL_SIGNATURE) != 0, X509_KEY_USAGE); /* D-05 */
	ENSURE(extended_usage_fits(leaf), X509_EXTENDED_USAGE);
	return OK;
}

/* XS-09: what every certificate that signs another must be, the authority's own included. */
static bool may_sign(X509 *cert)
{
	const uint32_t need = EXFLAG_CA | EXFLAG_KUSAGE;

	return (X509_get_extension_flags(cert) & need) == need &&
	       (X509_get_key_usage(cert) & X509v3_KU_KEY_CERT_SIGN) != 0;
}

/* One with a URI name is an SVID itself: "the SPIFFE ID of a signing certificate MUST NOT have a path" (3.2), and its
 * key usage is critical (4.3). */
static struct status signer_check(X509 *cert)
{
	AUTO(GENERAL_NAMES_free_auto) GENERAL_NAMES *names = NULL;
	struct bytes uri = { 0 }, domain, path;
	bool name_is_critical;
	size_t count;

	ENSURE(may_sign(cert), X509_SIGNER);
	ENSURE(extended_usage_fits(cert), X509_EXTENDED_USAGE);
	TRY(uri_names(cert, &names, &count, &uri, &name_is_critical));
	if (count == 0)
		return OK;
	ENSURE(count == 1 && spiffe_id_split(uri, &domain, &path).code == STATUS_OK && path.len == 0, X509_SIGNER_ID);
	ENSURE(is_critical(cert, NID_key_usage), X509_KEY_USAGE);
	return OK;
}

/* ---- bundles --------------------------------------------------------------------------------------- */

static void authorities_done(struct authorities *domain)
{
	for (size_t i = 0; i < domain->count; i++)
		X509_free(domain->cert[i]);
	free(domain->cert);
	free(domain->name);
}

void x509svid_bundles_unref(struct x509svid_bundles *bundles)
{
	if (bundles == NULL || atomic_fetch_sub_explicit(&bundles->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < bundles->domain_count; i++)
		authorities_done(&bundles->domains[i]);
	free(bundles->domains);
	free(bundles);
}

struct x509svid_bundles *x509svid_bundles_ref(struct x509svid_bundles *bundles)
{
	(void)atomic_fetch_add_explicit(&bundles->refs, 1, memory_order_relaxed);
	return bundles;
}

static void bundles_done(struct x509svid_bundles **bundles)
{
	x509svid_bundles_unref(*bundles);
}

static const struct authorities *domain_find(const struct x509svid_bundles *bundles, struct bytes name)
{
	for (size_t i = 0; i < bundles->domain_count; i++)
		if (bytes_equal(bytes_of(bundles->domains[i].name, bundles->domains[i].name_len), name))
			return &bundles->domains[i];
	return NULL;
}

size_t x509svid_bundles_count(const struct x509svid_bundles *bundles, struct bytes domain)
{
	const struct authorities *found = domain_find(bundles, domain);

	return found == NULL ? 0 : found->count;
}

size_t x509svid_bundles_left_out(const struct x509svid_bundles *bundles)
{
	return bundles->left_out;
}

static struct status bundles_make(struct x509svid_bundles **ret_bundles)
{
	AUTO(bundles_done) struct x509svid_bundles *bundles = calloc(1, sizeof(*bundles));

	ENSURE(bundles != NULL, NO_MEMORY);
	atomic_init(&bundles->refs, 1);
	bundles->domains = calloc(BUNDLE_DOMAINS_MAX, sizeof(*bundles->domains));
	ENSURE(bundles->domains != NULL, NO_MEMORY);
	*ret_bundles = TAKE(bundles);
	return OK;
}

static struct status domain_add(struct x509svid_bundles *bundles, struct bytes name, struct authorities **ret_domain)
{
	struct authorities *domain = &bundles->domains[bundles->domain_count];

	/* "MUST NOT merge": two entries for one trust domain make the message malformed (WA-09). */
	ENSURE(bundles->domain_count < BUNDLE_DOMAINS_MAX && domain_find(bundles, name) == NULL, BUNDLE_MALFORMED);
	domain->name = malloc(name.len);
	domain->cert = calloc(X509SVID_AUTHORITIES_MAX, sizeof(X509 *));
	domain->name_len = name.len;
	bundles->domain_count++; /* freed with the rest from here on */
	ENSURE(domain->name != NULL && domain->cert != NULL, NO_MEMORY);
	memcpy(domain->name, name.data, name.len);
	*ret_domain = domain;
	return OK;
}

/* An unsound authority costs only itself; room was checked. */
static struct status authority_add(struct x509svid_bundles *bundles, struct authorities *domain, struct bytes der)
{
	AUTO(X509_free_auto) X509 *cert = NULL;
	struct status st = certificate_parse(der, &cert);

	if (st.code == STATUS_NO_MEMORY)
		return st;
	if (st.code != STATUS_OK || !may_sign(cert) || !key_is_allowed(cert))
		bundles->left_out++;
	else
		domain->cert[domain->count++] = TAKE(cert);
	return OK;
}

/* False: der is no row of at most X509SVID_AUTHORITIES_MAX certificates. */
static bool authorities_split(struct bytes der, struct bytes *ret_list, size_t *ret_count)
{
	size_t count = 0;

	while (der.len > 0)
		if (count == X509SVID_AUTHORITIES_MAX || der_next(&der, &ret_list[count++]).code != STATUS_OK)
			return false;
	*ret_count = count;
	return true;
}

static struct status authorities_add(
	struct x509svid_bundles *bundles, struct authorities *domain, const struct bytes *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(authority_add(bundles, domain, list[i]));
	return OK;
}

static struct status entry_add(struct x509svid_bundles *bundles, struct reader *r)
{
	struct bytes key = reader_sized(r, SPIFFE_ID_MAX_BYTES);
	struct bytes der = reader_sized(r, VALUE_MAX_BYTES);
	struct bytes list[X509SVID_AUTHORITIES_MAX], name;
	struct authorities *domain;
	size_t count;

	ENSURE(!r->bad, BUNDLE_MALFORMED);
	if (spiffe_map_key_domain(key, &name).code != STATUS_OK)
		return FAIL(BUNDLE_MALFORMED);
	TRY(domain_add(bundles, name, &domain));
	if (authorities_split(der, list, &count))
		return authorities_add(bundles, domain, list, count);
	bundles->left_out++;
	return OK;
}

struct status x509svid_bundles_new(struct bytes list, struct x509svid_bundles **ret_bundles)
{
	AUTO(bundles_done) struct x509svid_bundles *bundles = NULL;
	struct reader r = reader_of(list);

	ENSURE(list.len > 0, BUNDLE_MALFORMED); /* WA-05 */
	TRY(bundles_make(&bundles));
	while (!reader_done(&r))
		TRY(entry_add(bundles, &r));
	*ret_bundles = TAKE(bundles);
	return OK;
}

struct status x509svid_bundles_from(const struct bundle_set *set, struct x509svid_bundles **ret_bundles)
{
	AUTO(bundles_done) struct x509svid_bundles *bundles = NULL;

	_Static_assert((int)BUNDLE_KEYS_MAX <= (int)X509SVID_AUTHORITIES_MAX, "what a document may hold has room");
	TRY(bundles_make(&bundles));
	for (size_t i = 0; i < bundle_set_count(set); i++) {
		const struct bundle *from = bundle_set_at(set, i);
		struct authorities *domain;

		TRY(domain_add(bundles, from->domain, &domain));
		TRY(authorities_add(bundles, domain, from->authorities, from->authority_count));
	}
	*ret_bundles = TAKE(bundles);
	return OK;
}

/* ---- the path -------------------------------------------------------------------------------------- */

/* OpenSSL's verdict in our words; what is not listed means that there was no path. */
static struct status path_fault(int error)
{
	static const struct {
		int error;
		enum status_code code;
	} rows[] = {
		{ X509_V_ERR_OUT_OF_MEM, STATUS_NO_MEMORY },
		{ X509_V_ERR_CERT_HAS_EXPIRED, STATUS_X509_EXPIRED },
		{ X509_V_ERR_CERT_NOT_YET_VALID, STATUS_X509_NOT_YET },
		{ X509_V_ERR_CERT_SIGNATURE_FAILURE, STATUS_X509_SIGNATURE },
		{ X509_V_ERR_INVALID_CA, STATUS_X509_SIGNER },
		{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, STATUS_X509_EXTENSION },
		{ X509_V_ERR_PATH_LENGTH_EXCEEDED, STATUS_X509_CONSTRAINT },
		{ X509_V_ERR_PERMITTED_VIOLATION, STATUS_X509_CONSTRAINT },
		{ X509_V_ERR_EXCLUDED_VIOLATION, STATUS_X509_CONSTRAINT },
		{ X509_V_ERR_SUBTREE_MINMAX, STATUS_X509_CONSTRAINT },
		{ X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, STATUS_X509_CONSTRAINT },
		{ X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, STATUS_X509_CONSTRAINT },
		{ X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, STATUS_X509_CONSTRAINT },
		{ X509_V_ERR_CA_MD_TOO_WEAK, STATUS_X509_ALG },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return status_fail(rows[i].code, error, __FILE__, __LINE__, __func__);
	return FAIL_RC(X509_UNTRUSTED, error);
}

/* XS-08: anchors in a store that lives for this one verification, so that no other domain's and no withdrawn one is
 * ever in it.  It has no lookups, so nothing is read from a disk or fetched. */
static struct status store_make(const struct authorities *domain, X509_STORE **ret_store)
{
	AUTO(X509_STORE_free_auto) X509_STORE *store = X509_STORE_new();

	ENSURE(store != NULL, NO_MEMORY);
	for (size_t i = 0; i < domain->count; i++)
		ENSURE(X509_STORE_add_cert(store, domain->cert[i]) == 1, NO_MEMORY);
	*ret_store = TAKE(store);
	return OK;
}

/* Each certificate of the path but the leaf signed another one; the last is the authority's, whose own signature
 * nobody relies on. */
static struct status path_check(STACK_OF(X509) * path)
{
	int count = sk_X509_num(path);

	ENSURE(count >= 2, X509_UNTRUSTED); /* a leaf that is in the bundle itself was signed by nobody */
	for (int i = 0; i < count; i++) {
		X509 *cert = sk_X509_value(path, i);

		ENSURE(i == count - 1 || signature_is_allowed(cert), X509_ALG);
		if (i > 0)
			TRY(signer_check(cert));
	}
	return OK;
}

/* RFC 5280 section 6: signatures, validity, path length, name constraints, critical extensions. */
static struct status path_verify(
	STACK_OF(X509) * certificates, const struct authorities *domain, int64_t now_s, bool *ret_library_failed)
{
	AUTO(X509_STORE_free_auto) X509_STORE *store = NULL;
	AUTO(X509_STORE_CTX_free_auto) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param; /* borrowed from ctx */

	*ret_library_failed = false;
	ENSURE(ctx != NULL, NO_MEMORY);
	TRY(store_make(domain, &store));
	ENSURE(X509_STORE_CTX_init(ctx, store, sk_X509_value(certificates, 0), certificates) == 1, NO_MEMORY);
	param = X509_STORE_CTX_get0_param(ctx);
	/* An authority ends the path whoever signed it: a bundle may hold an intermediate of somebody's. */
	ENSURE(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST) == 1, CRYPTO);
	X509_VERIFY_PARAM_set_time(param, (time_t)now_s);
	X509_VERIFY_PARAM_set_depth(param, X509SVID_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (X509_verify_cert(ctx) != 1) {
		*ret_library_failed = true;
		return path_fault(X509_STORE_CTX_get_error(ctx));
	}
	return path_check(X509_STORE_CTX_get0_chain(ctx));
}

/* ---- verification ---------------------------------------------------------------------------------- */

static struct status chain_parse(const struct bytes *chain, size_t count, STACK_OF(X509) * *ret_certificates)
{
	AUTO(certificates_free_auto) STACK_OF(X509) *certificates = NULL;

	ENSURE(count <= X509SVID_CHAIN_MAX, X509_LONG);
	ENSURE(count > 0, X509_MALFORMED);
	for (size_t i = 0; i < count; i++)
		ENSURE(chain[i].len <= X509SVID_CERTIFICATE_MAX_BYTES, X509_LONG);
	certificates = sk_X509_new_reserve(NULL, (int)count);
	ENSURE(certificates != NULL, NO_MEMORY);
	for (size_t i = 0; i < count; i++) {
		X509 *cert = NULL;

		TRY(certificate_parse(chain[i], &cert));
		(void)sk_X509_push(certificates, cert); /* has room */
	}
	*ret_certificates = TAKE(certificates);
	return OK;
}

static struct status chain_verify(
	STACK_OF(X509) * certificates, const struct x509svid_bundles *bundles, struct bytes name, int64_t now_s)
{
	const struct authorities *domain = domain_find(bundles, name);
	bool library_failed = false;
	struct status st;

	TRY(leaf_check(sk_X509_value(certificates, 0)));
	for (int i = 0; i < sk_X509_num(certificates); i++)
		ENSURE(key_is_allowed(sk_X509_value(certificates, i)), X509_ALG);
	ENSURE(domain != NULL && domain->count > 0, X509_DOMAIN_UNKNOWN);
	ERR_clear_error();
	st = path_verify(certificates, domain, now_s, &library_failed);
	if (library_failed && !library_had_memory())
		return FAIL(NO_MEMORY);
	return st;
}

struct status x509svid_verify(const struct bytes *chain, size_t count, const struct x509svid_bundles *bundles,
	int64_t now_s, struct spiffe_id *ret_id)
{
	AUTO(certificates_free_auto) STACK_OF(X509) *certificates = NULL;
	AUTO(spiffe_id_done) struct spiffe_id id = { 0 };

	TRY(chain_parse(chain, count, &certificates));
	TRY(leaf_id(sk_X509_value(certificates, 0), &id));
	/* "trusted only if signed by an authority of the trust domain named in its own SPIFFE ID" (SID-18). */
	TRY(chain_verify(certificates, bundles, spiffe_id_domain(&id), now_s));
	*ret_id = TAKE(id);
	return OK;
}

/* ---- one's own ------------------------------------------------------------------------------------- */

static struct status key_check(struct bytes leaf_der, struct bytes key_der)
{
	AUTO(PKCS8_PRIV_KEY_INFO_free_auto) PKCS8_PRIV_KEY_INFO *info = NULL;
	AUTO(EVP_PKEY_free_auto) EVP_PKEY *key = NULL;
	AUTO(X509_free_auto) X509 *leaf = NULL;
	const uint8_t *at = key_der.data;

	ENSURE(key_der.len > 0 && key_der.len <= X509SVID_KEY_MAX_BYTES, X509_KEY);
	TRY(certificate_parse(leaf_der, &leaf));
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)key_der.len);
	if (info != NULL && at == key_der.data + key_der.len)
		key = EVP_PKCS82PKEY(info);
	if (key != NULL && X509_check_private_key(leaf, key) == 1)
		return OK;
	return library_had_memory() ? FAIL(X509_KEY) : FAIL(NO_MEMORY);
}

struct status x509svid_check_own(struct bytes chain, struct bytes key, struct bytes spiffe_id,
	const struct x509svid_bundles *bundles, int64_t now_s)
{
	AUTO(spiffe_id_done) struct spiffe_id id = { 0 };
	struct bytes certificates[X509SVID_CHAIN_MAX];
	size_t count;

	TRY(x509svid_split(chain, certificates, &count));
	TRY(x509svid_verify(certificates, count, bundles, now_s, &id));
	ENSURE(bytes_equal(spiffe_id_text(&id), spiffe_id), X509_ID);
	return key_check(certificates[0], key);
}
