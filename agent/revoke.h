/* SPDX-License-Identifier: Apache-2.0
 *
 * What an administrator has revoked: identities, signing keys, tokens by "jti" or hash, whole trust domains, each of
 * them altogether or only what was issued before a moment.  One row of memory and one fact of the store each; asked at
 * every use of a credential, so that a revocation is in force at once.  A full table refuses another revocation, it
 * never forgets one.  Pure, with the time as an argument; the loop's thread only.  Ledger: REV, U-2. */
#ifndef AGENT_REVOKE_H
#define AGENT_REVOKE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
	REVOKE_MAX = 65536,	    /* revocations in force */
	REVOKE_DOMAIN_MAX = 2048,   /* a trust domain or an issuer */
	REVOKE_VALUE_MAX = 2048,    /* a SPIFFE ID is the longest */
	REVOKE_BECAUSE_MAX = 255,   /* the administrator's reason */
	REVOKE_SELECTOR_MAX = 4224, /* encoded */
	REVOKE_FACT_MAX = 4096,	    /* encoded, all but the selector */
	REVOKE_HASH_BYTES = 32,
};

/* Numbers are in the store: they are never used for something else. */
enum revoke_kind {
	REVOKE_NOTHING = 0,
	REVOKE_SUBJECT = 1, /* value: the identity's name */
	REVOKE_KID = 2,	    /* value: the signing key's id, as the audit log shows it */
	REVOKE_JTI = 3,	    /* value: SHA-256 of "jti" */
	REVOKE_TOKEN = 4,   /* value: SHA-256 of the signing input, as the audit log shows it */
	REVOKE_ALL = 5,	    /* everything of a domain; value empty */
	REVOKE_KIND_COUNT
};

/* What is revoked.  Views. */
struct revoke_selector {
	enum revoke_kind kind;
	uint8_t authenticator; /* Parsec's auth type; 0 with REVOKE_TOKEN */
	struct bytes domain;   /* KID, JTI, ALL: empty means every domain; SUBJECT: its issuer's; else empty */
	struct bytes value;
};

struct revocation {
	struct revoke_selector what;
	int64_t issued_before_s; /* only what was issued before it; 0: whenever */
	int64_t until_s;	 /* over then; 0: never */
	int64_t since_s;
	struct bytes by, because;
};

/* A credential, as far as it has these.  Views. */
struct revoke_credential {
	uint8_t authenticator;
	struct bytes name;
	struct bytes domain;
	struct bytes kid;
	const uint8_t *jti_hash, *token_hash; /* REVOKE_HASH_BYTES; NULL: it has none */
	bool has_start;
	int64_t start_s; /* when it was issued; one that does not say is older than any moment */
};

struct revocations;

struct status revocations_new(struct revocations **ret_all);
void revocations_free(struct revocations *all);

/* Bounds, kind and what belongs to the kind.  Fails: REVOKE_INVALID. */
struct status revocation_check(const struct revocation *revocation);
/* Put in force; replaces one of the same selector.  Fails: REVOKE_INVALID, LIMIT (full), NO_MEMORY. */
struct status revocations_put(struct revocations *all, const struct revocation *revocation);
/* False: there is none. */
bool revocations_remove(struct revocations *all, const struct revoke_selector *what);

/* Fails: CREDENTIAL_REVOKED; then ret_by (if not NULL) is the revocation, borrowed. */
struct status revocations_ask(const struct revocations *all, const struct revoke_credential *credential, int64_t now_s,
	const struct revocation **ret_by);

size_t revocations_count(const struct revocations *all);
/* In order of no meaning; stops when visit says false. */
typedef bool revocation_visit_fn(void *context, const struct revocation *revocation);
void revocations_visit(const struct revocations *all, revocation_visit_fn *visit, void *context);
/* The same in pages: from 0 on, until visit says false and what belongs to the page is shown.  Returns where the next
 * one begins; 0: this was the last. */
uint32_t revocations_page(const struct revocations *all, uint32_t from, revocation_visit_fn *visit, void *context);
/* What is over by now is removed; each goes to `gone` first, for the store.  At most `most` of them. */
size_t revocations_expire(
	struct revocations *all, int64_t now_s, size_t most, revocation_visit_fn *gone, void *context);

/* The fact's id and value. */
void revoke_selector_put(struct buf *to, const struct revoke_selector *what);
void revocation_put(struct buf *to, const struct revocation *revocation);
/* Both, decoded; views into them.  Fails: RECORD_CORRUPT. */
struct status revocation_get(struct bytes id, struct bytes value, struct revocation *ret_revocation);

#endif
