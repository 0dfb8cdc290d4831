/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection of a client: connects, writes a request, reads its answer, all against one absolute deadline.  Knows
 * frames, not operations.  One thread at a time. */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include <sys/types.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/status.h"
#include "wire/frame.h"

enum { TRANSPORT_PATH_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) };

struct transport {
	char path[TRANSPORT_PATH_BYTES];
	bool check_uid; /* the peer's listening process must have had this uid */
	uid_t uid;
	int fd;	       /* -1: not connected */
	struct buf in; /* the last answer's header and body */
	bool answered; /* some byte of an answer arrived in the last exchange */
	bool sent;     /* some byte of the request left in the last exchange */
};

/* "unix:/path", "unix:///path" or "/path".  Fails: CLIENT_ENDPOINT. */
struct status transport_init(struct transport *t, const char *endpoint);
void transport_done(struct transport *t);
void transport_close(struct transport *t);

/* Send `request` and read the answer to `opcode`.  A kept connection that the service has closed meanwhile is replaced
 * before anything is sent.
 *   fresh     never over a connection that was used before
 *   ret_body  borrowed until the next call
 * Fails: CLIENT_CONNECT (native: errno), CLIENT_SERVER, CLIENT_CLOSED, CLIENT_TIMEOUT, CLIENT_ANSWER, NO_MEMORY. */
struct status transport_exchange(struct transport *t, struct bytes request, uint32_t opcode, bool fresh,
	uint64_t deadline_us, struct frame_header *ret_header, struct bytes *ret_body);

#endif
