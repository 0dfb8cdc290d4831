/* SPDX-License-Identifier: Apache-2.0
 *
 * Key documents of one Workload API message, or SPIFFE bundle documents, decoded: which keys each trust domain has.
 * Decoding only; whether the numbers are a sound key is jwtsvid/jwk.h's question, a certificate spiffe/x509.h's.  A set
 * is immutable and counted: one is made per message and replaces the one before it whole.  No I/O; any thread, 512 KiB
 * of stack. Workload API section 6.2.2; RFC 7517; spiffe-requirements section 8 (JB, SB), WA-05, WA-09, SID-20. */
#ifndef SPIFFE_BUNDLE_H
#define SPIFFE_BUNDLE_H

#include "base/bytes.h"
#include "base/status.h"

enum {
	BUNDLE_DOCUMENT_MAX_BYTES = 1024 * 1024, /* JB-11; a longer one leaves its domain without keys */
	BUNDLE_KEYS_MAX = 64,			 /* elements of "keys" per trust domain: the same */
	BUNDLE_DOMAINS_MAX = 256,		 /* per message: more refuse the message */
	BUNDLE_DEPTH_MAX = 16,			 /* nesting of JSON */
	BUNDLE_REPORTS_MAX = 64,		 /* lines kept for the log; further ones are only counted */
	BUNDLE_REPORT_BYTES = 256,
};

enum bundle_kty { BUNDLE_KTY_NONE = 0, BUNDLE_KTY_RSA, BUNDLE_KTY_EC };
enum bundle_curve { BUNDLE_CURVE_NONE = 0, BUNDLE_P256, BUNDLE_P384, BUNDLE_P521 };

/* One JWK that may verify JWT-SVIDs.  Views, borrowed from the set. */
struct bundle_key {
	struct bytes kid; /* never empty; opaque, may hold any byte */
	struct bytes alg; /* empty: the JWK names none */
	enum bundle_kty kty;
	enum bundle_curve curve; /* EC */
	struct bytes n, e;	 /* RSA: big-endian, no leading zero */
	struct bytes x, y;	 /* EC: big-endian, as long as they were written */
	struct bytes storage;	 /* what the views above point into */
};

/* Borrowed from the set. */
struct bundle {
	struct bytes domain; /* bare name; the issuer with BUNDLE_ISSUER_DOCUMENT */
	const struct bundle_key *keys;
	size_t key_count;  /* 0: the domain is untrusted (JB-07, JB-08) */
	bool is_malformed; /* the document as a whole */
	/* Only with BUNDLE_SPIFFE_DOCUMENT: SB-03, SB-04. */
	bool has_sequence, has_refresh_hint;
	uint64_t sequence, refresh_hint_s;
	/* Only with BUNDLE_SPIFFE_DOCUMENT: DER of the X.509 authorities, unparsed; they verify X509-SVIDs alone
	 * (WA-08). */
	const struct bytes *authorities;
	size_t authority_count;
};

struct bundle_set;

enum bundle_flags {
	BUNDLE_STRICT = 0,
	BUNDLE_ALLOW_USE_SIG = 1, /* JB-02: a JWK with "use": "sig" is taken as well; off in the daemon */
	/* Documents are SPIFFE bundles, not the Workload API's JWK Sets: "use" is mandatory, and "x509-svid" names an
	 * authority, the first certificate of its "x5c" (SB-06 to SB-09). */
	BUNDLE_SPIFFE_DOCUMENT = 2,
	/* JWK Sets of identity providers that are no SPIFFE ones: the map key is the issuer, any text, and "use" is
	 * absent or "sig" (RFC 7517, 4.2).  No set holds both kinds. */
	BUNDLE_ISSUER_DOCUMENT = 4,
};

/* Decode pairs of reader_sized() values, map key and JWKS document (what WORKLOAD_... IDP_BUNDLES carries).
 * A message without pairs, with a key that names no trust domain, with one domain twice or with too many is refused
 * as a whole; a broken document costs its own domain all keys, a broken JWK only itself; both are reported.
 *   list    borrowed for the call
 *   flags   of enum bundle_flags
 * Fails: BUNDLE_MALFORMED, NO_MEMORY. */
struct status bundle_set_new(struct bytes list, unsigned flags, struct bundle_set **ret_set);
struct bundle_set *bundle_set_ref(struct bundle_set *set);
void bundle_set_unref(struct bundle_set *set);

size_t bundle_set_count(const struct bundle_set *set);
/* index below bundle_set_count(). */
const struct bundle *bundle_set_at(const struct bundle_set *set, size_t index);
/* NULL: no such trust domain in the message. */
const struct bundle *bundle_set_find(const struct bundle_set *set, struct bytes domain);

/* What was ignored and why: printable ASCII, one line each, in the order found. */
size_t bundle_set_report_count(const struct bundle_set *set);
const char *bundle_set_report(const struct bundle_set *set, size_t index);

#endif
