/* SPDX-License-Identifier: Apache-2.0
 *
 * What verification and bundles have in common: one certificate, as OpenSSL parsed it, and the authorities of a trust
 * domain.  Part of spiffe/x509.h, not for others. */
#ifndef SPIFFE_X509_CERT_H
#define SPIFFE_X509_CERT_H

#include <openssl/x509.h>

#include "spiffe/x509.h"

struct x509svid_domain {
	uint8_t *name; /* owned; trust domain */
	size_t name_len;
	X509 **cert; /* owned; sound authorities */
	size_t count;
};

/* NULL: no such domain. */
const struct x509svid_domain *x509svid_domain_find(const struct x509svid_bundles *bundles, struct bytes name);

/* Empties OpenSSL's queue of errors: a failure says something of what a stranger sent, unless memory was short. */
bool x509svid_had_memory(void);
/* X509_MALFORMED, or NO_MEMORY when that is why the library failed. */
struct status x509svid_malformed(void);

/* The certificate at the front of left, by its DER head: SEQUENCE, definite length.  Nothing is parsed.
 * Fails: X509_LONG, X509_MALFORMED. */
struct status x509svid_next(struct bytes *left, struct bytes *ret_certificate);
/* All of der and nothing after it; version 3; every extension that OpenSSL knows is readable and there once.
 * Fails: X509_LONG, X509_MALFORMED, NO_MEMORY. */
struct status x509svid_parse(struct bytes der, X509 **ret_cert);
void x509svid_cert_done(X509 **cert);
/* Its own key, before any mathematics with it. */
bool x509svid_key_is_allowed(const X509 *cert);
/* SHA-2 of 256 bits or more, with RSA, RSA-PSS or ECDSA; or Ed25519. */
bool x509svid_signature_is_allowed(X509 *cert);
/* XS-09: what every certificate that signs another must be, the authority's own included. */
bool x509svid_may_sign(X509 *cert);

#endif
