/* SPDX-License-Identifier: Apache-2.0
 *
 * The three small languages of the tenants' part of the file: patterns of identities ("spiffe://domain/ns/{a}/sa/{b}",
 * a last segment "**" is the rest, one segment or more), templates of tenant names ("k8s/{a}"), and patterns of key
 * names ('*' is any run of bytes).  Views into the caller's text, which must outlive them.  Pure; any thread. */
#ifndef AGENT_PATTERN_H
#define AGENT_PATTERN_H

#include "agent/config.h"

struct pattern_segment {
	struct bytes text; /* the literal, or the placeholder's name without braces */
	bool is_placeholder;
};

struct pattern {
	uint8_t authenticator; /* whose names it is about: enum config_authenticator; 0 for a template */
	struct bytes domain;   /* trust domain, or issuer; empty for Direct */
	struct pattern_segment segment[CONFIG_SEGMENTS_MAX];
	uint32_t count;
	bool has_rest; /* one or more further segments */
};

/* Whose identities a match is about, as enum config_authenticator; and its text that is a pattern, NULL for accounts.
 */
uint8_t pattern_authenticator(const struct config_match *match);
const char *pattern_text(const struct config_match *match);
/* The match's own pattern, or another about its kind of names (a rule's subjects).  An account has none: then the
 * pattern is empty, and text refused.  Failure as below. */
struct status pattern_of_match(const struct config_match *match, struct pattern *ret_pattern, const char **ret_why);
struct status pattern_like(
	const struct config_match *match, struct bytes text, struct pattern *ret_pattern, const char **ret_why);

/* Parse a `spiffe` or `direct` match, or a `tenant` template.  On failure ret_why is a static sentence.
 * Fails: CONFIG_SYNTAX. */
struct status pattern_spiffe(struct bytes text, struct pattern *ret_pattern, const char **ret_why);
struct status pattern_direct(struct bytes text, struct pattern *ret_pattern, const char **ret_why);
struct status pattern_template(struct bytes text, struct pattern *ret_template, const char **ret_why);

/* Index of a placeholder's segment; -1 if the pattern has none of that name. */
int pattern_placeholder(const struct pattern *pattern, struct bytes name);
/* Everything that `later` matches, `earlier` matches too. */
bool pattern_covers(const struct pattern *earlier, const struct pattern *later);
/* Does it match a name, taken apart?  The name has no empty segment. */
bool pattern_matches(const struct pattern *pattern, struct bytes domain, struct bytes path);
/* Is it one name, written out? */
bool pattern_is_exact(const struct pattern *pattern);
/* Is there a name that both match?  Then one of them is appended to `example`, unless that is NULL. */
bool pattern_meet(const struct pattern *a, const struct pattern *b, struct buf *example);
/* Two templates may yield one name. */
bool pattern_templates_meet(const struct pattern *a, const struct pattern *b);
/* Both templates are the same text, and each placeholder in it stands at the same place below the same segments. */
bool pattern_same_tenant(const struct pattern *match_a, const struct pattern *template_a, const struct pattern *match_b,
	const struct pattern *template_b);

/* The next segment of `left`, up to '/' or the end; false when nothing is left or it is empty. */
bool pattern_next(struct bytes *left, struct bytes *ret_segment);
/* Split a SPIFFE ID into trust domain and path (without its first '/'); false if it is not of that form.  Who hands
 * in an ID has verified it; this only takes it apart. */
bool pattern_split(struct bytes id, struct bytes *ret_domain, struct bytes *ret_path);

/* '*' in the pattern is any run of bytes, nothing else is special.  At most len(pattern) * len(name) steps. */
bool pattern_key(struct bytes pattern, struct bytes name);

#endif
