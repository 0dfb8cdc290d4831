/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/x509.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/own.h"
#include "spiffe/x509_cert.h"

enum { SECURITY_LEVEL = 2 /* 112 bits: OpenSSL's own floor, under ours */ };

/* ---- OpenSSL's things as owned locals -------------------------------------------------------------- */

#define OWNED(type, free_function)                     \
	static void free_function##_auto(type **thing) \
	{                                              \
		free_function(*thing);                 \
	}
OWNED(EVP_PKEY, EVP_PKEY_free)
OWNED(GENERAL_NAMES, GENERAL_NAMES_free)
OWNED(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)
OWNED(X509_STORE, X509_STORE_free)
OWNED(X509_STORE_CTX, X509_STORE_CTX_free)
#undef OWNED

static void certificates_free_auto(STACK_OF(X509) * *certificates)
{
	sk_X509_pop_free(*certificates, X509_free);
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
		return x509svid_malformed();
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

/* One with a URI name is an SVID itself: "the SPIFFE ID of a signing certificate MUST NOT have a path" (3.2), and its
 * key usage is critical (4.3). */
static struct status signer_check(X509 *cert)
{
	AUTO(GENERAL_NAMES_free_auto) GENERAL_NAMES *names = NULL;
	struct bytes uri = { 0 }, domain, path;
	bool name_is_critical;
	size_t count;

	ENSURE(x509svid_may_sign(cert), X509_SIGNER);
	ENSURE(extended_usage_fits(cert), X509_EXTENDED_USAGE);
	TRY(uri_names(cert, &names, &count, &uri, &name_is_critical));
	if (count == 0)
		return OK;
	ENSURE(count == 1 && spiffe_id_split(uri, &domain, &path).code == STATUS_OK && path.len == 0, X509_SIGNER_ID);
	ENSURE(is_critical(cert, NID_key_usage), X509_KEY_USAGE);
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
static struct status store_make(X509 *const *anchors, size_t count, X509_STORE **ret_store)
{
	AUTO(X509_STORE_free_auto) X509_STORE *store = X509_STORE_new();

	ENSURE(store != NULL, NO_MEMORY);
	for (size_t i = 0; i < count; i++)
		ENSURE(X509_STORE_add_cert(store, anchors[i]) == 1, NO_MEMORY);
	*ret_store = TAKE(store);
	return OK;
}

/* Each certificate of the path but the leaf signed another one; the last is the authority's, whose own signature
 * nobody relies on.  There are two at least, since no leaf is an authority: cA is false of the one, true of the other.
 */
static struct status path_check(STACK_OF(X509) * path)
{
	int count = sk_X509_num(path);

	for (int i = 0; i < count; i++) {
		X509 *cert = sk_X509_value(path, i);

		ENSURE(i == count - 1 || x509svid_signature_is_allowed(cert), X509_ALG);
		if (i > 0)
			TRY(signer_check(cert));
	}
	return OK;
}

/* RFC 5280 section 6: signatures, validity, path length, name constraints, critical extensions. */
static struct status path_verify(
	STACK_OF(X509) * certificates, X509 *const *anchors, size_t count, int64_t now_s, bool *ret_library_failed)
{
	AUTO(X509_STORE_free_auto) X509_STORE *store = NULL;
	AUTO(X509_STORE_CTX_free_auto) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param; /* borrowed from ctx */

	*ret_library_failed = false;
	ENSURE(ctx != NULL, NO_MEMORY);
	TRY(store_make(anchors, count, &store));
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

/* OpenSSL chooses among authorities of one name by key identifiers, if certificates have any, and then takes what it
 * chose; but of several, each is trusted (Workload API section 5.1, "bundle").  So each is tried by itself. */
static struct status some_path_verify(
	STACK_OF(X509) * certificates, const struct x509svid_domain *domain, int64_t now_s, bool *ret_library_failed)
{
	struct status st = path_verify(certificates, domain->cert, domain->count, now_s, ret_library_failed);

	if (st.code != STATUS_X509_SIGNATURE)
		return st;
	for (size_t i = 0; i < domain->count; i++) {
		st = path_verify(certificates, &domain->cert[i], 1, now_s, ret_library_failed);
		if (st.code != STATUS_X509_SIGNATURE && st.code != STATUS_X509_UNTRUSTED)
			return st; /* it signed, for better or worse */
	}
	return FAIL(X509_SIGNATURE);
}

/* ---- verification ---------------------------------------------------------------------------------- */

static struct status chain_parse(const struct bytes *chain, size_t count, STACK_OF(X509) * *ret_certificates)
{
	AUTO(certificates_free_auto) STACK_OF(X509) *certificates = NULL;

	ENSURE(count <= X509SVID_CHAIN_MAX, X509_LONG);
	ENSURE(count > 0, X509_MALFORMED);
	certificates = sk_X509_new_reserve(NULL, (int)count);
	ENSURE(certificates != NULL, NO_MEMORY);
	for (size_t i = 0; i < count; i++) {
		X509 *cert = NULL;

		TRY(x509svid_parse(chain[i], &cert));
		(void)sk_X509_push(certificates, cert); /* has room */
	}
	*ret_certificates = TAKE(certificates);
	return OK;
}

static struct status chain_verify(
	STACK_OF(X509) * certificates, const struct x509svid_bundles *bundles, struct bytes name, int64_t now_s)
{
	const struct x509svid_domain *domain = x509svid_domain_find(bundles, name);
	bool library_failed = false;
	struct status st;

	TRY(leaf_check(sk_X509_value(certificates, 0)));
	for (int i = 0; i < sk_X509_num(certificates); i++)
		ENSURE(x509svid_key_is_allowed(sk_X509_value(certificates, i)), X509_ALG);
	ENSURE(domain != NULL && domain->count > 0, X509_DOMAIN_UNKNOWN);
	ERR_clear_error();
	st = some_path_verify(certificates, domain, now_s, &library_failed);
	if (library_failed && !x509svid_had_memory())
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

/* ---- what the Workload API gives ------------------------------------------------------------------- */

struct status x509svid_split(struct bytes der, struct bytes *ret_chain, size_t *ret_count)
{
	size_t count = 0;

	ENSURE(der.len > 0, X509_MALFORMED);
	while (der.len > 0) {
		ENSURE(count < X509SVID_CHAIN_MAX, X509_LONG);
		TRY(x509svid_next(&der, &ret_chain[count++]));
	}
	*ret_count = count;
	return OK;
}

static struct status key_check(struct bytes leaf_der, struct bytes key_der)
{
	AUTO(PKCS8_PRIV_KEY_INFO_free_auto) PKCS8_PRIV_KEY_INFO *info = NULL;
	AUTO(EVP_PKEY_free_auto) EVP_PKEY *key = NULL;
	AUTO(x509svid_cert_done) X509 *leaf = NULL;
	const uint8_t *at = key_der.data;

	ENSURE(key_der.len > 0 && key_der.len <= X509SVID_KEY_MAX_BYTES, X509_KEY);
	TRY(x509svid_parse(leaf_der, &leaf));
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)key_der.len);
	if (info != NULL && at == key_der.data + key_der.len)
		key = EVP_PKCS82PKEY(info);
	if (key != NULL && X509_check_private_key(leaf, key) == 1)
		return OK;
	return x509svid_had_memory() ? FAIL(X509_KEY) : FAIL(NO_MEMORY);
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
