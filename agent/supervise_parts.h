/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyreeved's files share: its state, how a role is started, and how a new configuration is taken.  Private to
 * supervise.c, supervise_start.c and supervise_reload.c; one thread. */
#ifndef AGENT_SUPERVISE_PARTS_H
#define AGENT_SUPERVISE_PARTS_H

#include "agent/supervise.h"

enum {
	CHILD_AGENT = 0,
	CHILD_IDP = 1,
	CHILD_FIRST_WORKER = 2,
	CHILDREN_MAX = CHILD_FIRST_WORKER + CONFIG_PROVIDERS_MAX,
};

struct supervisor {
	struct supervised *given;
	struct child children[CHILDREN_MAX];
	size_t child_count;
	int wrap_waiting[CONFIG_PROVIDERS_MAX]; /* a socket to soft for a wrapping worker that does not run yet; -1 */
	bool stopping, announced;
	uint64_t stop_at_us;
};

/* The worker of that provider; NULL none. */
struct child *supervise_child(struct supervisor *s, struct bytes name);
/* Execute the role and give it all that it needs.  Fails: the codes of child_start(). */
struct status supervise_start(struct supervisor *s, struct child *child);
/* A socket between idp and the agent; a new one when the agent was started again. */
struct status supervise_join_idp(struct supervisor *s, struct child *idp);

/* Read the file again; what cannot be in force leaves the old one in force, with a line that says why. */
void supervise_reload(struct supervisor *s);

#endif
