/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/workload.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/secret.h"
#include "spiffe/id.h"
#include "spiffe/workload.pb-c.h"
#include "spiffe/workload_pb.h"
#include "spiffe/workload_rpc.h"
#include "spiffe/workload_stream.h"

static const struct workload_timing timing_defaults = {
	.first_message_ms = 30 * 1000,
	.retry_base_ms = 1000,
	.retry_cap_ms = 30 * 1000,
	.at_once_ms = 5000,
	.refused_ms = 5 * 60 * 1000,
	.confirm_ms = 12 * 60 * 60 * 1000,
	.max_age_ms = 24 * 60 * 60 * 1000,
};

/* ---- key documents --------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	const struct bytes *left = a, *right = b;
	size_t shared = left->len < right->len ? left->len : right->len;
	int order = memcmp(left->data, right->data, shared);

	if (order != 0)
		return order;
	return (left->len > right->len) - (left->len < right->len);
}

/* In whatever spelling. */
bool workload_has_twins(struct bytes *names, size_t count)
{
	qsort(names, count, sizeof(names[0]), compare_names);
	for (size_t i = 1; i < count; i++)
		if (bytes_equal(names[i - 1], names[i]))
			return true;
	return false;
}

/* What is wrong with a snapshot; NULL if nothing is (WA-05, WA-09, SID-20, JB-11). */
static const char *snapshot_fault(const Workload__JwtBundlesResponse *response)
{
	struct bytes names[WORKLOAD_DOMAINS_MAX];

	if (response->n_bundles == 0)
		return "message without any key document";
	if (response->n_bundles > WORKLOAD_DOMAINS_MAX)
		return "message with more than 256 trust domains";
	for (size_t i = 0; i < response->n_bundles; i++) {
		const Workload__JwtBundle *bundle = response->bundles[i];

		if (spiffe_map_key_domain(workload_field(bundle->trust_domain_id), &names[i]).code != STATUS_OK)
			return "message with a key that names no trust domain";
		if (bundle->document.len == 0)
			return "message with an empty key document";
	}
	return workload_has_twins(names, response->n_bundles) ? "message that names a trust domain twice" : NULL;
}

/* Write a snapshot as struct workload_events has it; returns what is wrong with the message, NULL if nothing. */
static const char *snapshot_decode(struct bytes message, struct buf *list)
{
	struct workload_budget budget;
	Workload__JwtBundlesResponse *response;
	const char *fault;

	response = workload__jwt_bundles_response__unpack(
		workload_budget_begin(&budget, message.len), message.len, message.data);
	if (response == NULL)
		return "message that does not decode";
	fault = snapshot_fault(response);
	for (size_t i = 0; fault == NULL && i < response->n_bundles; i++) {
		buf_put_sized(list, workload_field(response->bundles[i]->trust_domain_id));
		buf_put_sized(list, workload_field(response->bundles[i]->document));
	}
	workload__jwt_bundles_response__free_unpacked(response, &budget.allocator);
	if (fault == NULL && list->bad)
		fault = "message that there was no memory for";
	return fault;
}

static const struct workload_stream jwt_bundles = { "/SpiffeWorkloadAPI/FetchJWTBundles", snapshot_decode };

/* ---- the watch ------------------------------------------------------------------------------------- */

struct workload_watch {
	const struct workload_stream *stream;
	struct endpoint endpoint;
	struct workload_events events;
	struct workload_timing timing;
	int wake; /* eventfd, readable once stopped */

	pthread_mutex_t lock;	  /* over the two below */
	struct workload_rpc *rpc; /* borrowed from the running thread, for cancelling */
	bool stopped;

	/* the running thread's own */
	struct buf held; /* the snapshot in force */
	bool holding;
	uint64_t heard_us;   /* when it was received last */
	uint64_t at_once_us; /* the last attempt without delay; 0 never */
	unsigned failures;   /* since the last valid message */
};

/* How one stream went. */
struct stream_end {
	bool valid;	/* a valid message arrived */
	bool is_silent; /* given up only to hear the snapshot again (WA-07) */
	int status;	/* of gRPC */
	char reason[WORKLOAD_REASON_BYTES];
};

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
	return value > 0 ? value : otherwise;
}

static struct workload_timing timing_of(const struct workload_timing *given)
{
	const struct workload_timing *d = &timing_defaults;

	if (given == NULL)
		return *d;
	return (struct workload_timing){
		.first_message_ms = or_default(given->first_message_ms, d->first_message_ms),
		.retry_base_ms = or_default(given->retry_base_ms, d->retry_base_ms),
		.retry_cap_ms = or_default(given->retry_cap_ms, d->retry_cap_ms),
		.at_once_ms = or_default(given->at_once_ms, d->at_once_ms),
		.refused_ms = or_default(given->refused_ms, d->refused_ms),
		.confirm_ms = or_default(given->confirm_ms, d->confirm_ms),
		.max_age_ms = or_default(given->max_age_ms, d->max_age_ms),
	};
}

struct status workload_stream_watch(const struct workload_stream *stream, const struct endpoint *endpoint,
	const struct workload_events *events, const struct workload_timing *timing, struct workload_watch **ret_watch)
{
	AUTO(own_close) int wake = -1;
	struct workload_watch *watch;

	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	watch = calloc(1, sizeof(*watch));
	ENSURE(watch != NULL, NO_MEMORY);
	watch->stream = stream;
	watch->endpoint = *endpoint;
	watch->events = *events;
	watch->timing = timing_of(timing);
	watch->held = buf_make(WORKLOAD_LIST_MAX);
	watch->wake = own_take_fd(&wake);
	(void)pthread_mutex_init(&watch->lock, NULL); /* cannot fail for a default mutex */
	*ret_watch = watch;
	return OK;
}

struct status workload_watch_new(const struct endpoint *endpoint, const struct workload_events *events,
	const struct workload_timing *timing, struct workload_watch **ret_watch)
{
	return workload_stream_watch(&jwt_bundles, endpoint, events, timing, ret_watch);
}

void workload_watch_free(struct workload_watch *watch)
{
	if (watch == NULL)
		return;
	buf_done(&watch->held);
	own_close(&watch->wake);
	(void)pthread_mutex_destroy(&watch->lock);
	free(watch);
}

void workload_watch_stop(struct workload_watch *watch)
{
	(void)pthread_mutex_lock(&watch->lock);
	watch->stopped = true;
	if (watch->rpc != NULL)
		workload_rpc_cancel(watch->rpc);
	(void)pthread_mutex_unlock(&watch->lock);
	(void)eventfd_write(watch->wake, 1); /* fails only when it is full, which also wakes */
}

static bool is_stopped(struct workload_watch *watch)
{
	bool stopped;

	(void)pthread_mutex_lock(&watch->lock);
	stopped = watch->stopped;
	(void)pthread_mutex_unlock(&watch->lock);
	return stopped;
}

/* Let workload_watch_stop() reach the call, or no longer. */
static void publish_rpc(struct workload_watch *watch, struct workload_rpc *rpc)
{
	(void)pthread_mutex_lock(&watch->lock);
	watch->rpc = rpc;
	if (rpc != NULL && watch->stopped)
		workload_rpc_cancel(rpc);
	(void)pthread_mutex_unlock(&watch->lock);
}

const char *workload_state_name(enum workload_state state)
{
	switch (state) {
	case WORKLOAD_CONNECTING:
		return "connecting";
	case WORKLOAD_CONNECTED:
		return "connected";
	case WORKLOAD_DISCARDED:
		return "message discarded";
	case WORKLOAD_BACKING_OFF:
		return "backing off";
	case WORKLOAD_REFUSED:
		return "refused";
	case WORKLOAD_STRANGER:
		return "not spoken to";
	}
	return "unknown";
}

static void say(struct workload_watch *watch, enum workload_state state, const char *reason)
{
	watch->events.state(watch->events.context, state, reason);
}

static void withdraw(struct workload_watch *watch, const char *reason)
{
	if (!watch->holding)
		return;
	watch->holding = false;
	buf_done(&watch->held); /* wiped: it may hold a key (WA-26) */
	watch->events.withdrawn(watch->events.context, reason);
}

/* WA-02 to WA-05, WA-25: a whole snapshot or nothing. */
static void take_message(struct workload_watch *watch, struct workload_rpc *rpc, struct stream_end *end)
{
	AUTO(buf_done) struct buf list = buf_make(WORKLOAD_LIST_MAX);
	struct bytes message;
	const char *fault = "message that is compressed or found no memory";

	if (workload_rpc_message(rpc, &message).code == STATUS_OK)
		fault = watch->stream->decode(message, &list);
	if (fault != NULL) {
		say(watch, WORKLOAD_DISCARDED, fault);
		return;
	}
	end->valid = true;
	watch->failures = 0;
	watch->heard_us = clock_mono_us();
	if (!watch->holding || !bytes_equal(buf_bytes(&list), buf_bytes(&watch->held))) {
		buf_done(&watch->held);
		watch->held = TAKE(list);
		watch->holding = true;
		watch->events.bundles(watch->events.context, buf_bytes(&watch->held));
	}
	say(watch, WORKLOAD_CONNECTED, "");
}

/* Until the stream ends, or has been silent for too long. */
static void read_stream(struct workload_watch *watch, struct workload_rpc *rpc, struct stream_end *end)
{
	uint32_t wait_ms = watch->timing.first_message_ms;

	for (;;) {
		switch (workload_rpc_next(rpc, wait_ms)) {
		case WORKLOAD_RPC_MESSAGE:
			take_message(watch, rpc, end);
			wait_ms = watch->timing.confirm_ms;
			break;
		case WORKLOAD_RPC_ENDED:
			end->status = workload_rpc_status(rpc);
			workload_rpc_reason(rpc, end->reason);
			return;
		case WORKLOAD_RPC_TIMEOUT:
			end->is_silent = end->valid;
			end->status = WORKLOAD_RPC_DEADLINE_EXCEEDED;
			(void)snprintf(
				end->reason, sizeof(end->reason), "no message from the server for %u ms", wait_ms);
			return;
		}
	}
}

static void run_stream(struct workload_watch *watch, struct stream_end *end)
{
	struct workload_rpc *rpc = NULL;
	struct status st = workload_rpc_open(&watch->endpoint, watch->stream->method, (struct bytes){ 0 }, 0, &rpc);
	char who[WORKLOAD_REASON_BYTES];

	if (st.code != STATUS_OK) {
		end->status = WORKLOAD_RPC_INTERNAL;
		(void)snprintf(end->reason, sizeof(end->reason), "%s", status_text(st.code));
		return;
	}
	if (watch->events.server != NULL && workload_rpc_server(rpc, who))
		watch->events.server(watch->events.context, who);
	publish_rpc(watch, rpc);
	read_stream(watch, rpc, end);
	publish_rpc(watch, NULL);
	workload_rpc_close(rpc);
}

/* Between half and all of it, so that many clients of one server do not come back together. */
static uint64_t with_jitter(uint64_t ms)
{
	uint32_t random = 0;

	if (random_fill(&random, sizeof(random)).code != STATUS_OK)
		return ms; /* a delay without jitter is still a delay */
	return ms / 2 + random % (ms / 2 + 1);
}

/* EP-19: at once after a stream that was good for something, but only so often; else exponentially later. */
static uint64_t retry_delay(struct workload_watch *watch, const struct stream_end *end)
{
	const struct workload_timing *timing = &watch->timing;
	const uint64_t now = clock_mono_us();
	uint64_t delay = timing->retry_base_ms;

	if (end->valid &&
		(watch->at_once_us == 0 || now - watch->at_once_us >= timing->at_once_ms * (uint64_t)US_PER_MS)) {
		watch->at_once_us = now;
		return 0;
	}
	for (unsigned i = 0; i < watch->failures && delay < timing->retry_cap_ms; i++)
		delay *= 2;
	watch->failures++;
	return with_jitter(delay < timing->retry_cap_ms ? delay : timing->retry_cap_ms);
}

/* What the end of a stream means, and how long to wait. */
static uint64_t after_stream(struct workload_watch *watch, const struct stream_end *end)
{
	if (end->is_silent)
		return 0;
	switch (end->status) {
	case WORKLOAD_RPC_INVALID_ARGUMENT:
	case WORKLOAD_RPC_UNIMPLEMENTED: /* EP-14, EP-17: it will not get better by asking */
		say(watch, WORKLOAD_REFUSED, end->reason);
		return with_jitter(watch->timing.refused_ms);
	case WORKLOAD_RPC_PERMISSION_DENIED:
		withdraw(watch, end->reason); /* WA-06; nothing else withdraws */
		break;
	case WORKLOAD_RPC_STRANGER:
		say(watch, WORKLOAD_STRANGER, end->reason);
		return retry_delay(watch, end);
	case WORKLOAD_RPC_OK:
	default: /* EP-18: every other status is the server's or the transport's trouble */
		break;
	}
	say(watch, WORKLOAD_BACKING_OFF, end->status == WORKLOAD_RPC_OK ? "server ended the stream" : end->reason);
	return retry_delay(watch, end);
}

static void withdraw_stale(struct workload_watch *watch)
{
	if (watch->holding && clock_mono_us() - watch->heard_us >= watch->timing.max_age_ms * (uint64_t)US_PER_MS)
		withdraw(watch, "not confirmed by the server for too long");
}

/* Nothing is polled meanwhile: there is no channel between two attempts. */
static void sleep_unless_stopped(struct workload_watch *watch, uint64_t ms)
{
	const uint64_t until = clock_mono_us() + ms * US_PER_MS;
	struct pollfd wait = { .fd = watch->wake, .events = POLLIN };

	for (uint64_t now = clock_mono_us(); now < until; now = clock_mono_us())
		if (poll(&wait, 1, (int)((until - now) / US_PER_MS) + 1) > 0)
			return;
}

void workload_watch_run(struct workload_watch *watch)
{
	say(watch, WORKLOAD_CONNECTING, "");
	while (!is_stopped(watch)) {
		struct stream_end end = { .status = WORKLOAD_RPC_OK };
		uint64_t delay_ms;

		run_stream(watch, &end);
		if (is_stopped(watch))
			return;
		delay_ms = after_stream(watch, &end);
		withdraw_stale(watch);
		sleep_unless_stopped(watch, delay_ms);
	}
}
