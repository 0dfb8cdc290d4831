/* SPDX-License-Identifier: Apache-2.0
 *
 * What is remembered of a key beside its record: when it was last used, and that an administrator suspended it.  A use
 * is noted in memory and is in the store a minute later, or at the stop: a crash loses the last minute's.  Both go with
 * the key.  The loop's thread only. */
#ifndef AGENT_KEYFACT_H
#define AGENT_KEYFACT_H

#include "agent/durable.h"
#include "agent/keyindex.h"

enum {
	KEYFACT_BATCH = 256,  /* uses made durable with one job */
	KEYFACT_AFTER_S = 60, /* from a use to the store */
};

struct keyfacts;

/* durable may come later (keyfacts_begin()).  Fails: NO_MEMORY. */
struct status keyfacts_new(struct keyindex *index, struct keyfacts **ret_facts);
/* After durable_stop(). */
void keyfacts_free(struct keyfacts *facts);

/* At the start: first each fact of a key, then each key as it comes into the index.  Fails: NO_MEMORY, RECORD_CORRUPT.
 */
struct status keyfacts_load(struct keyfacts *facts, const struct fact *fact);
void keyfacts_apply(struct keyfacts *facts, struct keyindex_entry *entry);
/* The start is over: uses are written from now on; facts of keys that are not there any more go.  durable is borrowed.
 */
void keyfacts_begin(struct keyfacts *facts, struct durable *durable);

/* Once a second, and all that is left before durable_stop(). */
void keyfacts_second(struct keyfacts *facts, uint64_t now_us);
void keyfacts_stop(struct keyfacts *facts);

/* The value of FACT_KEY_SUSPENDED and FACT_TENANT_SUSPENDED: seconds since 1970; the id is the key's, or the name. */
enum { KEYFACT_TIME_BYTES = 8 };
void keyfact_time_put(uint8_t value[KEYFACT_TIME_BYTES], int64_t time_s);
struct status keyfact_time_get(struct bytes value, int64_t *ret_time_s);

#endif
