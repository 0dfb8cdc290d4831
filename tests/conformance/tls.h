/* SPDX-License-Identifier: Apache-2.0
 *
 * Mutual TLS with the identity of this moment: OpenSSL shakes hands, spiffe/x509.h alone judges the peer's chain.  No
 * session is ever resumed, so every connection is judged.  XS-10: TLS 1.2 at least, no host names. */
#ifndef TESTS_CONFORMANCE_TLS_H
#define TESTS_CONFORMANCE_TLS_H

#include "spiffe/id.h"
#include "tests/conformance/source.h"

/* Serve one accepted connection (taken over): after the handshake the peer's SPIFFE ID and a newline, else nothing. */
void tls_serve(struct source *source, int fd);

/* Be the client of "127.0.0.1:PORT" and say whom the server's certificate names.
 * Fails: those of x509svid_verify() for the server; CLIENT_ARGUMENT, CLIENT_CONNECT (nobody there, no identity of our
 * own, another failure of the handshake). */
struct status tls_dial(struct source *source, const char *address, struct spiffe_id *ret_id);

#endif
