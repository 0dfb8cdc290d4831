/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled configuration of tenants and administrators: an immutable, counted snapshot.  Whatever cannot be
 * evaluated is refused.  No clock, no I/O, no allocation after policy_new(); any thread.
 *
 * Order: the provider must be in the tenant's list; a key to be created within the tenant's limits; a rule that denies
 * wins; without an allowing rule in the tenant its owner may do everything but export; with one, what no allowing rule
 * matches is denied; what is allowed to a key past its expiry is only to verify, to show its public half, to be listed
 * and to be destroyed.  DESIGN section 7. */
#ifndef AGENT_POLICY_H
#define AGENT_POLICY_H

#include "agent/config.h"
#include "agent/tenant.h"
#include "crypto/psa.h"

struct policy;

/* Compile; keeps nothing of config.  Fails: CONFIG_SYNTAX (a tree that config_check() does not pass), LIMIT,
 * NO_MEMORY. */
struct status policy_new(const struct config *config, struct policy **ret_policy);
struct policy *policy_ref(struct policy *policy);
/* The last reference frees; NULL is accepted. */
void policy_unref(struct policy *policy);

/* A request as the rules see it.  What is zero is not known: then a rule that allows and asks for it does not match,
 * and one that denies does.  Pointers are borrowed for the call. */
struct policy_request {
	enum verb verb;	   /* VERB_NONE is denied, since who needs no rule does not ask */
	uint32_t provider; /* index into config->providers, or TENANT_NO_PROVIDER where no provider executes it */
	struct bytes key;  /* name; empty for an operation that names none */
	const struct identity *identity;
	const struct token_facts *token;
	int64_t now_s;				     /* seconds since 1970 */
	const struct psa_key_attributes *attributes; /* of the key, or of the one to be created */
	const struct psa_alg *alg;		     /* that the request names; NULL: the key's own counts */
	int64_t key_created_s;			     /* of a key that exists */
	int64_t key_expires_s;			     /* 0: never */
	uint32_t binding;			     /* BINDING_BIT() of how the token is bound to the client */
	uint32_t principals; /* that present tokens of this identity now, this client included */
};

/* May the tenant do it?  `decision` is written in any case, names the rule, and says how long a key that is created
 * lives.  Under 2 us with a hundred rules.  Fails: POLICY_PROVIDER, POLICY_DENIED. */
struct status policy_check(const struct policy *policy, const struct tenant_match *match,
	const struct policy_request *request, struct decision *decision);

/* The request as it usually is, for questions that no client asks: a token bound as its tenant says, and presented by
 * one principal, where the request does not say. */
struct policy_request policy_suppose(const struct tenant_match *match, const struct policy_request *request);

/* What is no error but can hardly be meant: tenants that overlap, rules that are never reached, rules that can never
 * allow.  For a configuration that config_check() passes; findings as its.  Returns their number.  Pure. */
unsigned policy_lint(const struct config *config, config_visit_fn *visit, void *context);

/* The name of an instance in this snapshot's numbering; empty for none.  And the other way round: TENANT_NO_PROVIDER.
 */
struct bytes policy_provider_name(const struct policy *policy, uint32_t instance);
uint32_t policy_provider_find(const struct policy *policy, struct bytes name);

/* What it was made of; borrowed, for as long as the policy. */
const struct config *policy_config(const struct policy *policy);

/* Is the identity an administrator?  Says nothing of the listener it came by, nor of who presents the token.  NULL: no;
 * borrowed from the policy. */
const struct config_admin *policy_admin(const struct policy *policy, const struct identity *identity);
bool policy_is_admin(const struct policy *policy, const struct identity *identity);

/* The verb of an operation by its own name ("sign") or Parsec's ("PsaSignHash"); VERB_NONE. */
enum verb policy_verb(const char *operation);

/* In words: tenant, decision, rule, and what would have passed.  request->identity is needed.  Status as tenant_find()
 * and policy_check(). */
struct status policy_explain(const struct policy *policy, const struct policy_request *request, struct buf *to);

#endif
