/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the store that do not authenticate.  One such row costs one key: its name stays taken, answers 1151 to use,
 * is not listed and can be destroyed.  A namespace's row costs the keys below its parent, a row of the journal what it
 * owed, a worker's state its provider.  All are reported at the start, in log and audit log.
 *
 * Of some rows only the id is left.  It is an HMAC of the name, so whoever asks for a name is told whether it was that
 * one; that costs two HMACs for names that are not in the index, and only while there are such rows.
 * The loop's thread only. */
#ifndef AGENT_DAMAGED_H
#define AGENT_DAMAGED_H

#include "agent/audit_event.h"
#include "keystore/keystore.h"

struct agent;

enum { DAMAGED_KEYS_MAX = 1000 }; /* what has more is no store with damaged rows but a damaged store */

/* What the report will say of a row. */
struct damaged_note {
	const char *what;
	bool has_id;
	struct keystore_id id;
	char provider[KEYSTORE_PROVIDER_MAX + 1]; /* empty: not known */
};

struct damaged {
	struct damaged_note notes[AUDIT_EVENT_DAMAGED];
	size_t count;				   /* of rows, also those without a note */
	struct key_record *keys[DAMAGED_KEYS_MAX]; /* not in the index; a reference each */
	size_t key_count;
};

/* keystore_visitor.damaged; its context is the agent.  Fails: NO_MEMORY, RECORD_CORRUPT (DAMAGED_KEYS_MAX). */
struct status damaged_row(void *context, const struct keystore_damage *damage);
/* A lane's state was read with st: a damaged one is replaced by what every worker refuses, for with none it would begin
 * anew.  Fails: as st, when that is another failure. */
struct status damaged_state(struct damaged *damaged, struct lane *lane, struct status st);
/* After the load: the keys whose names are known go into the index.  Fails: NO_MEMORY, LIMIT. */
struct status damaged_enter(struct agent *agent);
/* If this is the name of one of the others, it goes into the index now.  Fails: NO_MEMORY, LIMIT, CRYPTO. */
struct status damaged_named(struct agent *agent, const struct namespace_name *space, struct bytes name);
void damaged_report(const struct damaged *damaged, struct audit_events *events);
void damaged_done(struct damaged *damaged);

#endif
