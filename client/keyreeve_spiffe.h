/* SPDX-License-Identifier: Apache-2.0
 *
 * libkeyreeve-spiffe: the token callback of libkeyreeve, fed by the SPIFFE Workload API.  It links gRPC, which starts
 * threads of its own: a process that uses this does not fork except to execute.  The token is kept in memory until
 * half of its life is over, and nowhere else.
 *
 *	struct keyreeve_spiffe *source;
 *	char reason[KEYREEVE_TEXT_BYTES];
 *
 *	if (keyreeve_spiffe_open(NULL, NULL, &source, reason) != 0)
 *		...
 *	options.auth = KEYREEVE_AUTH_JWT_SVID;
 *	options.token = keyreeve_spiffe_token;
 *	options.token_context = source;
 *
 * One source at a time in a process; it serves one thread at a time. */
#ifndef KEYREEVE_SPIFFE_H
#define KEYREEVE_SPIFFE_H

#include "keyreeve.h"

#ifdef __cplusplus
extern "C" {
#endif

struct keyreeve_spiffe;

/*   endpoint    "unix:///path" or "tcp://IP:PORT"; NULL: SPIFFE_ENDPOINT_SOCKET
 *   audience    NULL: "parsec"
 *   ret_reason  KEYREEVE_TEXT_BYTES of room, written on failure; may be NULL
 * Returns 0, or -1.  Fetches nothing yet. */
int keyreeve_spiffe_open(
	const char *endpoint, const char *audience, struct keyreeve_spiffe **ret_source, char *ret_reason);
void keyreeve_spiffe_close(struct keyreeve_spiffe *source);
/* A keyreeve_token_fn; context is the source. */
int keyreeve_spiffe_token(void *context, int again, char *buffer, size_t size, size_t *ret_len, char *reason);
/* "gRPC core 29.0.0". */
const char *keyreeve_spiffe_library(void);

#ifdef __cplusplus
}
#endif

#endif
