/* SPDX-License-Identifier: Apache-2.0
 *
 * One public key of a trust domain, made from its JWK, and the nine signature algorithms of JWT-SVID over it.  The
 * key decides what may verify with it: the algorithm is an argument that has to fit, never the token's choice.
 * Immutable and counted; any thread.  RFC 7518 sections 3, 6.2, 6.3; JWT-SVID section 2.1; spiffe-requirements JB-04.
 */
#ifndef JWTSVID_JWK_H
#define JWTSVID_JWK_H

#include "spiffe/bundle.h"

enum {
	JWK_ID_BYTES = 32,
	JWK_RSA_MIN_BITS = 2048, /* RFC 7518, 3.3 and 3.5 */
	JWK_RSA_MAX_BITS = 4096, /* larger ones only cost time */
	JWK_RSA_MIN_EXPONENT = 65537,
};

enum jwk_alg {
	JWK_ALG_NONE = 0,
	JWK_RS256,
	JWK_RS384,
	JWK_RS512,
	JWK_ES256,
	JWK_ES384,
	JWK_ES512,
	JWK_PS256,
	JWK_PS384,
	JWK_PS512,
	JWK_ALG_COUNT
};

/* JWK_ALG_NONE for anything but the nine names, byte for byte. */
enum jwk_alg jwk_alg_from(struct bytes name);
/* "ES256"; "?" for a number that names none. */
const char *jwk_alg_name(enum jwk_alg alg);

struct jwk;

/* Build and check: point on its curve; modulus of 2048 to 4096 bits, odd exponent from 65537 to 2^64.  An EC key takes
 * 20 us, an RSA key 5 to 20 ms.
 * Fails: BUNDLE_MALFORMED (not a sound key), NO_MEMORY. */
struct status jwk_new(const struct bundle_key *key, struct jwk **ret_jwk);
struct jwk *jwk_ref(struct jwk *jwk);
void jwk_unref(struct jwk *jwk);
/* Hash of all that makes this JWK what it is: kid, alg, type and numbers.  Fails: CRYPTO, NO_MEMORY. */
struct status jwk_id(const struct bundle_key *key, uint8_t ret_id[JWK_ID_BYTES]);

/* RFC 7638, with SHA-256: the key itself, whatever it is called.  Fails: CRYPTO, NO_MEMORY. */
struct status jwk_thumbprint(const struct bundle_key *key, uint8_t ret_print[JWK_ID_BYTES]);

/* May this algorithm be used with this key?  RS and PS need RSA, ES256 P-256, ES384 P-384, ES512 P-521. */
bool jwk_fits(const struct jwk *jwk, enum jwk_alg alg);
/* Signature as JWS writes it: modulus length, or r and s side by side; PSS salt as long as the hash.
 * Fails: JWT_KEY_UNKNOWN (alg does not fit), JWT_SIGNATURE, NO_MEMORY. */
struct status jwk_verify(const struct jwk *jwk, enum jwk_alg alg, struct bytes input, struct bytes signature);

#endif
