/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration in force: at the start, and when a new one comes.  The loop's thread only. */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

#include "base/buf.h"
#include "base/status.h"

struct agent;

/* At the start: listeners and limits as agent->config says.  Fails: IPC_MALFORMED (a descriptor did not come), and the
 * codes of listener_open(). */
struct status agent_configure(struct agent *agent);
/* A new snapshot beside the old one: requests under way finish on theirs.  What fails changes nothing.
 *   tree  as config_get() takes it
 * Fails: the codes of config_get(), policy_new(), lanes_check() and agent_configure(). */
struct status agent_reload(struct agent *agent, struct bytes tree);
/* No new connections; those that are there stay. */
void agent_listeners_close(struct agent *agent);

#endif
