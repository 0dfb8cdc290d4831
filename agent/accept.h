/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets in the agent: who is accepted, who waits unread (park.h), who goes for whom (share.h).  Whoever
 * comes is a stranger, so accepting goes on beside all other work, never before it.  The loop's thread only. */
#ifndef AGENT_ACCEPT_H
#define AGENT_ACCEPT_H

#include <sys/types.h>

#include "agent/loop.h"

struct agent;

enum {
	ACCEPT_BATCH = 16,	   /* in one turn of the loop */
	ACCEPT_SERVED = 4,	   /* of them at most are let in */
	ACCEPT_PARKED_MS = 2000,   /* as long as a request may take to arrive */
	ACCEPT_WASTE_BYTES = 4096, /* of what a parked peer has sent, read before it is closed */
};

/* It lives until it is closed and its last connection is gone. */
struct listener {
	struct watch watch;
	struct agent *agent; /* borrowed */
	char *path;	     /* owned: what it is known by */
	size_t conn_count;
	bool is_closed;
	struct listener *next_closed; /* of the agent's list of those */
	uint32_t authenticators[8];   /* order of the configuration */
	size_t authenticator_count;
	gid_t group; /* whose members may connect; CONFIG_UNSET: everybody */
	bool is_admin;
};

/* Takes the listening descriptor over, also on failure; nothing is accepted before accept_resume().
 * Fails: NO_MEMORY, IO. */
struct status listener_open(struct agent *agent, const char *path, int fd, struct listener **ret_listener);
/* No more connections.  Those between two requests are closed at once, the others after their answer.  NULL is
 * accepted. */
void listener_close(struct listener *listener);
/* Free those that were closed and have no connection left. */
void listeners_bury(struct agent *agent);

/* No descriptors: leave new connections in the backlog until one ends. */
void accept_pause(struct agent *agent);
void accept_resume(struct agent *agent);
/* The deadline of agent->parked: one of them is refused. */
void accept_parked_due(struct deadline *deadline);

#endif
