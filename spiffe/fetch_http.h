/* SPDX-License-Identifier: Apache-2.0
 *
 * One document over HTTPS under one of the two profiles of SPIFFE Federation, within bounds of size, time and
 * redirects: the only code that speaks to libcurl.  HTTP/1.1 and TLS 1.2 or later, no proxy, no other protocol, no
 * cookie, no compression, no kept connection and no resumed session, so that every answer had its certificate looked
 * at. One thread; several transfers at a time.  spiffe-requirements FD-03 to FD-07. */
#ifndef SPIFFE_FETCH_HTTP_H
#define SPIFFE_FETCH_HTTP_H

#include <poll.h>

#include "spiffe/fetch_source.h"

struct fetch_http;

struct fetch_http_events {
	void *context; /* borrowed */
	/* Once per transfer; document is borrowed for the call, and empty when st is a failure, of which text is a
	 * printable sentence. */
	void (*done)(void *context, uint64_t id, struct status st, struct bytes document, const char *text);
};

/* Start the library: before the sandbox, so that nothing is loaded later, and before any thread.  Fails: NO_MEMORY. */
struct status fetch_http_new(const char *ca_file, const struct fetch_http_events *events, struct fetch_http **ret_http);
void fetch_http_free(struct fetch_http *http);
/* "libcurl 7.88.1", for --version. */
const char *fetch_http_version(void);

/* Begin; source and authorities are borrowed until its done().  A failure is told by done() alone. */
void fetch_http_start(
	struct fetch_http *http, uint64_t id, const struct fetch_source *source, struct bytes authorities);
/* Wait for the network, for one of the descriptors, or for timeout_ms, and go on with what is ready.  Fails: IO. */
struct status fetch_http_wait(struct fetch_http *http, struct pollfd *more, unsigned count, int timeout_ms);

#endif
