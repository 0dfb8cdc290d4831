/* SPDX-License-Identifier: Apache-2.0
 *
 * A request in words, as people write it: one case of `policy test`, or the options of `policy explain`.  The same kind
 * of table as the configuration's reads both, and gives the reference page its sections.  Any thread. */
#ifndef AGENT_POLICY_CASE_H
#define AGENT_POLICY_CASE_H

#include "agent/config.h"
#include "agent/policy.h"

enum { POLICY_CASES_MAX = 4096 };
enum policy_expect { EXPECT_NOTHING = 0, EXPECT_ALLOW = 1, EXPECT_DENY = 2 };

struct policy_case {
	char *name;
	char *as; /* "spiffe://...", "jwt-svid:ID", "uid:NUMBER", "unix:NUMBER", "direct:NAME",
		   "issuer:ISSUER SUBJECT" */
	char *op; /* verb, or Parsec's name */
	char *key, *provider;
	uint32_t type; /* KEY_TYPE_BIT(); 0: not known */
	uint32_t bits;
	uint32_t algorithm, hash; /* bits */
	uint32_t usages;
	uint32_t key_age_s;
	bool is_expired;
	uint32_t at_s;
	uint32_t lifetime_s, age_s; /* of the token */
	uint32_t principals;
	uint32_t expect; /* enum policy_expect */
	char *rule;
};

struct policy_cases {
	char *api_version, *kind;
	char *policy; /* path of the configuration, seen from the file of cases */
	struct policy_case *cases;
	uint32_t case_count;
};

extern const struct config_shape policy_cases_shape, policy_case_shape;

/* What policy_check() is asked.  Views into the case; request points into this. */
struct policy_question {
	struct identity identity;
	struct token_facts token;
	struct psa_key_attributes attributes;
	struct psa_alg alg;
	struct policy_request request;
};

/* False and a sentence in ret_text when the words make no request of this configuration. */
bool policy_question_make(const struct policy_case *asked, const struct config *config, struct policy_question *to,
	char ret_text[CONFIG_TEXT_BYTES]);
/* "jwt-svid:ID", ...: false for a text that names no identity.  The name is a view. */
bool policy_identity_parse(const char *as, struct identity *ret_identity);
/* Who is tenant, then what the rules say; an operation that names no key asks the first only. */
struct status policy_question_ask(
	const struct policy *policy, const struct policy_request *request, struct decision *ret_decision);

#endif
