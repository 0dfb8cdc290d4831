/* SPDX-License-Identifier: Apache-2.0
 *
 * What a compiled policy is made of; for tenant.c, policy.c and explain.c only. */
#ifndef AGENT_POLICY_PARTS_H
#define AGENT_POLICY_PARTS_H

#include <stdatomic.h>

#include "agent/pattern.h"
#include "agent/policy.h"

enum { RULE_NAME_BYTES = 32 }; /* "tenants[4095].rules[63]" */

enum condition {
	CONDITION_SUBJECTS = 0,
	CONDITION_TYPES,
	CONDITION_SIZE,
	CONDITION_ALGORITHMS,
	CONDITION_HASHES,
	CONDITION_PROVIDERS,
	CONDITION_KEY_AGE,
	CONDITION_AUTHENTICATORS,
	CONDITION_TIME,
	CONDITION_BINDING,
	CONDITION_PRINCIPALS,
	CONDITION_TOKEN,
	CONDITION_COUNT
};

enum answer { ANSWER_UNKNOWN = 0, ANSWER_NO, ANSWER_YES };

/* What decides about most rules that do not match, two in a line of cache: verbs, and how every key begins that the
 * rule covers. */
enum { RULE_PREFIX_BYTES = 22 };
struct rule_head {
	uint32_t allow, deny; /* VERB_BIT()s */
	uint8_t prefix_len;
	bool is_whole; /* the prefix is the whole name */
	uint8_t prefix[RULE_PREFIX_BYTES];
};
_Static_assert(sizeof(struct rule_head) == 32, "two in a line of cache");

struct rule {
	const struct config_rule *from; /* borrowed from the policy's tree */
	struct bytes *keys;		/* owned; patterns, views into the policy's tree */
	uint32_t key_count;
	uint32_t conditions;	  /* bits of enum condition: stated */
	struct pattern *subjects; /* owned; NULL: none */
	uint32_t providers;	  /* bits of instances */
	bool limits_created;
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
	const struct config_created *created; /* borrowed from the policy's tree */
	struct rule *rules;		      /* owned */
	struct rule_head *heads;	      /* owned; of the rules, in their order */
	uint32_t rule_count;
	bool has_allow, limits_created;
	char name[RULE_NAME_BYTES], token_name[RULE_NAME_BYTES], providers_name[RULE_NAME_BYTES],
		rules_name[RULE_NAME_BYTES], created_name[RULE_NAME_BYTES];
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
/* What the segments of a match are counted in: the path of a SPIFFE ID, a whole Direct name; false for others. */
bool tenant_name_split(const struct identity *identity, struct bytes *ret_domain, struct bytes *ret_path);

/* condition.c.  Which conditions a rule states, as bits; does a request meet one, or all of them? */
uint32_t condition_stated(const struct config_rule *rule);
const char *condition_name(enum condition condition);
enum answer condition_ask(const struct rule *rule, enum condition condition, const struct policy_request *request);
enum answer condition_all(const struct rule *rule, const struct policy_request *request);
/* Is the key within the limits?  One that is not known is, where there are none. */
bool condition_created_fits(const struct config_created *limits, const struct psa_key_attributes *key);
bool condition_limits_created(const struct config_created *limits);
bool condition_bounds_token(const struct config_token *token);
/* KEY_TYPE_BIT() of a key, 0 for none; and the kind, family and size of a type (bits 0: of no particular size). */
uint32_t condition_type_bit(const struct psa_key_attributes *key);
bool condition_type_key(uint32_t bit, struct psa_key_attributes *key);

#endif
