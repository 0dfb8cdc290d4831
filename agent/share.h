/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose connections there are.  While there is room everybody has as many as he likes, up to a limit for each uid.
 * When there is none, whoever has least comes first: a newcomer takes the place of one of the uid that has most, and
 * within a uid of the process that has most, as long as that has more than his own; of several that have as many, the
 * one with the connection that has been quiet longest.  It is the connection that has been quiet longest, that is,
 * without a request under way; one that has is never asked to leave.  So nobody is kept out by the number of another's
 * quiet connections, nor a process by its neighbours under the same uid, and however many processes somebody starts,
 * they have one uid's part.  Processes that the kernel does not tell apart are one, where the oldest goes.
 *
 * Bounded by the connections: nobody is remembered who has none.  No I/O; the loop's thread only.  Security-design 2.1.
 */
#ifndef AGENT_SHARE_H
#define AGENT_SHARE_H

#include "agent/principal.h"

struct share_process;

/* A place, part of a connection; zero when it has none. */
struct share_seat {
	struct share_process *of;
	struct share_seat *longer, *shorter; /* that are quiet */
	bool is_quiet;
	uint64_t since; /* when it became that, counted in such moments */
};

struct shares;

/* Fails: NO_MEMORY, RANDOM_FAILED. */
struct status shares_new(struct shares **ret_shares);
void shares_free(struct shares *shares);
/* Connections of all, and of one uid; what is there already may stay. */
void shares_limit(struct shares *shares, size_t all, size_t uid);

/* A place for a connection of `who`, quiet.  ret_leaves: whose place it is until then, to be closed by the caller now;
 * NULL: nobody's.  Fails: QUEUE_FULL (nobody has more than `who`), NO_MEMORY. */
typedef struct status share_take_fn(
	struct shares *shares, const struct principal *who, struct share_seat *seat, struct share_seat **ret_leaves);
share_take_fn share_take;
/* The same; where nobody has more, the place of its own process's oldest. */
share_take_fn share_take_own;
/* The connection is gone; nothing if it has no place. */
void share_leave(struct shares *shares, struct share_seat *seat);
/* A request begins; it is over. */
void share_busy(struct share_seat *seat);
void share_quiet(struct share_seat *seat);

/* Descriptors ran short: the one that should leave first; NULL: all have a request under way. */
struct share_seat *share_first_to_leave(const struct shares *shares);

#endif
