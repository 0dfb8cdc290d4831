/* SPDX-License-Identifier: Apache-2.0
 *
 * What the harness has of the Workload API at this moment, kept by two watches: its own X509-SVID with the bundles to
 * judge others by, and the keys for JWT-SVIDs.  Snapshots are counted: a connection keeps its own.  Any thread. */
#ifndef TESTS_CONFORMANCE_SOURCE_H
#define TESTS_CONFORMANCE_SOURCE_H

#include <openssl/x509.h>

#include "jwtsvid/keyset.h"
#include "spiffe/endpoint.h"
#include "spiffe/x509.h"

/* Immutable. */
struct identity {
	_Atomic unsigned refs;
	X509 *leaf;
	STACK_OF(X509) * others; /* intermediates */
	EVP_PKEY *key;
	struct x509svid_bundles *bundles;
};
void identity_unref(struct identity *identity);
void identity_done(struct identity **identity);

struct source;

/* Begin both watches.  Between workload_library_begin() and _end().  Fails: NO_MEMORY, NO_DESCRIPTORS. */
struct status source_new(const struct endpoint *endpoint, struct source **ret_source);
void source_free(struct source *source);

/* References; NULL when there is none (any more). */
struct identity *source_identity(struct source *source);
struct keyset *source_keys(struct source *source);
/* Wait for the first of each; false after wait_ms, which may be -1 for ever. */
bool source_await_identity(struct source *source, int wait_ms);
bool source_await_keys(struct source *source, int wait_ms);

#endif
