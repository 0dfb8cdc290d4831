/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this JWT-SVID good, and whom does it name?  Two questions that are asked apart: jwtsvid_authenticate() says who
 * signed what (costly, depends on keys, so cached), jwtsvid_judge() says whether that is acceptable here and now
 * (cheap, asked at every use).  Pure: token + keys + rules + time.  Any thread, 512 KiB of stack.
 * JWT-SVID sections 2 to 5; RFC 7515 section 5.2; RFC 8725; spiffe-requirements sections 6 and 7. */
#ifndef JWTSVID_VERIFY_H
#define JWTSVID_VERIFY_H

#include "jwtsvid/jws.h"
#include "jwtsvid/keyset.h"
#include "spiffe/id.h"

enum {
	JWTSVID_PAYLOAD_DEPTH_MAX = 32,
	JWTSVID_AUDIENCES_MAX = 32, /* values of "aud" (JT-15), and own audiences */
	JWTSVID_LEEWAY_MAX_S = 120, /* JT-18 */
	JWTSVID_KID_TEXT_BYTES = 96,
	JWTSVID_JTI_HASH_BYTES = 32,
	JWTSVID_SUBJECT_MAX_BYTES = 255, /* what names an identity at another provider (JT-26) */
};

/* Every bound of a decision.  Zero numbers and false turn a bound off, but for the audience, which is always asked. */
struct jwtsvid_rules {
	const struct bytes *audiences; /* borrowed; one must equal a member of "aud", byte for byte */
	size_t audience_count;	       /* 1 to JWTSVID_AUDIENCES_MAX */
	int64_t leeway_s;	       /* 0 to JWTSVID_LEEWAY_MAX_S; for exp, nbf and a start in the future */
	int64_t max_lifetime_s;	       /* exp - start (without a start: exp - now); 0 off */
	int64_t max_age_s;	       /* max(0, now - start); 0 off, else a token without start is refused */
	bool need_start;	       /* "iat" or "nbf" demanded */
	bool refuse_future_start;      /* start later than now + leeway */
	bool single_audience;	       /* "aud" has exactly one value */
};

/* Can anything be judged by these?  Ask once, when they are made (JT-13); jwtsvid_judge() asks again.
 * Fails: RULES_AUDIENCE (none, an empty one, too many), LIMIT (leeway or another number out of range). */
struct status jwtsvid_rules_check(const struct jwtsvid_rules *rules);

/* A token whose signature was verified and whose claims have the right types.  Immutable and counted; holds no part
 * of the token that could be presented again. */
struct jwtsvid {
	struct spiffe_id id;	      /* of a JWT-SVID; zero for another provider's token */
	struct bytes issuer, subject; /* of another provider's token, owned; empty for a JWT-SVID */
	struct bytes *audiences;      /* owned: 1 to JWTSVID_AUDIENCES_MAX, none empty */
	size_t audience_count;
	int64_t exp_s;	    /* times are capped at +-2^61; a fraction of a second is rounded up */
	int64_t nbf_s;	    /* if has_nbf; rounded up */
	int64_t start_s;    /* if has_start: "iat", else "nbf"; rounded down, for age and lifetime */
	int64_t start_up_s; /* the same, rounded up */
	bool has_nbf, has_start;
	bool has_jti;				  /* a string that is not empty; else it counts as absent */
	uint8_t jti_hash[JWTSVID_JTI_HASH_BYTES]; /* SHA-256 of it */
	enum jwk_alg alg;
	uint8_t key_id[JWK_ID_BYTES];	  /* of the key that verified it: keyset_has_key() */
	char kid[JWTSVID_KID_TEXT_BYTES]; /* of that key, for display only: printable ASCII, escaped, cut with "..." */
	uint64_t generation;		  /* of the keyset that verified it */
	/* the rest is verify.c's */
	uint8_t *storage, *names;
	_Atomic unsigned refs;
};

struct jwtsvid *jwtsvid_ref(struct jwtsvid *svid);
void jwtsvid_unref(struct jwtsvid *svid);
/* Whose keys verified it: the trust domain or the issuer, as the keyset calls it.  Borrowed from the token. */
struct bytes jwtsvid_domain(const struct jwtsvid *svid);

/* Parse and verify the signature with the keys of the trust domain that "sub" names; judge neither time nor audience.
 *   token   compact JWS, at most JWS_MAX_BYTES
 *   keys    borrowed for the call
 *   ret     on success only; end it with jwtsvid_unref()
 * Fails: those of jws_parse(), JWT_PAYLOAD, JWT_SUBJECT, JWT_DOMAIN_UNKNOWN, JWT_KEY_UNKNOWN, JWT_SIGNATURE, JWT_CLAIM,
 * JWT_AUDIENCE (over JWTSVID_AUDIENCES_MAX), NO_MEMORY. */
struct status jwtsvid_authenticate(struct bytes token, const struct keyset *keys, struct jwtsvid **ret_svid);

/* The same without the signature, for a token that somebody else verifies: nothing that it says is to be believed
 * before that.  key_id and generation are zero, so that no cache keeps it; kid is what the token says of itself. Fails:
 * as jwtsvid_authenticate() but for the keys. */
struct status jwtsvid_read(struct bytes token, struct jwtsvid **ret_svid);

/* What is asked of the token of an identity provider that is no SPIFFE one (JT-26).  Everything is borrowed. */
struct jwtsvid_issuer {
	struct bytes name;	   /* "iss", byte for byte, and what the keyset calls its keys */
	const struct bytes *types; /* one must equal "typ", byte for byte; RFC 8725 section 3.11 */
	size_t type_count;
	bool may_lack_type;
	struct bytes claim;  /* names the identity: "sub" */
	uint32_t algorithms; /* bits 1 << enum jwk_alg; 0: all nine */
};

/* The same for a token of one of these issuers, verified with that issuer's own keys only.  The claim that names the
 * identity is opaque: 1 to JWTSVID_SUBJECT_MAX_BYTES bytes of UTF-8 without control characters, never a SPIFFE ID even
 * where it reads like one.
 * Fails: those of jwtsvid_authenticate(), and JWT_ISSUER. */
struct status jwtsvid_authenticate_issued(struct bytes token, const struct keyset *keys,
	const struct jwtsvid_issuer *issuers, size_t issuer_count, struct jwtsvid **ret_svid);

/* Judge an authenticated token at now_s (seconds since 1970, UTC): no crypto, no memory, under a microsecond.
 * Fails: RULES_AUDIENCE, LIMIT, JWT_AUDIENCE, JWT_EXPIRED, JWT_NOT_YET, JWT_CLAIM (no start), JWT_LIFETIME, JWT_AGE. */
struct status jwtsvid_judge(const struct jwtsvid *svid, const struct jwtsvid_rules *rules, int64_t now_s);

/* Both, in that order; rules are checked first. */
struct status jwtsvid_verify(struct bytes token, const struct keyset *keys, const struct jwtsvid_rules *rules,
	int64_t now_s, struct jwtsvid **ret_svid);

/* What a rule's bounds are compared with: max(0, now - start), and exp - start; INT64_MAX when there is no start. */
int64_t jwtsvid_age_s(const struct jwtsvid *svid, int64_t now_s);
int64_t jwtsvid_lifetime_s(const struct jwtsvid *svid);

/* The token's "header.payload" and its signature's text, without decoding: length, two dots, three parts that are
 * not empty.  Views into token.  Fails: JWT_LONG, JWT_MALFORMED. */
struct status jwtsvid_split(struct bytes token, struct bytes *ret_signing_input, struct bytes *ret_signature_text);

#endif
