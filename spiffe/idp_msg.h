/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyreeve-idp tells the agent, over struct ipc on the socket "agent".  The agent answers nothing.  When
 * its socket is replaced, idp says everything that is in force again.  The documents are undecoded foreign bytes. */
#ifndef SPIFFE_IDP_MSG_H
#define SPIFFE_IDP_MSG_H

enum idp_message {
	IDP_NONE = 0,
	IDP_HELLO,     /* part 0: build id; first on every socket */
	IDP_BUNDLES,   /* part 1: a complete snapshot, pairs of sized values: map key, document (spiffe/workload.h) */
	IDP_WITHDRAWN, /* part 0: why; forget every snapshot, at once */
	IDP_STATE,     /* part 0: text for log and status; id: enum workload_state */
};

#endif
