/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent and a worker say to each other over their lane, and the loop that every worker runs.  A worker
 * holds one software store, one TPM or one PKCS#11 token; it sees digests and key blobs, never names, tenants or
 * tokens.  Its blobs are opaque to the agent: sealed by the worker, kept in the record, handed back with each use. */
/* clang-format off */
/* Messages: struct ipc_message of base/ipc.h, with these types.  A request's part 0 is always a fixed encoding that
 * the struct worker_request below describes; answers carry status, native code and parts as listed.
 *
 *   type                part 0                      part 1          part 2            answer parts
 *   WORKER_HELLO        build id (IPC_BUILD_BYTES)  state from kv   store tag          build id | struct worker_info | new state
 *   WORKER_GENERATE     request                     parent blob     -                 key blob | public key | hardware commands
 *   WORKER_SIGN         request                     key blob        sized(parent), hash   signature | - | hardware commands
 *   WORKER_DESTROY      request                     key blob        -                 - | - | hardware commands
 *   WORKER_PARENT       request                     -               -                 parent blob
 *   WORKER_RANDOM       request (bits = bytes)      -               -                 bytes, 1 to WORKER_RANDOM_MAX
 *   WORKER_FIND         request (hardware id)       -               -                 u32 count of objects with that id
 *   WORKER_CLEAN        request (hardware id)       -               -                 destroys every object with that id
 *
 * "State" is what the worker wants kept in the store under its provider's name: the sealed wrapping key, the storage
 * key's Name, the device identity.  The first answer may carry a new state; the agent makes it durable before it
 * sends any other request.  "Hardware commands" is text: comma-separated names of TPM commands or C_ functions. */
/* clang-format on */
#ifndef CRYPTO_WORKER_H
#define CRYPTO_WORKER_H

#include <stdatomic.h>

#include "base/ipc.h"
#include "crypto/psa.h"

enum worker_type {
	WORKER_NONE = 0,
	WORKER_HELLO,
	WORKER_GENERATE,
	WORKER_SIGN,
	WORKER_DESTROY,
	WORKER_PARENT,
	WORKER_RANDOM,
	WORKER_FIND,
	WORKER_CLEAN,
	WORKER_TYPE_COUNT
};

enum {
	WORKER_HARDWARE_ID_BYTES = 32, /* CKA_ID: 8 of store tag, 24 random; the same shape for every provider */
	WORKER_TAG_BYTES = 8,
	WORKER_BLOB_MAX = 16 * 1024, /* key blob, parent blob */
	WORKER_STATE_MAX = 16 * 1024,
	WORKER_RANDOM_MAX = 4096,
	WORKER_THREADS_MAX = 16,
	WORKER_CAPS_MAX = 64,
};

/* Part 0 of every request but HELLO: attributes, algorithm, hardware id. */
struct worker_request {
	struct psa_key_attributes key;
	struct psa_alg alg; /* of the signature */
	uint8_t hardware_id[WORKER_HARDWARE_ID_BYTES];
	uint32_t bytes; /* WORKER_RANDOM */
};
enum { WORKER_REQUEST_BYTES = PSA_ATTRIBUTES_BYTES + PSA_ALG_BYTES + WORKER_HARDWARE_ID_BYTES + 4 };
void worker_request_put(struct buf *to, const struct worker_request *request);
/* Fails: IPC_MALFORMED unless it is exactly one request. */
struct status worker_request_get(struct bytes from, struct worker_request *ret_request);

/* One thing that the provider can do: a key type and size, and a signature algorithm with a hash (ANY: each one). */
struct worker_cap {
	uint8_t kind;	/* enum psa_key_kind */
	uint8_t family; /* enum psa_ecc_family */
	uint8_t alg;	/* enum psa_alg_kind */
	uint8_t hash;	/* enum psa_hash */
	uint32_t bits;
};

/* What a worker says of itself once its device is open. */
struct worker_info {
	char description[128];	/* "swtpm rev 1.62", "SoftHSM v2": for operators and ListProviders */
	uint8_t identity[32];	/* hardware identity; zeros when the device has none */
	bool needs_parent;	/* keys live below a parent blob per namespace */
	bool needs_intent;	/* objects outlive a crash: intent before the act (PKCS#11) */
	bool verify_after_sign; /* `auto` resolved: the agent verifies each signature */
	uint32_t threads;	/* slots of the page that are used */
	uint32_t cap_count;
	struct worker_cap caps[WORKER_CAPS_MAX];
};
void worker_info_put(struct buf *to, const struct worker_info *info);
struct status worker_info_get(struct bytes from, struct worker_info *ret_info);
/* Can it make, or use, such a key?  Fails: ATTR_PUBLIC, ATTR_TYPE, ATTR_ALG. */
struct status worker_info_supports(const struct worker_info *info, const struct psa_key_attributes *key);

/* Shared with the agent: slot n holds the id of the request that thread n is executing, 0 when idle. */
struct worker_page {
	_Atomic uint64_t executing[WORKER_THREADS_MAX];
};

/* Answer under construction; the loop sends it. */
struct worker_answer {
	struct buf part[IPC_PARTS]; /* caps set by the loop */
};

/* A provider, as the worker's loop drives it.  `self` is its own state, from its main.  Every call runs on one of
 * `threads` threads, one request at a time on each; all but open may be called concurrently if threads > 1. */
struct worker_ops {
	const char *role; /* "tpm": for the log */
	unsigned threads;
	/* Open the device with the state kept from before (empty at the first start); ret_state is left empty when
	 * unchanged.  tag: WORKER_TAG_BYTES of the store. */
	struct status (*open)(
		void *self, struct bytes state, struct bytes tag, struct worker_info *ret_info, struct buf *ret_state);
	struct status (*generate)(
		void *self, const struct worker_request *rq, struct bytes parent, struct worker_answer *answer);
	struct status (*sign)(void *self, const struct worker_request *rq, struct bytes blob, struct bytes parent,
		struct bytes hash, struct worker_answer *answer);
	struct status (*destroy)(
		void *self, const struct worker_request *rq, struct bytes blob, struct worker_answer *answer);
	struct status (*parent)(void *self, const struct worker_request *rq, struct worker_answer *answer);
	struct status (*random)(void *self, uint32_t bytes, struct worker_answer *answer);
	struct status (*find)(void *self, const struct worker_request *rq, uint32_t *ret_count);
	struct status (*clean)(void *self, const struct worker_request *rq);
	/* A message on the socket between soft and the worker that wraps for it, checked by wrap_check(): its part 1
	 * in, the answer's part 0 out (crypto/wrap.h).  NULL when it never wraps; on the calling thread of
	 * worker_run(). */
	struct status (*wrap)(void *self, const struct ipc_message *message, struct worker_answer *answer);
};

/* Serve the lane until it closes (the agent is gone): hello, then requests, in order where there is one thread.  An
 * executing request's id stands in page->executing[thread] before the provider is called and until its answer is
 * queued.  Answers are flushed at the end of a batch and after at most WORKER_FLUSH_US.  A request whose deadline has
 * passed is answered QUEUE_DEADLINE and never reaches the provider.
 *
 *   ctl       the socket to keyreeved: ROLE_READY goes out on it once the device is open (so a main does not say it);
 *             it may bring a new socket to soft (ROLE_FD "wrap"); borrowed
 *   lane      borrowed
 *   wrap_fd   -1, or the socket to soft; taken over
 *   page      borrowed
 *
 * Returns OK when lane or ctl closed; the provider's failure when open() failed, which the lane was told, too (a main
 * passes it on by role_failed()); else IPC_MALFORMED, IPC_BUILD, LIMIT, NO_MEMORY, IO. */
enum { WORKER_FLUSH_US = 200 };
struct status worker_run(const struct worker_ops *ops, void *self, struct ipc *ctl, struct ipc *lane, int wrap_fd,
	struct worker_page *page);

#endif
