/* SPDX-License-Identifier: Apache-2.0
 *
 * What a watch watches: spiffe/workload.c runs any stream of the Workload API, and these two are all that differs
 * between them.  Part of spiffe/workload.h, not for others. */
#ifndef SPIFFE_WORKLOAD_STREAM_H
#define SPIFFE_WORKLOAD_STREAM_H

#include "spiffe/workload.h"

struct workload_stream {
	const char *method; /* "/Service/Method" */
	/* Write a snapshot as struct workload_events has it, into an empty list that is wiped when it ends; returns
	 * what is wrong with the message, NULL if nothing.  Static text. */
	const char *(*decode)(struct bytes message, struct buf *list);
};

/* As workload_watch_new(), of this stream (static). */
struct status workload_stream_watch(const struct workload_stream *stream, const struct endpoint *endpoint,
	const struct workload_events *events, const struct workload_timing *timing, struct workload_watch **ret_watch);

/* WA-09: two names of the same trust domain among them; sorts them. */
bool workload_has_twins(struct bytes *names, size_t count);

#endif
