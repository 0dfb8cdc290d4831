/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider without a device behind struct worker_ops, and the agent's end of a lane to a worker_run() on a thread of
 * its own: what it was asked is counted, what it answers is set by the test. */
#ifndef TESTS_SUPPORT_FAKE_PROVIDER_H
#define TESTS_SUPPORT_FAKE_PROVIDER_H

#include <pthread.h>

#include "crypto/worker.h"

struct fake_provider {
	struct worker_ops ops; /* set by fake_provider_init(); a test may change it before the start */
	_Atomic unsigned opened, generated, signed_count, destroyed, wrapped;
	_Atomic unsigned concurrent, concurrent_max; /* calls inside the provider now, and at most */
	_Atomic bool hold_generate, hold_sign;	     /* stay in the call until the test lets go */
	_Atomic uint64_t seen_executing;	     /* page slot during the last call of a lone thread */
	enum status_code open_fails, sign_fails;     /* STATUS_OK: they do not */
	int64_t native;				     /* of those failures */
	uint8_t state[16];			     /* what open() was given */
	size_t state_len;
	struct worker_page page;
	/* the ends */
	struct ipc *lane; /* the test's end */
	struct ipc *ctl;  /* keyreeved's end */
	struct ipc *wrap; /* soft's end */
	struct ipc *own_lane, *own_ctl;
	int own_wrap;
	pthread_t thread;
	struct status result; /* of worker_run(), after fake_provider_join() */
};

void fake_provider_init(struct fake_provider *fake, unsigned threads);
/* Run worker_run() on a thread. */
void fake_provider_start(struct fake_provider *fake);
/* Say hello and return the answer, borrowed until the next call. */
struct ipc_message fake_provider_hello(struct fake_provider *fake, struct bytes state);
/* Send a request with the given parts 1 and 2; `request` may be NULL for an empty part 0. */
void fake_provider_send(struct fake_provider *fake, enum worker_type type, uint64_t id,
	const struct worker_request *request, struct bytes part1, struct bytes part2, uint64_t deadline_us);
/* The same in two steps: what is queued arrives together. */
void fake_provider_queue(struct fake_provider *fake, enum worker_type type, uint64_t id,
	const struct worker_request *request, struct bytes part1, struct bytes part2, uint64_t deadline_us);
void fake_provider_flush(struct fake_provider *fake);
/* The next answer. */
struct ipc_message fake_provider_answer(struct fake_provider *fake);
/* Close the lane, wait for the end of worker_run(), free everything. */
void fake_provider_join(struct fake_provider *fake);

#endif
