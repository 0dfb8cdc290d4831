/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client checks of a JWT-SVID that the Workload API gave it, before it shows it to anybody (WA-16).  It is
 * its own token from its own agent: there is no signature to check here, and this decides nothing about trust. */
#ifndef SPIFFE_WORKLOAD_JWT_H
#define SPIFFE_WORKLOAD_JWT_H

#include "base/bytes.h"
#include "base/status.h"

enum { WORKLOAD_TOKEN_MAX = 16 * 1024 };

struct workload_jwt_times {
	int64_t start_s;   /* "iat"; 0 when absent */
	int64_t expires_s; /* "exp" */
};

/* The token parses, "sub" is spiffe_id byte for byte, "aud" holds every audience asked for, "exp" is later than now_s.
 * ret_times may be NULL; a client refreshes at half of the lifetime (WA-17).
 * Fails: JWT_LONG, JWT_MALFORMED, JWT_PAYLOAD, JWT_SUBJECT, JWT_AUDIENCE, JWT_CLAIM, JWT_EXPIRED.  Pure; any thread
 * with 512 KiB of stack. */
struct status workload_jwt_check(struct bytes token, struct bytes spiffe_id, const struct bytes *audiences,
	size_t audience_count, int64_t now_s, struct workload_jwt_times *ret_times);

#endif
