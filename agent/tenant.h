/* SPDX-License-Identifier: Apache-2.0
 *
 * From an identity to its tenant: first match of the file wins, no match means refused.  What it yields (name,
 * namespace, providers) is evaluated anew for each request and allocates nothing.  Any thread.  DESIGN section 7. */
#ifndef AGENT_TENANT_H
#define AGENT_TENANT_H

#include "agent/config.h"
#include "keystore/keystore.h"

struct policy;

/* What an authenticator established.  Zero belongs to no tenant. */
struct identity {
	uint8_t authenticator; /* enum config_authenticator */
	struct bytes name;     /* SPIFFE ID, subject, uid in decimal, or the claimed name; borrowed */
	struct bytes issuer;   /* of the subject, which is nobody without it; else empty; borrowed */
	uint32_t uid;	       /* Unix peer: as the kernel says */
};

/* A verified token's times, and the time to compare them with.  Zero: the request came without one. */
struct token_facts {
	bool has_token;
	int64_t start_s;   /* iat, else nbf; seconds since 1970 */
	int64_t expires_s; /* exp */
	int64_t now_s;
};

/* Whether, and which rule of the file said so ("tenants[0].rules[1]"), for the audit log.  Zero is a denial. */
struct decision {
	bool is_allowed;
	const char *rule;	  /* borrowed from the policy, or static */
	bool is_uncertain;	  /* denied because something that a rule asks for was not known */
	uint32_t expires_after_s; /* of the key that may be created; 0: it does not expire */
};

/* The first instance of a provider type, or any instance: none. */
#define TENANT_NO_PROVIDER UINT32_MAX

/* An identity's tenant.  A plain value; the identity and the policy must outlive it. */
struct tenant_match {
	const struct tenant *tenant; /* borrowed from the policy */
	char name[KEYSTORE_TENANT_MAX + 1];
	size_t name_len;
};

/* The tenant of an identity whose token, if it has one, is within the tenant's bounds.  `decision` is written in any
 * case and allows on success only.  Under 2 us.
 * Fails: TENANT_NONE (no match, or the name would be too long), TENANT_TOKEN. */
struct status tenant_find(const struct policy *policy, const struct identity *identity, const struct token_facts *token,
	struct tenant_match *ret_match, struct decision *decision);

/* The same without its token: whose tenant an identity is that asks nothing now.  Fails: TENANT_NONE. */
struct status tenant_named(
	const struct policy *policy, const struct identity *identity, struct tenant_match *ret_match);

/* How the tenant binds its tokens, and what the audit log calls the place that says so.  Borrowed from the policy. */
const struct config_bind *tenant_bind(const struct tenant_match *match, const char **ret_rule);
/* Where the identity's key names live; views into match and identity. */
void tenant_space(const struct tenant_match *match, const struct identity *identity, struct namespace_name *ret_space);
/* What the entry that matched lets its tenant use, and the entry's name for the audit log ("tenants[0].quota"); both
 * borrowed from the policy. */
const struct config_quota *tenant_quota(const struct tenant_match *match, const char **ret_rule);
/* The instance (index into config->providers) that a request for a Parsec provider id means; TENANT_NO_PROVIDER. */
uint32_t tenant_provider(const struct tenant_match *match, uint32_t type);
/* Is that instance in the tenant's list? */
bool tenant_has_provider(const struct tenant_match *match, uint32_t instance);

#endif
