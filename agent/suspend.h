/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants that an administrator suspended: sorted names, so that a request asks in no time.  Suspended keys are marked
 * in the index (keyfact.h).  The loop's thread only. */
#ifndef AGENT_SUSPEND_H
#define AGENT_SUSPEND_H

#include "keystore/keystore.h"

enum { SUSPEND_TENANTS_MAX = 16384 };

/* Zero is empty. */
struct suspended {
	struct suspended_tenant *tenants; /* owned, in order */
	size_t count;
};
struct suspended_tenant {
	struct bytes name; /* owned */
	int64_t since_s;
};

void suspend_done(struct suspended *suspended);
bool suspend_has(const struct suspended *suspended, struct bytes tenant);
/* One that is there already stays as it is.  Fails: LIMIT, NO_MEMORY. */
struct status suspend_add(struct suspended *suspended, struct bytes tenant, int64_t since_s);
void suspend_remove(struct suspended *suspended, struct bytes tenant);
/* A FACT_TENANT_SUSPENDED of the store.  Fails: RECORD_CORRUPT, LIMIT, NO_MEMORY. */
struct status suspend_load(struct suspended *suspended, const struct fact *fact);

#endif
