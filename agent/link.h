/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces that an administrator joined, and how strong an authenticator each needs.
 *
 * A link is one way: who owns `from` sees and uses the keys of `to` under the rules of its own tenant, its own keys
 * first.  Links are not followed further.  The order of strength is Direct, Unix peer, token of an issuer, JWT-SVID.  A
 * namespace needs its own authenticator at least; a link from a stronger one raises that, so that the weaker one is
 * refused from then on, and nothing lowers it but an administrator who says so.  The loop's thread only. */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include "agent/keyindex.h"

enum { LINKS_MAX = 16 }; /* of one namespace */

struct space_link {
	struct space_link *next;
	struct keyindex_space *to; /* borrowed; it stays */
	int64_t since_s;
};

/* One that is there already stays as it is.  Fails: LIMIT, NO_MEMORY. */
struct status link_add(struct keyindex_space *from, struct keyindex_space *to, int64_t since_s);
/* True if it was there. */
bool link_remove(struct keyindex_space *from, const struct keyindex_space *to);
bool link_is(const struct keyindex_space *from, const struct keyindex_space *to);
void link_done(struct keyindex_space *from);

/* The name in the namespace, else in the first linked one that has it; NULL. */
struct keyindex_entry *link_find(struct keyindex *index, struct keyindex_space *space, struct bytes name);

/* Where an authenticator stands in the order; 0: it is none. */
unsigned strength_of(uint8_t authenticator);
/* The authenticator that a namespace needs at least, and whether another one is enough. */
uint8_t strength_floor(const struct keyindex_space *space);
bool strength_suffices(const struct keyindex_space *space, uint8_t authenticator);

/* Facts: a link's id is both namespaces, a floor's id the namespace.  Fails: RECORD_CORRUPT, LIMIT, NO_MEMORY. */
void link_id_put(struct buf *to, const struct keyindex_space *from, const struct keyindex_space *target);
struct status link_load(struct keyindex *index, const struct fact *fact);
struct status strength_load(struct keyindex *index, const struct fact *fact);

#endif
