/* SPDX-License-Identifier: Apache-2.0
 *
 * One call to the Workload API over gRPC C core, and the only file that sees gRPC.  A call has a channel and a queue of
 * its own, made anew for every attempt: nothing of a failed channel's back-off stays (it answers UNAVAILABLE within
 * microseconds and then idles), and the socket is looked up by its path again, whose inode an agent's restart replaced.
 * A Unix socket is connected here (workload_connect.h); gRPC gets the descriptor of one whose server is the right one.
 * One thread per call, but for workload_rpc_cancel().  Part of spiffe/workload.h, not for others. */
#ifndef SPIFFE_WORKLOAD_RPC_H
#define SPIFFE_WORKLOAD_RPC_H

#include "spiffe/workload.h"

/* GR-10: those that decide something; and what is no status of gRPC: another than the endpoint's server_uid serves the
 * socket, and nothing was said to it. */
enum {
	WORKLOAD_RPC_STRANGER = -1,
	WORKLOAD_RPC_OK = 0,
	WORKLOAD_RPC_INVALID_ARGUMENT = 3,
	WORKLOAD_RPC_DEADLINE_EXCEEDED = 4,
	WORKLOAD_RPC_PERMISSION_DENIED = 7,
	WORKLOAD_RPC_UNIMPLEMENTED = 12,
	WORKLOAD_RPC_INTERNAL = 13,
};

enum workload_rpc_event { WORKLOAD_RPC_TIMEOUT = 0, WORKLOAD_RPC_MESSAGE, WORKLOAD_RPC_ENDED };

struct workload_rpc;

/* Begin a call.
 *   method        static text, "/Service/Method"
 *   request       packed message, copied
 *   deadline_ms   of all of it; 0 is none
 * Fails: NO_MEMORY, NO_DESCRIPTORS, IO (the library refused).  A server that cannot be reached, or is a stranger, is a
 * call that ends. */
struct status workload_rpc_open(const struct endpoint *endpoint, const char *method, struct bytes request,
	uint32_t deadline_ms, struct workload_rpc **ret_rpc);
/* Cancel, drain, free; accepts NULL. */
void workload_rpc_close(struct workload_rpc *rpc);
/* The call ends soon, as Cancelled.  Any thread, until workload_rpc_close(). */
void workload_rpc_cancel(struct workload_rpc *rpc);

/* What happens next, within wait_ms; a message handed out before is gone. */
enum workload_rpc_event workload_rpc_next(struct workload_rpc *rpc, uint64_t wait_ms);
/* After WORKLOAD_RPC_MESSAGE: the message, borrowed until the next call.  Fails: LIMIT (compressed), NO_MEMORY. */
struct status workload_rpc_message(struct workload_rpc *rpc, struct bytes *ret_message);
/* Who serves a Unix endpoint, in printable text; false where nobody can tell, or nothing is said. */
bool workload_rpc_server(const struct workload_rpc *rpc, char ret_who[WORKLOAD_REASON_BYTES]);
/* After WORKLOAD_RPC_ENDED: gRPC status, and it with the server's words in printable text. */
int workload_rpc_status(const struct workload_rpc *rpc);
void workload_rpc_reason(const struct workload_rpc *rpc, char ret_reason[WORKLOAD_REASON_BYTES]);

#endif
