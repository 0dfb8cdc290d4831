/* SPDX-License-Identifier: Apache-2.0
 *
 * SPIFFE IDs and trust domain names: checked on raw bytes, never trimmed, decoded or normalised, so two IDs are equal
 * exactly when their bytes are.  Carried as pointer and length; an embedded NUL is a refusal, never an end.
 * No I/O; any thread.  SPIFFE-ID sections 2 and 3; spiffe-requirements section 1. */
#ifndef SPIFFE_ID_H
#define SPIFFE_ID_H

#include "base/bytes.h"
#include "base/status.h"

enum {
	SPIFFE_ID_MAX_BYTES = 2048,	     /* whole ID, scheme included: SID-12, SID-14 */
	SPIFFE_TRUST_DOMAIN_MAX_BYTES = 255, /* SID-15 */
	SPIFFE_SCHEME_BYTES = 9,	     /* "spiffe://" */
};

/* Owned; zero is "no ID", and equal to none. */
struct spiffe_id {
	uint8_t *data; /* owned; not NUL-terminated */
	uint16_t len;
	uint16_t domain_len;
};

/* Copy and check.  Fails: ID_MALFORMED, NO_MEMORY. */
struct status spiffe_id_parse(struct bytes text, struct spiffe_id *ret_id);
void spiffe_id_done(struct spiffe_id *id);

/* Is this a SPIFFE ID?  Fails: ID_MALFORMED. */
struct status spiffe_id_check(struct bytes text);
/* The same, and where its parts are (views into text): domain without scheme, path with its leading '/', or empty. */
struct status spiffe_id_split(struct bytes text, struct bytes *ret_domain, struct bytes *ret_path);
/* Is this a trust domain's bare name ("example.org")?  Fails: ID_MALFORMED. */
struct status spiffe_trust_domain_check(struct bytes name);
/* The trust domain that a map key of a Workload API message names: "spiffe://example.org", or the bare name; a key
 * with a path fails (SID-20).  ret_domain is a view into key.  Fails: ID_MALFORMED. */
struct status spiffe_map_key_domain(struct bytes key, struct bytes *ret_domain);

/* Views, borrowed from id. */
static inline struct bytes spiffe_id_text(const struct spiffe_id *id)
{
	return (struct bytes){ id->data, id->len };
}

static inline struct bytes spiffe_id_domain(const struct spiffe_id *id)
{
	if (id->data == NULL)
		return (struct bytes){ 0 };
	return (struct bytes){ id->data + SPIFFE_SCHEME_BYTES, id->domain_len };
}

/* With its leading '/'; empty for an ID that names a trust domain only. */
static inline struct bytes spiffe_id_path(const struct spiffe_id *id)
{
	size_t before = (size_t)SPIFFE_SCHEME_BYTES + id->domain_len;

	if (id->data == NULL)
		return (struct bytes){ 0 };
	return (struct bytes){ id->data + before, id->len - before };
}

static inline bool spiffe_id_equal(const struct spiffe_id *a, const struct spiffe_id *b)
{
	return a->data != NULL && b->data != NULL && bytes_equal(spiffe_id_text(a), spiffe_id_text(b));
}

#endif
