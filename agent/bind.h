/* SPDX-License-Identifier: Apache-2.0
 *
 * Pins: which principals a token belongs to, so that a stolen one is worth little (threat ledger, BND).  Whoever
 * presents a token that verified is asked about here, each time, under the rule of the tenant at that moment.  The
 * table knows nothing of authenticators: a token is the hash of what was signed (never the token: a signature can have
 * other spellings), whose it is, and until when it lives.
 *
 * A pin dies with its token, when that can no longer be accepted, and in no other way.  A key that is withdrawn, or a
 * token that is revoked, makes it useless, but not forgotten: if they come back, so does the pin.  Could it be
 * forgotten, or pushed out of a full table, then a thief could become the first user.  Hence a full table refuses new
 * tokens (BIND_FULL), and the last quarter of it is for those identities that have few. DESIGN decision 18;
 * security-design 2.2.  The loop's thread only. */
#ifndef AGENT_BIND_H
#define AGENT_BIND_H

#include "agent/config.h"
#include "agent/principal.h"

enum {
	BIND_HASH_BYTES = 32,
	BIND_PINS_MAX = 65536,	       /* tokens that live at a time; ten minutes of a hundred new ones a second */
	BIND_PINS_FREE = 49152,	       /* taken: from here on only the modest get more */
	BIND_PINS_OF_IDENTITY = 16384, /* tokens of one identity, while there is room */
	BIND_PINS_OF_MODEST = 64,      /* and when there is little: a client's own are two or three */
	BIND_PLACES_MAX = 262144,      /* principals of all tokens together */
	BIND_PLACES_OF_TOKEN = 64,     /* of one: under watch and declared those beyond are not counted */
	BIND_DESCRIPTORS_MAX = 4096,   /* pidfds kept to see processes end */
	BIND_ALARM_S = 60,	       /* between two alarms about one token or identity */
};

/* A token that verified, and whom it names. */
struct bind_token {
	const uint8_t *hash; /* BIND_HASH_BYTES, of the signed bytes */
	uint8_t authenticator;
	struct bytes identity;
	int64_t until_s; /* the last second at which it could be accepted: expiry and the daemon's leeway */
};

struct bind_time {
	int64_t wall_s;
	uint64_t mono_s;
};

enum bind_alarm { BIND_QUIET = 0, BIND_ALARM_TOKEN, BIND_ALARM_IDENTITY };

/* What came of it, also of a refusal. */
struct bind_verdict {
	uint32_t principals; /* uid, gid and label: as many hold tokens of this identity; 0: not counted */
	/* one token with two principals, or one identity where a single principal is expected; once in BIND_ALARM_S */
	enum bind_alarm alarm;
	bool has_first;
	uid_t uid; /* who was there first */
	gid_t gid;
	uint64_t conflicts; /* since the last alarm, this one included */
};

struct binds;

/* descriptors: how many pidfds it may keep.  facts are borrowed.  Fails: NO_MEMORY, RANDOM_FAILED. */
struct status binds_new(const struct principal_facts *facts, size_t descriptors, struct binds **ret_binds);
void binds_free(struct binds *binds);

/* May `who` present the token now?  ret_verdict is written in any case.  Fails: BIND_SCOPE, BIND_INSTANCES,
 * BIND_UNKNOWN, BIND_DECLARED, BIND_FULL, NO_MEMORY. */
struct status bind_check(struct binds *binds, const struct config_bind *rule, const struct bind_token *token,
	const struct principal *who, const struct bind_time *now, struct bind_verdict *ret_verdict);
/* Is it one of those that are declared?  Of an entry everything must fit. */
bool bind_is_declared(const struct config_principal *declared, uint32_t count, const struct principal *who,
	const struct principal_facts *facts);

/* Once a second: forget what has died, a part of the table at a time.  Dead is what both clocks say is dead, since a
 * wall clock can be set and set back. */
void binds_second(struct binds *binds, const struct bind_time *now);

/* A pin in force; views that last for the visit. */
struct bind_view {
	const uint8_t *hash; /* of the token */
	uint8_t authenticator;
	struct bytes identity;
	bool has_first;
	uid_t uid; /* whom it is bound to: who was first */
	gid_t gid;
	struct bytes label;
	uint32_t principals; /* that hold this token */
	uint32_t instances;  /* processes or cgroups that hold it; 0: not told apart */
	uint64_t refused;    /* presentations, or those that would have been */
	int64_t until_s;
};
/* All of them, in no order; `visit` changes nothing here.  False from it ends the round. */
typedef bool bind_visit_fn(void *context, const struct bind_view *pin);
void binds_visit(const struct binds *binds, int64_t now_s, bind_visit_fn *visit, void *context);

struct bind_counts {
	size_t pins, identities, descriptors;
	uint64_t refused, full;
};
void binds_count(const struct binds *binds, struct bind_counts *ret_counts);

#endif
