/* SPDX-License-Identifier: Apache-2.0
 *
 * The way to the Workload API's socket: who serves it is known before anything is said to them.  Part of
 * spiffe/workload.h, not for others. */
#ifndef SPIFFE_WORKLOAD_CONNECT_H
#define SPIFFE_WORKLOAD_CONNECT_H

#include "base/status.h"
#include "spiffe/endpoint.h"

/* Whose a socket's other end is, as the kernel noted it when they called listen(). */
struct workload_server {
	uint32_t uid;
	int32_t pid; /* 0: in no PID namespace that we see */
};

/* Connect to a Unix endpoint, if its server_uid serves it; never waits.
 *   ret_fd       connected, not blocking, the caller's
 *   ret_server   also when JWT_STRANGER
 * Fails: NO_DESCRIPTORS, IO (native: errno; nobody listens, or takes nobody), JWT_STRANGER.  Any thread. */
struct status workload_connect(const struct endpoint *endpoint, int *ret_fd, struct workload_server *ret_server);

#endif
