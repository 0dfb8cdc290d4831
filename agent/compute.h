/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads for what costs more than a turn of the loop may: token verification, public-key operations, long hashes.
 * A job runs on one of them and comes back through its post.  compute_submit() is the loop's; bounded by the number
 * of connections, since each has at most one request. */
#ifndef AGENT_COMPUTE_H
#define AGENT_COMPUTE_H

#include "agent/loop.h"

enum { COMPUTE_THREADS = 2 };

/* Owned by the submitter, untouched by it until post.done runs on the loop. */
struct compute_job {
	struct post post;
	struct compute_job *next;
	void (*run)(struct compute_job *job); /* on a compute thread */
};

struct compute;

/* Fails: NO_MEMORY. */
struct status compute_start(struct loop *loop, struct compute **ret_compute);
void compute_stop(struct compute *compute);
void compute_submit(struct compute *compute, struct compute_job *job);

#endif
