/* SPDX-License-Identifier: Apache-2.0
 *
 * A second opinion's frame: reads a corpus (tests/support/corpus.h) from standard input, asks one verifier about every
 * line, prints one verdict each, in order: "ok WHAT", "no REASON", or "-" for a question that the verifier does not
 * answer.  WHAT is the identity, or for key documents "DOMAIN:kid,kid" with the usable keys and, for SPIFFE bundles,
 * "+N" authorities.  Flushed line by line: where the output ends, the verifier died. */
#ifndef TESTS_CONFORMANCE_OPINION_H
#define TESTS_CONFORMANCE_OPINION_H

#include <jansson.h>

#include "base/buf.h"

enum { OPINION_DOCUMENTS_MAX = 256, OPINION_AUDIENCES_MAX = 33 };

struct opinion_document {
	struct bytes domain, text; /* the map key as it came */
};

struct opinion_keys {
	char *name;
	bool is_bundle; /* SPIFFE bundle documents */
	struct opinion_document documents[OPINION_DOCUMENTS_MAX];
	size_t count;
	void *compiled; /* the verifier's */
};

struct opinion_token {
	struct bytes text;
	const char *text0; /* the same with a NUL behind it */
	const struct opinion_keys *keys;
	struct bytes audiences[OPINION_AUDIENCES_MAX];
	size_t audience_count;
	int64_t now_s, leeway_s, max_lifetime_s;
	bool single_audience;
};

/* Each appends its verdict. */
struct opinion {
	void (*id)(struct bytes text, struct buf *verdict);
	void (*keys)(struct opinion_keys *keys, struct buf *verdict);
	void (*token)(const struct opinion_token *token, struct buf *verdict);
};

/* Returns the exit status. */
int opinion_run(const struct opinion *opinion);
/* Printable ASCII as it is, all else as %XX. */
void opinion_put_text(struct buf *verdict, struct bytes text);
/* A kid as every runner writes it: letters, digits, '.', '_' and '-', all else as %XX. */
void opinion_put_kid(struct buf *verdict, struct bytes kid);

#endif
