/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, JWKs, key lists and tokens made on the spot for tests, good ones and every kind of bad one.  Independent of
 * the code under test: base64url, JWS and ECDSA's r||s are written here a second time, on OpenSSL.  Anything that
 * cannot be made ends the program with a message.  One thread.  Strings returned are the caller's to free(). */
#ifndef TESTS_SUPPORT_MINT_H
#define TESTS_SUPPORT_MINT_H

#include "base/buf.h"
#include "base/bytes.h"

enum mint_type {
	MINT_P256,
	MINT_P384,
	MINT_P521,
	MINT_K256, /* secp256k1 */
	MINT_RSA1024,
	MINT_RSA2040,
	MINT_RSA2048,
	MINT_RSA4096,
	MINT_RSA4104,
	MINT_ED25519,
	MINT_TYPES
};

/* From here on keys and signatures follow from the seed alone, so that a run can be had again.  For tests only. */
void mint_seed(uint64_t seed);
/* The next number of that sequence. */
uint64_t mint_random(void);

struct mint_key;
struct mint_key *mint_key_new(enum mint_type type);
void mint_key_free(struct mint_key *key);

/* A public JWK: {"kty":..,"kid":KID,..,MORE}.  kid NULL: none.  more: further members as JSON ("\"use\":\"sig\""), or
 * NULL.  kid is JSON-escaped here. */
char *mint_jwk(const struct mint_key *key, const char *kid, const char *more);
/* The key's public form as PEM: what algorithm confusion feeds to HMAC. */
char *mint_pem(const struct mint_key *key);
uint8_t *mint_der(const struct mint_key *key, size_t *ret_len);
/* The private key, in its type's own form. */
uint8_t *mint_private_der(const struct mint_key *key, size_t *ret_len);
/* {"keys":[...]} of count JWKs. */
char *mint_jwks(char *const *jwks, size_t count);
/* One more pair of a Workload API message as keyreeve-idp sends it: sized map key, sized document. */
void mint_list_put(struct buf *list, const char *map_key, const char *document);

/* How a signature is made.  MINT_NONE is an empty one. */
enum mint_alg {
	MINT_NONE,
	MINT_RS256,
	MINT_RS384,
	MINT_RS512,
	MINT_ES256,
	MINT_ES384,
	MINT_ES512,
	MINT_PS256,
	MINT_PS384,
	MINT_PS512,
	MINT_EDDSA,
	/* wrong in one point each */
	MINT_ES256_DER,
	MINT_ES256_HIGH_S,
	MINT_ES256_LOW_S,
	MINT_PS256_SALT0,
	MINT_PS256_SALT_MAX,
	MINT_PS256_MGF1_SHA1,
	MINT_RS1, /* PKCS#1 v1.5 with SHA-1 */
};
const char *mint_alg_name(enum mint_alg alg);

/* BASE64URL(header) "." BASE64URL(payload) "." BASE64URL(signature), the first two as given, valid JSON or not. */
char *mint_token(const char *header, const char *payload, const struct mint_key *key, enum mint_alg alg);
/* The same, over bytes that may hold NUL. */
char *mint_token_bytes(struct bytes header, struct bytes payload, const struct mint_key *key, enum mint_alg alg);
/* HMAC with a secret of the caller's: hash_bits 256, 384 or 512. */
char *mint_token_hmac(const char *header, const char *payload, struct bytes secret, int hash_bits);
/* header.payload with these signature bytes. */
char *mint_token_signed(const char *header, const char *payload, struct bytes signature);
/* A good ES256 token: typ JWT, this kid, subject, audience "A"-like text, exp and iat. */
char *mint_svid(const struct mint_key *key, enum mint_alg alg, const char *kid, const char *subject,
	const char *audience, int64_t iat_s, int64_t exp_s);

char *mint_base64url(struct bytes bytes);
/* Decode the signature of a token; *ret_len its length. */
uint8_t *mint_signature(const char *token, size_t *ret_len);
char *mint_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
