/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this chain an X509-SVID, and whom does it name?  Authorities come from the bundle of exactly the trust domain that
 * the leaf names, intermediates from the peer alone: nothing of the system's store, nothing fetched, no revocation
 * lists.  Which peer may do what, and that it holds the private key, are the caller's questions.  Pure: chain +
 * bundles + time.  Any thread, 512 KiB of stack.
 * X509-SVID sections 2 to 6; RFC 5280 section 6; spiffe-requirements section 10 (XS), WA-08, WA-09, WA-18. */
#ifndef SPIFFE_X509_H
#define SPIFFE_X509_H

#include "base/bytes.h"
#include "base/status.h"
#include "spiffe/bundle.h"
#include "spiffe/id.h"

enum {
	X509SVID_CHAIN_MAX = 8,			    /* certificates that a peer shows, the leaf among them */
	X509SVID_CERTIFICATE_MAX_BYTES = 16 * 1024, /* DER */
	X509SVID_KEY_MAX_BYTES = 16 * 1024,	    /* PKCS#8 */
	X509SVID_AUTHORITIES_MAX = 64,		    /* per trust domain; more leave it without any (as JB-11) */
	X509SVID_RSA_MIN_BITS = 2048,
	X509SVID_RSA_MAX_BITS = 4096,
	X509SVID_RSA_MIN_EXPONENT_BITS = 17, /* 65537 */
	X509SVID_RSA_MAX_EXPONENT_BITS = 64,
};

/* The X.509 authorities of one snapshot: immutable, counted. */
struct x509svid_bundles;

/* From the Workload API: pairs of reader_sized() values, map key and certificates (DER, one after the other).  A
 * message without pairs, with a key that names no trust domain, with one domain twice or too many is refused as a
 * whole. Certificates that cannot be told apart leave their domain without authorities; one that is no sound authority
 * (cA, keyCertSign, algorithm) is left out and counted. Fails: BUNDLE_MALFORMED, NO_MEMORY. */
struct status x509svid_bundles_new(struct bytes list, struct x509svid_bundles **ret_bundles);
/* From SPIFFE bundle documents, decoded with BUNDLE_SPIFFE_DOCUMENT; keeps nothing of set.  Fails: NO_MEMORY. */
struct status x509svid_bundles_from(const struct bundle_set *set, struct x509svid_bundles **ret_bundles);
struct x509svid_bundles *x509svid_bundles_ref(struct x509svid_bundles *bundles);
void x509svid_bundles_unref(struct x509svid_bundles *bundles);
/* Authorities of a trust domain; 0 also for one that is not there. */
size_t x509svid_bundles_count(const struct x509svid_bundles *bundles, struct bytes domain);
/* Certificates, or whole entries that could not be taken apart, that were left out. */
size_t x509svid_bundles_left_out(const struct x509svid_bundles *bundles);

/* Verify a peer's chain and say whom it names.
 *   chain     DER, leaf first; each of at most X509SVID_CERTIFICATE_MAX_BYTES
 *   count     1 to X509SVID_CHAIN_MAX
 *   bundles   borrowed for the call
 *   now_s     seconds since 1970, UTC; no leeway
 *   ret_id    on success only; has a path; end it with spiffe_id_done()
 * Fails: X509_LONG, X509_MALFORMED, X509_URI, X509_ID, X509_SUBJECT, X509_LEAF_CA, X509_KEY_USAGE, X509_EXTENDED_USAGE,
 * X509_SIGNER, X509_SIGNER_ID, X509_ALG, X509_EXTENSION, X509_DOMAIN_UNKNOWN, X509_UNTRUSTED, X509_SIGNATURE,
 * X509_EXPIRED, X509_NOT_YET, X509_CONSTRAINT, NO_MEMORY, CRYPTO. */
struct status x509svid_verify(const struct bytes *chain, size_t count, const struct x509svid_bundles *bundles,
	int64_t now_s, struct spiffe_id *ret_id);

/* Take apart certificates that stand one after the other, as Workload API messages have them; views into der.
 * ret_chain has room for X509SVID_CHAIN_MAX.  Fails: X509_LONG, X509_MALFORMED (also when there is none). */
struct status x509svid_split(struct bytes der, struct bytes *ret_chain, size_t *ret_count);

/* WA-18: may one's own SVID, fresh from the Workload API, be used?  The chain passes x509svid_verify(), names spiffe_id
 * byte for byte, and the key is the leaf's.
 *   chain   DER, one certificate after the other
 *   key     unencrypted PKCS#8, DER
 * Fails: those of x509svid_split() and x509svid_verify(), X509_ID (names another), X509_KEY. */
struct status x509svid_check_own(struct bytes chain, struct bytes key, struct bytes spiffe_id,
	const struct x509svid_bundles *bundles, int64_t now_s);

#endif
