/* SPDX-License-Identifier: Apache-2.0
 *
 * What a compiled policy is made of; for tenant.c, policy.c and explain.c only. */
#ifndef AGENT_POLICY_PARTS_H
#define AGENT_POLICY_PARTS_H

#include <stdatomic.h>

#include "agent/pattern.h"
#include "agent/policy.h"

enum { RULE_NAME_BYTES = 32 }; /* "tenants[4095].rules[63]" */

struct rule {
	uint32_t allow, deny; /* VERB_BIT()s */
	struct bytes *keys;   /* owned; patterns, views into the policy's tree */
	uint32_t key_count;
	struct config_token token;
	char name[RULE_NAME_BYTES];
};

/* A part of the tenant's name: a literal, or the identity's segment number `segment`. */
struct name_part {
	struct bytes literal;
	uint32_t segment;
	bool is_segment;
};

struct tenant {
	uint8_t authenticator;
	bool is_shared;			     /* namespace: tenant */
	uint32_t instance[PROVIDER_TPM + 1]; /* by type */
	struct config_token token;
	struct name_part parts[CONFIG_SEGMENTS_MAX];
	uint32_t part_count;
	struct rule *rules; /* owned */
	uint32_t rule_count;
	bool has_allow;
	char name[RULE_NAME_BYTES], token_name[RULE_NAME_BYTES], providers_name[RULE_NAME_BYTES],
		rules_name[RULE_NAME_BYTES];
};

/* Matches of names as a tree of segments; tenants by number, UINT32_MAX for none.  Node 0 is the root, whose edges are
 * the trust domains, and the empty segment for Direct. */
struct tenant_node {
	uint32_t here;	/* the name ends here */
	uint32_t rest;	/* one or more segments follow */
	uint32_t any;	/* node behind a placeholder */
	uint32_t first; /* lowest tenant at or below this node */
};
struct tenant_edge {
	uint32_t from, to;
	struct bytes segment;
};
struct tenant_uid {
	uint32_t uid, tenant;
};

struct policy {
	atomic_uint references;
	struct config *tree; /* owned; what all views point into */
	struct tenant *tenants;
	uint32_t tenant_count;
	struct tenant_node *nodes;
	uint32_t node_count, node_room;
	struct tenant_edge *edges; /* open addressing; a free one has to == 0 */
	uint32_t edge_mask;
	struct tenant_uid *uids; /* ascending by uid, then by tenant */
	uint32_t uid_count;
};

/* tenant.c: compile tenant i of policy->tree; build the index when all are compiled. */
struct status tenant_compile(struct policy *policy, uint32_t i);
struct status tenant_index(struct policy *policy);
/* Within these bounds?  Bounds that are not set do not refuse; a missing token is within none that are set. */
bool tenant_token_fits(const struct config_token *bounds, const struct token_facts *token);

#endif
