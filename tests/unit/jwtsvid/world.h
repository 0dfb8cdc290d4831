/* SPDX-License-Identifier: Apache-2.0
 *
 * The world of the vector catalogue (spiffe-requirements section 13): trust domain example.org with the keys k1
 * (P-256), r1 (RSA 2048), e3 (P-384) and e5 (P-521), own audience "A", leeway 60 s, and a token T() that every row
 * changes in one point and signs anew.  Made once per program; one thread. */
#ifndef TESTS_UNIT_JWTSVID_WORLD_H
#define TESTS_UNIT_JWTSVID_WORLD_H

#include "tests/support/unit.h"

#include "jwtsvid/verify.h"
#include "tests/support/mint.h"

/* The time is chosen so that exp can be written as 1.9e9. */
#define NOW 1899999700
#define SUB "\"sub\":\"spiffe://example.org/w\""
#define AUD "\"aud\":[\"A\"]"
#define EXP "\"exp\":1900000000"
#define IAT "\"iat\":1899999700"
#define T_PAYLOAD "{" SUB "," AUD "," EXP "," IAT "}"
#define T_HEADER(alg, kid) "{\"alg\":\"" alg "\",\"kid\":\"" kid "\",\"typ\":\"JWT\"}"
#define T_ES256 T_HEADER("ES256", "k1")

enum world_key { K1, R1, E3, E5, OTHER, OTHER_RSA, RSA1024, ED, KEY_COUNT };

struct world {
	struct mint_key *key[KEY_COUNT];
	struct keyset *keys;	     /* bundle B of example.org */
	struct jwtsvid_rules rules;  /* the library's, as the catalogue states them */
	struct jwtsvid_rules daemon; /* the daemon's defaults (DESIGN decision 5) */
};

/* The one world, made at the first call, never freed. */
struct world *world(void);

/* A key set of pairs (map key, document), NULL-terminated. */
struct keyset *world_keyset(const char *const *pairs);
/* {"keys":[...]} of the world's four keys, with these JWKs (NULL-terminated, taken) in front of them. */
char *world_document(char *const *before);
/* A set of the single document of example.org (taken). */
struct keyset *world_keyset_of(char *document);

/* jwtsvid_verify() of a token (taken) at NOW, without its result; name is the row's.  Goes into the corpus for second
 * opinions where one is written, but for what the daemon's defaults say. */
struct status world_verify(const char *name, char *token, const struct keyset *keys, const struct jwtsvid_rules *rules);

/* Fails the running test unless the token (taken) gives `want`; name is the row's. */
void world_expect(const char *name, char *token, const struct keyset *keys, enum status_code want);

#endif
