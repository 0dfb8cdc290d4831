/* SPDX-License-Identifier: Apache-2.0
 *
 * What a compiled policy is made of; for tenant.c, policy.c and explain.c only. */
#ifndef AGENT_POLICY_PARTS_H
#define AGENT_POLICY_PARTS_H

#include <stdatomic.h>
#include <stddef.h>

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

#define CONDITION_SETS                                                                                             \
	(1u << CONDITION_TYPES | 1u << CONDITION_ALGORITHMS | 1u << CONDITION_HASHES | 1u << CONDITION_PROVIDERS | \
		1u << CONDITION_AUTHENTICATORS)

enum answer { ANSWER_UNKNOWN = 0, ANSWER_NO, ANSWER_YES };

/* Conditions that compare one thing of the request with a set. */
enum set { SET_TYPES = 0, SET_ALGORITHMS, SET_HASHES, SET_PROVIDERS, SET_AUTHENTICATORS, SET_COUNT };

/* That one thing, as a bit of the set; 0: not known. */
struct set_facts {
	uint32_t bit[SET_COUNT];
};

/* What decides about most rules, one line of cache each: verbs, how every key begins that the rule covers, and its
 * sets.  A rule of which this is all is not looked at itself. */
enum { RULE_PREFIX_BYTES = 32 };
struct rule_head {
	uint32_t allow, deny; /* VERB_BIT()s */
	uint8_t prefix_len;
	bool is_whole;	 /* the prefix is the whole name */
	bool covers_any; /* whatever follows the prefix */
	bool asks_more;	 /* than verb, key and sets */
	uint8_t prefix[RULE_PREFIX_BYTES];
	uint32_t set[SET_COUNT]; /* 0: not stated */
};
_Static_assert(sizeof(struct rule_head) == 64, "a line of cache");

/* The conditions that are numbers stand in one line of cache, before all else. */
struct rule {
	_Alignas(64) uint32_t conditions; /* bits of enum condition: stated */
	uint32_t min_bits, max_bits, min_key_age_s, max_key_age_s;
	struct config_time time;
	struct config_token token;
	uint32_t binding, max_principals;
	const struct config_rule *from; /* borrowed from the policy's tree */
	struct bytes *keys;		/* owned; patterns, views into the policy's tree */
	uint32_t key_count;
	struct pattern *subjects; /* owned; NULL: none */
	uint32_t providers;	  /* bits of instances */
	bool limits_created;
	char name[RULE_NAME_BYTES];
};
_Static_assert(offsetof(struct rule, from) == 64, "a line of cache");

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
	const struct config_bind *bind;	      /* borrowed from the policy's tree */
	const struct config_created *created; /* the same */
	struct rule *rules;		      /* owned */
	struct rule_head *heads;	      /* owned; of the rules, in their order */
	uint32_t rule_count;
	bool has_allow, has_sets, limits_created;
	const struct config_quota *quota; /* borrowed from the policy's tree */
	char name[RULE_NAME_BYTES], quota_name[RULE_NAME_BYTES], token_name[RULE_NAME_BYTES],
		providers_name[RULE_NAME_BYTES], rules_name[RULE_NAME_BYTES], created_name[RULE_NAME_BYTES];
};

/* Matches of names as a tree of segments; tenants by number, UINT32_MAX for none.  The roots' edges are the trust
 * domains and the empty segment for Direct; and the issuers. */
enum { ROOT_NAMES = 0, ROOT_ISSUED, ROOTS };
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
/* What the segments of a match are counted in: the path of a SPIFFE ID, a whole subject or Direct name; false for
 * others. */
bool tenant_name_split(const struct identity *identity, struct bytes *ret_domain, struct bytes *ret_path);

/* condition.c.  Which conditions a rule states, as bits; take them over; does a request meet one? */
uint32_t condition_stated(const struct config_rule *rule);
void condition_compile(const struct config_rule *from, struct rule *to);
enum answer condition_ask(const struct rule *rule, enum condition condition, const struct policy_request *request);
/* All that a rule asks but for its sets; and one set. */
enum answer condition_rest(const struct rule *rule, const struct policy_request *request);
enum answer condition_set(enum set set, uint32_t stated, const struct set_facts *facts);
void condition_facts(const struct policy_request *request, struct set_facts *ret_facts);
uint32_t condition_set_stated(const struct rule *rule, enum set set);
/* Is the key within the limits?  One that is not known is, where there are none. */
bool condition_created_fits(const struct config_created *limits, const struct psa_key_attributes *key);
bool condition_limits_created(const struct config_created *limits);
bool condition_bounds_token(const struct config_token *token);
/* KEY_TYPE_BIT() of a key, 0 for none; and the kind, family and size of a type (bits 0: of no particular size). */
uint32_t condition_type_bit(const struct psa_key_attributes *key);
bool condition_type_key(uint32_t bit, struct psa_key_attributes *key);

#endif
