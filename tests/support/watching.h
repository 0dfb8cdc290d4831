/* SPDX-License-Identifier: Apache-2.0
 *
 * A watch of the Workload API in a thread of its own, and what it announced, for a test to wait on.  One at a time. */
#ifndef TESTS_SUPPORT_WATCHING_H
#define TESTS_SUPPORT_WATCHING_H

#include <pthread.h>

#include "spiffe/workload.h"

struct watched {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned bundles;
	unsigned withdrawn;
	unsigned states[WORKLOAD_STRANGER + 1];
	size_t last_len; /* of the last snapshot's list */
	char reason[WORKLOAD_REASON_BYTES];
};
extern struct watched watched;

struct watching {
	struct workload_watch *watch;
	pthread_t thread;
};

/* Counters at zero, the watch running. */
struct watching watching_begin(const char *uri, const struct workload_timing *timing);
struct watching watching_begin_at(const struct endpoint *endpoint, const struct workload_timing *timing);
/* Also asserts that it stops soon, whatever it is doing. */
void watching_end(struct watching *w);

/* Wait until a counter of `watched` has reached a number; false after ten seconds. */
bool watched_reaches(const unsigned *counter, unsigned number);
unsigned watched_count(const unsigned *counter);
/* The last reason holds these words. */
bool watched_reason(const char *words);

#endif
