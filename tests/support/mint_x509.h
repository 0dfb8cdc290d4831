/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates made on the spot for tests, good ones and every kind of bad one, with OpenSSL's own calls.  Anything
 * that cannot be made ends the program with a message.  One thread.  What is returned is the caller's to free(). */
#ifndef TESTS_SUPPORT_MINT_X509_H
#define TESTS_SUPPORT_MINT_X509_H

#include "tests/support/mint.h"

enum { MINT_URIS_MAX = 3 };

/* Zero fields are left out of the certificate, but for those that it cannot be without. */
struct mint_cert {
	const struct mint_key *key;    /* the subject's */
	const struct mint_key *signer; /* zero: the subject's own */
	const char *subject, *issuer;  /* common names; "": an empty name */
	const char *uri[MINT_URIS_MAX];
	struct bytes raw_uri; /* one more, of any bytes */
	const char *dns;
	const char *names_critical; /* of any text */
	/* In the words of OpenSSL's configuration: "critical,CA:TRUE,pathlen:0" */
	const char *basic, *usage, *extended, *constraints;
	const char *unknown_critical; /* OID of an extension of one byte */
	const char *twice;	      /* of any text: every extension is there twice */
	const char *hash;	      /* "SHA256" */
	const char *explicit_curve;   /* of any text: the curve by its numbers, not its name */
	unsigned exponent;	      /* of the subject's RSA key, instead of its own */
	bool is_version_2;
	int64_t from_s, to_s;
};

/* DER. */
struct bytes mint_certificate(const struct mint_cert *cert);
/* Unencrypted PKCS#8, DER. */
struct bytes mint_pkcs8(const struct mint_key *key);
void mint_bytes_free(struct bytes *bytes);
/* With padding, as "x5c" has it. */
char *mint_base64(struct bytes bytes);

#endif
