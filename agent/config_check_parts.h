/* SPDX-License-Identifier: Apache-2.0
 *
 * What the checks of what fields mean together have in common; for config_check*.c only. */
#ifndef AGENT_CONFIG_CHECK_PARTS_H
#define AGENT_CONFIG_CHECK_PARTS_H

#include "agent/config.h"

enum { PATH_BYTES = 160, SENTENCE_BYTES = 400 };

static const char not_yet[] = "is not supported yet";

struct check {
	const struct config *config;
	config_visit_fn *visit;
	void *context;
	unsigned findings;
};

/* (c, "a sentence", "listeners[%u].group", i) with a constant sentence; the long form takes both formats. */
void config_check_report(struct check *c, const char *sentence, const char *path_format, ...)
	__attribute__((format(printf, 3, 4)));

#define SENTENCE(name, ...)        \
	char name[SENTENCE_BYTES]; \
	(void)snprintf(name, sizeof(name), __VA_ARGS__)

static inline bool same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

bool config_check_account(const char *name);
bool config_check_accepted(const struct config *config, const char *check);
/* NULL: there is none of that name. */
const struct config_provider *config_check_provider(const struct config *config, const char *name);
/* How many of a match's fields are given. */
unsigned config_check_match(const struct config_match *match);
/* A match that has an issuer or a subject: both, and one of the file's issuers. */
void config_check_issuer(struct check *c, const struct config_match *match, const char *path);
/* config_check_tenants.c */
void config_check_declared(struct check *c, const struct config_principal *declared, uint32_t count, const char *path);
/* config_check_spiffe.c */
void config_check_spiffe(struct check *c);
void config_check_tenants(struct check *c);

#endif
