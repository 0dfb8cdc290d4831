/* SPDX-License-Identifier: Apache-2.0
 *
 * What trust.c, trust_config.c, trust_file.c, trust_keep.c and trust_poll.c share. */
#ifndef AGENT_TRUST_PARTS_H
#define AGENT_TRUST_PARTS_H

#include "agent/trust.h"
#include "spiffe/fetch_source.h"

/* A document, or the stream's list of them, on its way to the book. */
struct trust_update {
	struct trust_update *next;
	enum trust_origin origin;
	char name[SPIFFE_TRUST_DOMAIN_MAX_BYTES + 1]; /* of the trust domain; the stream's is empty */
	struct buf bytes;
	bool is_void; /* withdrawn meanwhile */
	struct bundle_set *set;
	struct status result;
	struct fault fault;
};

/* How the log speaks of them. */
struct trust_words {
	const char *title; /* before a name */
	const char *one;
	const char *document;
};

/* Where documents are fetched; borrowed from the configuration. */
struct trust_source {
	const char *kind; /* of keyreeve-fetch's name for it: config_fetch_name() */
	enum trust_origin origin;
	const char *of; /* trust domain or issuer */
	const char *url;
	const char *endpoint_id; /* NULL: https_web */
	const char *bundle_file; /* NULL: none */
	uint32_t refresh_s;	 /* where a document has no hint */
};

struct trust_time trust_now(const struct trust *trust);
/* trust_config.c */
struct trust_rules trust_rules_of(const struct trust *trust, struct bytes name);
/* The one source that the configuration gives the domain. */
enum trust_origin trust_origin_of(const struct trust *trust, struct bytes name);
/* The i-th name of which the configuration says something; NULL: there are no more. */
const char *trust_named(const struct trust *trust, uint32_t i);
const struct trust_words *trust_words_of(const struct trust *trust);
/* Those that are asked; returns how many. */
size_t trust_sources(const struct trust *trust, struct trust_source ret_sources[TRUST_POLLS_MAX]);

/* trust_file.c: content of a file of the configuration; empty: there is none. */
struct bytes trust_file_find(const struct trust *trust, const char *kind, const char *name);
/* Bundles in files, and in maps. */
void trust_take_files(struct trust *trust);

/* trust.c: one document for one domain, from its one source; references are taken. */
void trust_take(struct trust *trust, enum trust_origin origin, struct bytes document, struct bundle_set *set,
	const struct bundle *bundle);
/* Something counts no more: at once, before anything new is compiled. */
void trust_prune(struct trust *trust);
/* Queue a document for decoding; a waiting one of the same source is replaced. */
void trust_submit(struct trust *trust, enum trust_origin origin, const char *name, struct bytes document);
/* A line in log and audit log about a domain's document. */
void trust_tell(struct trust *trust, const char *event, const struct trust_domain *domain, const char *what);

/* trust_keep.c: bring the store up to what the book says. */
void trust_keep(struct trust *trust, struct trust_domain *domain);
void trust_erase(struct trust *trust, struct trust_domain *domain);

/* trust_poll.c */
void trust_polls_configure(struct trust *trust);
void trust_polls_second(struct trust *trust);
void trust_polls_done(struct trust *trust);
/* A document was taken: when to ask next. */
void trust_poll_taken(struct trust *trust, const struct trust_domain *domain);

#endif
