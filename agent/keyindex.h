/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop's view of the key records: a bounded hash table over (namespace, name) in memory, filled at start and
 * changed only after the store has the change, so that the request path never waits for SQLite.  A name whose create
 * or destroy is under way, or waits for recovery, is `taken` but not `usable`: it is unlisted, answers 1140 to use
 * and 1139 to create.  The loop's thread only. */
#ifndef AGENT_KEYINDEX_H
#define AGENT_KEYINDEX_H

#include "keystore/keystore.h"

struct keyindex;

/* The blob below which a namespace's keys live on one provider. */
struct keyindex_parent {
	struct keyindex_parent *next;
	struct bytes provider; /* owned, behind the parent, as is the blob */
	struct bytes blob;
};

/* One name. */
struct keyindex_entry {
	struct keyindex_entry *next;	 /* of the bucket */
	struct keyindex_entry *ns_next;	 /* of the namespace */
	struct keyindex_entry **ns_link; /* what points here */
	struct keyindex_space *space;
	struct key_record *record; /* one reference; NULL while being created */
	struct bytes name;	   /* owned, behind the entry */
	uint64_t hash;
	uint64_t number; /* in order of taking; later ones come first in their namespace's list */
	bool usable;
	bool is_suspended;
	int64_t used_s;				       /* since 1970; 0 never */
	uint64_t used_at_us;			       /* monotonic: when it got into the index's list of used ones */
	struct keyindex_entry *used_next, **used_link; /* of that list; used_link NULL: not in it */
};

/* What is remembered of namespaces beside their keys: link.h. */
struct space_link;
struct holder;

/* Namespaces that differ in the identity only; it stays once made. */
struct keyindex_tenant {
	struct keyindex_tenant *next;
	uint64_t hash;
	size_t names;	      /* taken, in all of them */
	uint32_t names_max;   /* as the quota said that its last request met; UINT32_MAX: not known, or none */
	struct bytes encoded; /* owned, behind the tenant */
};

/* One namespace; it stays once made. */
struct keyindex_space {
	struct keyindex_space *next;
	struct keyindex_entry *entries;
	struct keyindex_tenant *tenant;
	uint64_t hash;
	size_t count;	       /* usable keys */
	struct keystore_id id; /* of the store */
	bool id_known;
	struct namespace_name name;	 /* into encoded */
	struct bytes encoded;		 /* owned, behind the space */
	struct keyindex_parent *parents; /* owned chain, one per provider that needs a parent */
	struct keyindex_space *all_next;
	struct space_link *links; /* owned chain */
	struct holder *holder;	  /* owned chain: holder.h */
	uint8_t floor;		  /* the authenticator that is needed at least; 0: the namespace's own */
};

/* max_keys bounds the entries.  Fails: NO_MEMORY, RANDOM_FAILED. */
struct status keyindex_new(size_t max_keys, struct keyindex **ret_index);
void keyindex_free(struct keyindex *index);

/* The namespace, made when it is not there.  Fails: NO_MEMORY, LIMIT. */
struct status keyindex_space_make(
	struct keyindex *index, const struct namespace_name *name, struct keyindex_space **ret_space);
/* NULL when nothing was ever made there. */
struct keyindex_space *keyindex_space_find(struct keyindex *index, const struct namespace_name *name);
struct keyindex_space *keyindex_spaces(struct keyindex *index); /* chained by all_next, in order of making */

/* Of a namespace; NULL when nothing was ever made there by any identity of it. */
struct keyindex_tenant *keyindex_tenant_find(struct keyindex *index, const struct namespace_name *name);
/* All of them, in no order. */
typedef void keyindex_tenant_fn(void *context, const struct keyindex_tenant *tenant);
void keyindex_tenants(const struct keyindex *index, keyindex_tenant_fn *visit, void *context);

/* NULL when the name is free. */
struct keyindex_entry *keyindex_find(struct keyindex *index, const struct keyindex_space *space, struct bytes name);
/* Take a name: not usable yet.  Fails: KEY_EXISTS, LIMIT (index full), NO_MEMORY. */
struct status keyindex_take(
	struct keyindex *index, struct keyindex_space *space, struct bytes name, struct keyindex_entry **ret_entry);
/* From now on usable; keeps a reference to the record. */
void keyindex_publish(struct keyindex_entry *entry, struct key_record *record);
/* From now on not usable, still taken. */
void keyindex_withdraw(struct keyindex_entry *entry);
/* Free the name. */
void keyindex_drop(struct keyindex *index, struct keyindex_entry *entry);

/* The key was used.  What was used and not yet taken off is a list, in order of that first use. */
void keyindex_use(struct keyindex *index, struct keyindex_entry *entry, int64_t wall_s, uint64_t mono_us);
/* Its head, taken off; NULL when there is none, or it got there after until_us. */
struct keyindex_entry *keyindex_used_take(struct keyindex *index, uint64_t until_us);

/* Number of names taken, and of namespaces ever made. */
size_t keyindex_count(const struct keyindex *index);
size_t keyindex_space_count(const struct keyindex *index);

/* The parent blob of a namespace for one provider instance; empty when there is none. */
struct bytes keyindex_parent(const struct keyindex_space *space, struct bytes provider);
/* Remember it (a copy).  Fails: NO_MEMORY. */
struct status keyindex_parent_put(struct keyindex_space *space, struct bytes provider, struct bytes parent);

#endif
