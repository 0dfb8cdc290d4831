/* SPDX-License-Identifier: Apache-2.0
 *
 * What worker.c and worker_pool.c share; nobody else includes it. */
#ifndef CRYPTO_WORKER_LOOP_H
#define CRYPTO_WORKER_LOOP_H

#include "crypto/worker.h"

enum { WORKER_FOR_EVER = -1 };

/* One worker; all pointers but `wrap` are borrowed from the caller of worker_run().  Once the pool runs, `lane` is
 * used under its lock; ctl, wrap and ended belong to the thread that reads. */
struct worker {
	const struct worker_ops *ops;
	void *self;
	struct ipc *ctl, *lane;
	struct ipc *wrap; /* owned; NULL when there is none */
	struct worker_page *page;
	bool is_open; /* the device has answered the hello: before that nothing can be wrapped */
	bool ended;   /* the other end closed the lane, or keyreeved is gone */
};

/* Do what a request asks; any thread, without a lock.  Fails as the provider does, with QUEUE_DEADLINE when it came
 * too late, or IPC_MALFORMED. */
struct status worker_act(struct worker *w, const struct ipc_message *m, struct worker_answer *answer);
/* The answer's message: parts on success (borrowed from answer), the thread's fault otherwise, which is taken. */
struct ipc_message worker_reply(const struct ipc_message *m, struct status st, const struct worker_answer *answer);
void worker_answer_init(struct worker_answer *answer);
void worker_answer_clear(struct worker_answer *answer);
void worker_answer_done(struct worker_answer *answer);
/* Block until the lane has something or w->ended is set; the other sockets are served meanwhile.  Fails: IO. */
struct status worker_wait(struct worker *w);

/* Serve requests until w->ended.  Fails as worker_run(). */
struct status worker_pool_run(struct worker *w);

#endif
