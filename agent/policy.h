/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled configuration of tenants and administrators: an immutable, counted snapshot.  Whatever cannot be
 * evaluated is refused.  No clock, no I/O, no allocation after policy_new(); any thread.
 *
 * Order: the provider must be in the tenant's list; a rule that denies wins; without an allowing rule in the tenant
 * its owner may do everything but export; with one, what no allowing rule matches is denied.  DESIGN section 7. */
#ifndef AGENT_POLICY_H
#define AGENT_POLICY_H

#include "agent/config.h"
#include "agent/tenant.h"

struct policy;

/* Compile; keeps nothing of config.  Fails: CONFIG_SYNTAX (a tree that config_check() does not pass), LIMIT,
 * NO_MEMORY. */
struct status policy_new(const struct config *config, struct policy **ret_policy);
struct policy *policy_ref(struct policy *policy);
/* The last reference frees; NULL is accepted. */
void policy_unref(struct policy *policy);

/* May the tenant do it?
 *
 *   verb       of the operation; VERB_NONE is denied, since who needs no rule does not ask
 *   provider   index into config->providers, or TENANT_NO_PROVIDER for an operation that no provider executes
 *   key        the key's name; empty for an operation that names none
 *   decision   written in any case; names the rule
 *
 * Under 2 us with the usual handful of rules.  Fails: POLICY_PROVIDER, POLICY_DENIED. */
struct status policy_check(const struct policy *policy, const struct tenant_match *match, enum verb verb,
	uint32_t provider, struct bytes key, const struct token_facts *token, struct decision *decision);

/* Is the identity an administrator?  Says nothing of the listener it came by. */
bool policy_is_admin(const struct policy *policy, const struct identity *identity);

/* The verb of an operation by its own name ("sign") or Parsec's ("PsaSignHash"); VERB_NONE. */
enum verb policy_verb(const char *operation);

/* In words: tenant, decision, rule, and what would have passed.  Status as tenant_find() and policy_check(). */
struct status policy_explain(const struct policy *policy, const struct identity *identity, enum verb verb,
	uint32_t provider, struct bytes key, const struct token_facts *token, struct buf *to);

#endif
