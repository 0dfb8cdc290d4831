/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of identity providers that are no SPIFFE ones: takes their key documents, has them compiled on a compute
 * thread and publishes the newest set.  A document replaces the one before it of the same issuer, whole; one that is
 * broken leaves that in force (a file may be read while it is written), one without keys ends it.  Each issuer's keys
 * are its own.  The loop's thread only. */
#ifndef AGENT_ISSUERS_H
#define AGENT_ISSUERS_H

#include "agent/compute.h"
#include "agent/config.h"
#include "jwtsvid/cache.h"

/* One configured issuer. */
struct issuer {
	char name[CONFIG_ISSUER_MAX + 1]; /* empty: free */
	struct buf document;		  /* in force; empty: none yet */
	struct buf waiting;		  /* the newest that has not been looked at */
	bool has_waiting;
};

struct issuers {
	struct compute *compute;      /* borrowed */
	struct jwtsvid_cache *tokens; /* borrowed: verified tokens end with their keys */
	struct keyset *keys;	      /* in force; one reference; never NULL */
	struct keyset *nobody;
	struct issuer issuer[CONFIG_ISSUERS_MAX];
	/* one compilation at a time */
	struct compute_job job;
	bool is_busy;
	bool is_stale;			  /* the configuration changed meanwhile: what comes back is thrown away */
	char name[CONFIG_ISSUER_MAX + 1]; /* whose document is new; empty: nobody's, some only went */
	struct buf list;		  /* all documents, the new one among them */
	struct keyset *compiled;	  /* what the compute thread made */
	struct status result;
	struct fault fault;
};

/* Trusts nobody.  Fails: NO_MEMORY. */
struct status issuers_init(struct issuers *issuers, struct compute *compute, struct jwtsvid_cache *tokens);
/* After the compute threads have ended. */
void issuers_done(struct issuers *issuers);
/* The configuration in force: issuers that it does not have end, with their keys; verified tokens are verified anew,
 * since what is asked of them may have changed. */
void issuers_configure(struct issuers *issuers, const struct config *config);
/* A key document; copied.  Fails: JWT_ISSUER (not configured), LIMIT, NO_MEMORY. */
struct status issuers_document(struct issuers *issuers, struct bytes issuer, struct bytes document);

#endif
