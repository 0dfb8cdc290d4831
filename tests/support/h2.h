/* SPDX-License-Identifier: Apache-2.0
 *
 * A server of HTTP/2 that sends exactly the frames a test wrote, in a thread of its own: what gRPC's own server would
 * never send.  It answers SETTINGS and PING, decodes no headers, and takes one connection after the other with one call
 * each: the n-th gets the n-th answer, later ones the last.  RFC 9113; GR-01 to GR-05. */
#ifndef TESTS_SUPPORT_H2_H
#define TESTS_SUPPORT_H2_H

#include <pthread.h>

#include "base/buf.h"
#include "base/bytes.h"

enum h2_type {
	H2_DATA = 0,
	H2_HEADERS = 1,
	H2_RST_STREAM = 3,
	H2_SETTINGS = 4,
	H2_PING = 6,
	H2_GOAWAY = 7,
	H2_CONTINUATION = 9
};
enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4, H2_PADDED = 8 };
enum { H2_CALL = 1 /* a client's first stream */, H2_ANSWER_MAX = 1024 * 1024 };

/* One more field of a header block, as a literal that is not indexed; name and value under 127 bytes. */
void h2_field_put(struct buf *block, const char *name, const char *value);
/* What begins a message of gRPC: the flag, the length of what follows. */
void h2_prefix_put(struct buf *message, uint8_t flag, size_t len);
/* One frame of the call, or of the connection for SETTINGS, PING and GOAWAY.
 *   pad   bytes of padding, with H2_PADDED among the flags */
void h2_frame_put(struct buf *out, enum h2_type type, uint8_t flags, uint8_t pad, struct bytes payload);

struct h2_server {
	char directory[32], path[64], endpoint[80];
	const struct buf *answers; /* borrowed */
	size_t answer_count;
	const bool *hangs_up; /* after the answer, one for each; NULL: never */
	int fd, stop;
	pthread_t thread;
	unsigned calls; /* after h2_stop() */
};

/* Both fail the test when they cannot. */
void h2_start(struct h2_server *server, const struct buf *answers, size_t answer_count, const bool *hangs_up);
void h2_stop(struct h2_server *server);

#endif
