/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyreeve-fetch may get, as the configuration says: names, addresses and rules of its sources.  Pure; any thread.
 */
#ifndef AGENT_CONFIG_FETCH_H
#define AGENT_CONFIG_FETCH_H

#include "agent/config.h"
#include "spiffe/fetch_source.h"

/* Is keyreeve-fetch needed at all? */
bool config_fetch_is_needed(const struct config *config);
/* Append its section (cap of `to`: FETCH_SECTION_MAX). */
void config_fetch_put(struct buf *to, const struct config *config);

/* The name by which the agent asks for the bundle of a federated trust domain. */
void config_fetch_federation_name(const struct config_federation *federation, char ret_name[FETCH_NAME_MAX + 1]);

#endif
