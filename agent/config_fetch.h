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

/* The name by which the agent asks for a federated trust domain's bundle, or an issuer's JWK Set. */
#define CONFIG_FETCH_FEDERATION "federation"
#define CONFIG_FETCH_JWKS "jwks"
void config_fetch_name(const char *kind, const char *of, char ret_name[FETCH_NAME_MAX + 1]);

#endif
