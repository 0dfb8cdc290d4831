/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys trusted now, compiled for verification: made once per bundle_set, immutable, counted.  A reader keeps a
 * reference for the length of a verification and a new set is published beside it, so nobody waits (WA-24).  Any
 * thread.  spiffe-requirements section 7 steps 6 and 7. */
#ifndef JWTSVID_KEYSET_H
#define JWTSVID_KEYSET_H

#include "jwtsvid/jwk.h"
#include "spiffe/bundle.h"

/* Borrowed from the set. */
struct keyset_key {
	struct bytes kid;      /* never empty */
	enum jwk_alg only_alg; /* JWK_ALG_NONE: the JWK names none */
	struct jwk *jwk;       /* the set's reference */
	uint8_t id[JWK_ID_BYTES];
	uint8_t *storage; /* owned by the set; holds kid */
};

struct keyset_domain {
	struct bytes name; /* trust domain */
	const struct keyset_key *keys;
	size_t key_count;
};

struct keyset;

/* Compile every key of a set; a key that is not sound is left out and reported (JB-04).  Keeps nothing of bundles.
 * Fails: NO_MEMORY, CRYPTO. */
struct status keyset_new(const struct bundle_set *bundles, struct keyset **ret_keyset);
/* The same, sharing with the set before it (borrowed for the call) every key that did not change: compiling RSA keys
 * takes milliseconds each, and a message repeats most of them. */
struct status keyset_next(const struct keyset *before, const struct bundle_set *bundles, struct keyset **ret_keyset);
/* The same of bundles that come from several sets; each names another domain. */
struct status keyset_from(
	const struct keyset *before, const struct bundle *const *bundles, size_t count, struct keyset **ret_keyset);
/* A set that trusts nobody: before the first message, and after a withdrawal (WA-06).  Fails: NO_MEMORY. */
struct status keyset_new_empty(struct keyset **ret_keyset);
struct keyset *keyset_ref(struct keyset *keyset);
void keyset_unref(struct keyset *keyset);

/* Grows with every set that this process makes; never 0. */
uint64_t keyset_generation(const struct keyset *keyset);
/* Is the key that once verified a token (struct jwtsvid: key_id) still one of this domain's? */
bool keyset_has_key(const struct keyset *keyset, struct bytes domain, const uint8_t key_id[JWK_ID_BYTES]);
/* NULL: no document for that trust domain. */
const struct keyset_domain *keyset_find(const struct keyset *keyset, struct bytes domain);
size_t keyset_domain_count(const struct keyset *keyset);
const struct keyset_domain *keyset_domain(const struct keyset *keyset, size_t index); /* in the order of their names */
size_t keyset_key_count(const struct keyset *keyset);

/* As bundle_set_report(): what keyset_new() left out. */
size_t keyset_report_count(const struct keyset *keyset);
const char *keyset_report(const struct keyset *keyset, size_t index);

#endif
