/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose turn it is: tokens that nobody knows yet wait here until a compute thread may look at them, so that no one's
 * tokens, however many, stand in front of another's.  At most TURNS_RUNNING are looked at at a time, one of each uid;
 * uids take turns, within a uid its processes do, and within a process the order is that of arrival.
 *
 * Bounded by what waits: who submits has at most one turn per connection.  The loop's thread only. */
#ifndef AGENT_TURNS_H
#define AGENT_TURNS_H

#include "agent/principal.h"

enum { TURNS_RUNNING = 4 }; /* two for each compute thread: one is looked at, one is ready */

struct turns_line;

/* Part of what waits; zero while it does not. */
struct turn {
	struct turn *next;
	struct turns_line *line;
};

struct turns;

/* Fails: NO_MEMORY. */
struct status turns_new(struct turns **ret_turns);
/* Whatever still waits is not touched. */
void turns_free(struct turns *turns);

/* Queue up.  Fails: NO_MEMORY. */
struct status turns_submit(struct turns *turns, struct turn *turn, const struct principal *who);
/* The next one to be looked at, until turns_done(); NULL when nothing waits that may.  may_run is asked once for each
 * uid that is looked at. */
struct turn *turns_next(struct turns *turns, bool (*may_run)(void *context, uid_t uid), void *context);
void turns_done(struct turns *turns, struct turn *turn);
size_t turns_waiting(const struct turns *turns);

#endif
