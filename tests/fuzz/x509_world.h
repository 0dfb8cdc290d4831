/* SPDX-License-Identifier: Apache-2.0
 *
 * What the target x509 and the maker of its seeds agree on. */
#ifndef TESTS_FUZZ_X509_WORLD_H
#define TESTS_FUZZ_X509_WORLD_H

#include "tests/support/mint_x509.h"

#define FUZZ_X509_NOW INT64_C(1900000000)

static inline struct mint_cert fuzz_x509_root(const struct mint_key *key)
{
	return (struct mint_cert){ .key = key,
		.subject = "root",
		.uri = { "spiffe://example.org" },
		.basic = "critical,CA:TRUE",
		.usage = "critical,keyCertSign",
		.hash = "SHA256",
		.from_s = FUZZ_X509_NOW - 86400,
		.to_s = FUZZ_X509_NOW + 86400 };
}

#endif
