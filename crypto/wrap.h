/* SPDX-License-Identifier: Apache-2.0
 *
 * The socket between keyreeve-soft and the worker that wraps for it (a TPM or a token): soft has its wrapping key
 * sealed once, and opened at each start.  keyreeved joins the two; the agent never sees the key.  The connection is
 * for one exchange: soft closes it, so that no buffer of the other side keeps the key.
 *
 *   type        part 0     part 1                            answer's part 0
 *   WRAP_SEAL   build id   the key, WRAP_KEY_BYTES           sealed piece
 *   WRAP_OPEN   build id   sealed piece                      the key
 *
 * The client's calls are here; the serving side is worker_ops.wrap, called by worker_run() after wrap_check(). */
#ifndef CRYPTO_WRAP_H
#define CRYPTO_WRAP_H

#include "base/ipc.h"
#include "base/secret.h"

enum wrap_type { WRAP_NONE = 0, WRAP_SEAL, WRAP_OPEN, WRAP_TYPE_COUNT };

enum {
	WRAP_KEY_BYTES = 32,
	WRAP_SEALED_MAX = 4096,
	WRAP_WAIT_MS = 15000, /* the other worker may just be starting */
};

/* Serving side: is this a request of our build with bytes of the right length?  Fails: IPC_BUILD, IPC_MALFORMED. */
struct status wrap_check(const struct ipc_message *message);

/* Client side: one exchange, waiting at most WRAP_WAIT_MS.  Fails: WRAP_MISSING (no answer, or a malformed one), the
 * other worker's reason, LIMIT. */
struct status wrap_seal(struct ipc *ipc, struct bytes key, struct buf *ret_sealed);
struct status wrap_open(struct ipc *ipc, struct bytes sealed, struct secret *ret_key);

#endif
