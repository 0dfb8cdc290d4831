/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's lanes by provider: made with the configuration, changed with it, joined to the workers that come.  A lane
 * lives as long as the agent, since requests and the journal point at it: what is taken out of the configuration is
 * only marked, and used again when it comes back.  The loop's thread only. */
#ifndef AGENT_LANES_H
#define AGENT_LANES_H

#include "agent/config.h"
#include "agent/lane.h"
#include "keystore/keystore.h"

struct agent;

/* For every provider of the configuration.  Fails: LIMIT. */
struct status lanes_build(struct agent *agent);
/* What the store has of their workers.  Fails: the codes of keystore_kv_get(). */
struct status lanes_load(struct agent *agent, struct keystore *store);
/* Is there room for what is new in that configuration?  Fails: LIMIT. */
struct status lanes_check(struct agent *agent, const struct config *now);
/* Then: lanes for new providers, the end of those that are gone; others notice nothing. */
void lanes_change(struct agent *agent, const struct config *was, const struct config *now);
void lanes_done(struct agent *agent);

/* The lane of a configured provider; NULL. */
struct lane *lanes_find(struct agent *agent, struct bytes provider);
/* Also of one that is not configured: the journal may know it.  NULL: there never was one. */
struct lane *lanes_find_any(struct agent *agent, struct bytes provider);
/* One that is not configured, for what the journal has.  Fails: LIMIT. */
struct status lanes_add_unconfigured(struct agent *agent, struct bytes provider, struct lane **ret_lane);

/* "page:NAME", then "lane:NAME", of a (re)started worker; takes the descriptor over.  Fails: IPC_MALFORMED, and the
 * codes of lane_connect(). */
struct status lanes_take(struct agent *agent, struct bytes name, int fd);
/* Every provider has said what it can do, or is known to be down. */
bool lanes_are_settled(const struct agent *agent);
/* Once a second: calls that took twice their time have hung their worker; recovery tries again. */
void lanes_second(struct agent *agent);

#endif
