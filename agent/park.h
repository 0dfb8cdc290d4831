/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that nobody reads: those of boxed processes, and those of whoever has as many as he may.  Each is a
 * descriptor and 16 bytes until its time is over; then it is refused.  To close it at once would only invite the next
 * one, as fast as it can be asked for.  Those who came together are not due together, since they would come again so:
 * they are spread over PARK_SPREAD_MS.
 *
 * Bounded in all and for one uid, which has three quarters of it at most; who finds no room is closed at once.  The
 * loop's thread only. */
#ifndef AGENT_PARK_H
#define AGENT_PARK_H

#include <sys/types.h>

#include "base/status.h"

enum {
	PARK_MAX = 32768,
	PARK_UIDS = 1024, /* counts; uids that meet in one share it */
	PARK_SPREAD_MS = 200,
};

struct park_place {
	int fd;
	uid_t uid;
	uint64_t until_us;
};

/* A ring in the order of arrival. */
struct park {
	struct park_place *places; /* owned */
	size_t max, first, count;
	uint32_t of_uid[PARK_UIDS];
	uint64_t last_us, gap_us; /* when one was due, and after what gap */
	bool is_behind;		  /* it was held back */
};

/* max: at most PARK_MAX; 0: nobody is parked.  Fails: NO_MEMORY. */
struct status park_init(struct park *park, size_t max);
/* Closes what is parked. */
void park_done(struct park *park);

/* Takes the descriptor over; it is due after all that came before it.  false: no room, and the descriptor is the
 * caller's. */
bool park_put(struct park *park, int fd, uid_t uid, uint64_t until_us);
/* When the next one is due, at most PARK_SPREAD_MS after its time; UINT64_MAX: nobody is parked. */
uint64_t park_due_us(const struct park *park);
/* The one that is due is the caller's; -1: nobody is parked. */
int park_take_due(struct park *park);
/* The same, before its time. */
int park_take(struct park *park);

#endif
