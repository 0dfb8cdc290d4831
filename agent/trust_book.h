/* SPDX-License-Identifier: Apache-2.0
 *
 * What is believed of each trust domain, and why: the last key document from the domain's one source, the keys by which
 * the next one is recognised, and how old all that is.  Judging only; where documents come from and where the verdicts
 * go is trust.c's.  Time is an argument.  One thread.  Threat ledger, BDL, A10; spiffe-requirements WA-02 to WA-07,
 * SB-12, FD-09. */
#ifndef AGENT_TRUST_BOOK_H
#define AGENT_TRUST_BOOK_H

#include "agent/config.h"
#include "jwtsvid/jwk.h"
#include "spiffe/bundle.h"
#include "spiffe/id.h"

enum {
	TRUST_DOMAINS_MAX = BUNDLE_DOMAINS_MAX + CONFIG_FEDERATION_MAX + CONFIG_BUNDLES_MAX,
	TRUST_RECORD_MAX = 2 * 1024 * 1024,
	TRUST_INTERVAL_MIN_S = 30, /* between two questions to one server */
};

/* Where a domain's documents come from: one source each, the configured one before the stream.  The last two are
 * an issuer's, that is a provider of tokens which is no trust domain, but is judged like one. */
enum trust_origin {
	TRUST_NOWHERE = 0,
	TRUST_STREAM = 1,
	TRUST_ENDPOINT = 2,
	TRUST_FILE = 3,
	TRUST_ISSUER_FILE = 4,
	TRUST_ISSUER_URL = 5,
};
/* What the configuration gives counts as long as it gives it. */
bool trust_origin_is_file(enum trust_origin origin);

/* How a document was judged.  Only those from TRUST_FIRST on are believed. */
enum trust_verdict {
	TRUST_NOTHING = 0, /* there is none, or it is too old */
	TRUST_HELD,	   /* shares no key with the one before, or, the first, has none that is pinned */
	TRUST_OLDER,	   /* a lower sequence number (SB-12): the one before stays */
	TRUST_EMPTY,	   /* has no usable key: so has the domain (JB-07) */
	TRUST_FIRST,	   /* the first, and nothing says what it should be */
	TRUST_PINNED,	   /* holds a pinned key */
	TRUST_CONTINUES,   /* shares a key with the one before */
	TRUST_ALARMED,	   /* shares none, and the configuration says to go on */
	TRUST_GIVEN,	   /* a file of the configuration */
};
const char *trust_verdict_name(enum trust_verdict verdict);

struct trust_time {
	int64_t wall_s;
	uint64_t mono_us;
};

struct trust_domain {
	char name[SPIFFE_TRUST_DOMAIN_MAX_BYTES + 1];
	enum trust_origin origin;
	enum trust_verdict verdict; /* of the document */
	uint8_t *document;	    /* owned: as received, believed or held; NULL none */
	size_t document_len;
	struct bundle_set *set;	     /* owned: it, decoded */
	const struct bundle *bundle; /* in set */
	/* Thumbprints of the keys of the last document that was believed and had any. */
	uint8_t known[BUNDLE_KEYS_MAX][JWK_ID_BYTES];
	size_t known_count;
	uint64_t sequence; /* of the last document that was believed; 0 none */
	struct trust_time confirmed;
	bool is_in_force; /* its keys are compiled and published */
	bool is_changed;  /* since it was stored last */
	int64_t stored_confirmed_s;
	uint32_t stored_rows; /* 0: it is not in the store */
};

struct trust_book {
	struct trust_domain *domains[TRUST_DOMAINS_MAX]; /* owned */
	size_t count;
};

/* What the configuration says to a judgement; borrowed. */
struct trust_rules {
	char *const *pins; /* thumbprints as text */
	size_t pin_count;
	enum config_continuity continuity;
	uint32_t max_age_s;
};

void trust_book_done(struct trust_book *book);
/* NULL: not in the book. */
struct trust_domain *trust_book_find(const struct trust_book *book, struct bytes name);
/* Find or make.  Fails: NO_MEMORY, LIMIT. */
struct status trust_book_get(struct trust_book *book, struct bytes name, struct trust_domain **ret_domain);
/* As if it had never been there. */
void trust_book_drop(struct trust_book *book, struct trust_domain *domain);

/* Judge a document, and unless it is TRUST_OLDER let it take the place of the one before, believed or not: what is not
 * in it counts no more (WA-04).  bundle is in set, of which a reference is taken.  Fails, and nothing is changed:
 * NO_MEMORY, CRYPTO. */
struct status trust_domain_take(struct trust_domain *domain, enum trust_origin origin, struct bytes document,
	struct bundle_set *set, const struct bundle *bundle, const struct trust_rules *rules, struct trust_time now,
	enum trust_verdict *ret_verdict);
/* The same document again, by other rules.  Fails: CRYPTO. */
struct status trust_domain_judge_again(struct trust_domain *domain, const struct trust_rules *rules,
	struct trust_time now, enum trust_verdict *ret_verdict);
/* The source said the same once more. */
void trust_domain_confirm(struct trust_domain *domain, struct trust_time now);
/* Its keys count no more; by which the next are recognised is still known. */
void trust_domain_withdraw(struct trust_domain *domain);
bool trust_domain_is_believed(const struct trust_domain *domain);
/* Seconds since it was confirmed, by whichever clock says more. */
int64_t trust_domain_age_s(const struct trust_domain *domain, struct trust_time now);
bool trust_domain_is_stale(const struct trust_domain *domain, uint32_t max_age_s, struct trust_time now);

/* Its bytes in the store (cap of `to`: TRUST_RECORD_MAX), and back into an empty domain with its name; flags are those
 * that the document is decoded with.  get fails: RECORD_CORRUPT, NO_MEMORY, BUNDLE_MALFORMED, CRYPTO. */
void trust_domain_put(struct buf *to, const struct trust_domain *domain);
struct status trust_domain_get(struct trust_domain *domain, struct bytes from, struct trust_time now);

/* Seconds until a server is asked again: the bundle's hint, 30 s to 24 h, refresh_s without one (FD-08), and often
 * enough that one that answers is never too old.  NULL: there is no bundle yet. */
uint32_t trust_interval_s(const struct bundle *bundle, uint32_t refresh_s, uint32_t max_age_s);

/* One document as a list of one; flags as of bundle_set_new(), by the origin.  Fails: as bundle_set_new(). */
struct status trust_document_decode(
	enum trust_origin origin, struct bytes name, struct bytes document, struct bundle_set **ret_set);

#endif
