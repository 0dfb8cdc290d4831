/* SPDX-License-Identifier: Apache-2.0
 *
 * The issuer's signing keys: made on request, published as a JWK Set, and tokens minted with libjwt, whose
 * algorithms are RS256, RS384, RS512, ES256, ES384 and ES512.  One thread at a time. */
#ifndef TESTS_ISSUER_KEYS_H
#define TESTS_ISSUER_KEYS_H

#include <openssl/types.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum { KEYS_MAX = 16, KEY_NAME_BYTES = 64, KEYS_DOCUMENT_MAX = 64 * 1024, KEYS_TOKEN_MAX = 64 * 1024 };

struct key {
	char kid[KEY_NAME_BYTES];
	char alg[8];
	EVP_PKEY *pkey;
	struct buf pem; /* the private key, as libjwt wants it */
};
struct keys {
	struct key key[KEYS_MAX];
	size_t count;
	size_t active; /* index */
};

/* What a token says. */
struct claims {
	const char *issuer; /* NULL: none, as SPIRE's default */
	const char *subject;
	const struct bytes *audiences;
	size_t audience_count;
	int64_t issued_s;
	int64_t expires_s;
	const char *jti; /* NULL: none */
};

/* A new key, published at once; the first one is active.  Fails: LIMIT, CLIENT_ARGUMENT (algorithm, kid taken), CRYPTO.
 */
struct status keys_add(struct keys *keys, const char *kid, const char *alg);
/* Sign with this one from now on.  Fails: KEY_ABSENT. */
struct status keys_activate(struct keys *keys, const char *kid);
/* Publish it no longer, and forget it.  Fails: KEY_ABSENT. */
struct status keys_withdraw(struct keys *keys, const char *kid);
void keys_done(struct keys *keys);

/* The JWK Set, as FetchJWTBundles carries it (no "use", as SPIRE does). */
struct status keys_document(const struct keys *keys, struct buf *document);
/* A token of the active key.  Fails: KEY_ABSENT, CRYPTO, LIMIT. */
struct status keys_mint(const struct keys *keys, const struct claims *claims, struct buf *token);

/* The "sub" of a token, whatever the rest of it is worth.  Fails: CLIENT_TOKEN. */
struct status keys_subject(struct bytes token, struct buf *subject);

#endif
