/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "agent/remote.h"
#include "base/log.h"
#include "spiffe/bundle.h"
#include "spiffe/idp_msg.h"

struct status trust_init(struct trust *trust, struct loop *loop, struct compute *compute, struct jwtsvid_cache *tokens)
{
	*trust = (struct trust){ .loop = loop,
		.compute = compute,
		.tokens = tokens,
		.watch.fd = -1,
		.list = buf_make(IPC_SIZE_MAX),
		.waiting = buf_make(IPC_SIZE_MAX) };
	TRY(keyset_new_empty(&trust->nobody));
	trust->keys = keyset_ref(trust->nobody);
	jwtsvid_cache_keys(tokens, trust->keys);
	return OK;
}

static void disconnect(struct trust *trust)
{
	watch_remove(trust->loop, &trust->watch);
	ipc_free(trust->idp);
	trust->idp = NULL;
	if (trust->remote != NULL)
		remote_gone(trust->remote);
}

void trust_done(struct trust *trust)
{
	if (trust->loop == NULL)
		return;
	disconnect(trust);
	keyset_unref(trust->compiled);
	keyset_unref(trust->keys);
	keyset_unref(trust->nobody);
	buf_done(&trust->list);
	buf_done(&trust->waiting);
}

/* Takes the reference over. */
static void publish(struct trust *trust, struct keyset *keys)
{
	keyset_unref(trust->keys);
	trust->keys = keys;
	trust->keys_at_us = trust->loop->now_us;
	jwtsvid_cache_keys(trust->tokens, keys);
}

/* ---- compiling ---------------------------------------------------------------------------------- */

/* On a compute thread; the keys in force are read, not changed, until `done` runs on the loop. */
static void compile(struct compute_job *job)
{
	struct trust *trust = (struct trust *)((char *)job - offsetof(struct trust, job));
	struct bundle_set *bundles;

	trust->compiled = NULL;
	trust->result = bundle_set_new(buf_bytes(&trust->list), 0, &bundles);
	if (trust->result.code == STATUS_OK) {
		for (size_t i = 0; i < bundle_set_report_count(bundles); i++)
			log_warning("key documents: %s", bundle_set_report(bundles, i));
		trust->result = keyset_next(trust->keys, bundles, &trust->compiled);
		bundle_set_unref(bundles);
	}
	if (trust->result.code != STATUS_OK)
		fault_take(&trust->fault);
}

static void compiled(struct post *post);

static void start(struct trust *trust)
{
	trust->is_busy = true;
	trust->is_stale = false;
	trust->job = (struct compute_job){ .run = compile, .post.done = compiled };
	compute_submit(trust->compute, &trust->job);
}

static void report(const struct trust *trust)
{
	char text[LOG_FAULT_BYTES];

	if (trust->result.code != STATUS_OK) {
		log_error("key documents refused, those before stay in force: %s", log_fault_text(&trust->fault, text));
		return;
	}
	for (size_t i = 0; i < keyset_report_count(trust->compiled); i++)
		log_warning("key documents: %s", keyset_report(trust->compiled, i));
	log_info("key documents: %zu trust domains, %zu keys", keyset_domain_count(trust->compiled),
		keyset_key_count(trust->compiled));
}

static void compiled(struct post *post)
{
	struct trust *trust = (struct trust *)((char *)post - offsetof(struct trust, job.post));

	trust->is_busy = false;
	trust->is_heard = true;
	report(trust);
	if (trust->result.code == STATUS_OK && !trust->is_stale)
		publish(trust, trust->compiled);
	else
		keyset_unref(trust->compiled);
	trust->compiled = NULL;
	if (!trust->has_waiting)
		return;
	struct buf was = trust->list;

	trust->list = trust->waiting;
	trust->waiting = was;
	trust->has_waiting = false;
	start(trust);
}

static struct status take_bundles(struct trust *trust, struct bytes list)
{
	struct buf *to = trust->is_busy ? &trust->waiting : &trust->list;

	buf_clear(to);
	buf_put(to, list);
	TRY(buf_check(to));
	if (trust->is_busy)
		trust->has_waiting = true;
	else
		start(trust);
	return OK;
}

/* In force at once, also for what is still being compiled. */
static void withdraw(struct trust *trust, struct bytes why)
{
	log_warning("key documents withdrawn: %.*s", (int)why.len, (const char *)why.data);
	trust->is_heard = true;
	trust->is_stale = true;
	trust->has_waiting = false;
	publish(trust, keyset_ref(trust->nobody));
}

/* ---- keyreeve-idp ------------------------------------------------------------------------------- */

static struct status take_message(struct trust *trust, const struct ipc_message *message)
{
	switch ((enum idp_message)message->type) {
	case IDP_HELLO:
		ENSURE(bytes_equal(message->part[0], ipc_build_id()), IPC_BUILD);
		return OK;
	case IDP_BUNDLES:
		return take_bundles(trust, message->part[1]);
	case IDP_WITHDRAWN:
		withdraw(trust, message->part[0]);
		return OK;
	case IDP_STATE:
		if (message->part[0].len == 0)
			return OK;
		trust->is_heard = true; /* keyreeve-idp logs the rest itself */
		log_info("Workload API: %.*s", (int)message->part[0].len, (const char *)message->part[0].data);
		return OK;
	case IDP_VERDICT:
		return trust->remote != NULL ? remote_verdict(trust->remote, message) : OK;
	case IDP_VALIDATE: /* ours to send */
	case IDP_NONE:
		break;
	}
	return FAIL(IPC_MALFORMED);
}

static void idp_ready(struct watch *watch, uint32_t events)
{
	struct trust *trust = (struct trust *)((char *)watch - offsetof(struct trust, watch));
	struct status flushed = (events & EPOLLOUT) != 0 ? ipc_flush(trust->idp) : OK;
	struct status received = ipc_receive(trust->idp);
	bool have = true;

	while (have) {
		struct ipc_message message;

		if (ipc_next(trust->idp, &message, &have).code != STATUS_OK) {
			disconnect(trust);
			return;
		}
		if (have && take_message(trust, &message).code != STATUS_OK) {
			struct fault fault;
			char text[LOG_FAULT_BYTES];

			fault_take(&fault);
			log_error("message from keyreeve-idp refused: %s", log_fault_text(&fault, text));
		}
	}
	if (received.code != STATUS_OK || flushed.code != STATUS_OK)
		disconnect(trust);
	else
		watch_events(trust->loop, watch, ipc_wants_write(trust->idp) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

struct status trust_send(struct trust *trust, const struct ipc_message *message)
{
	ENSURE(trust->idp != NULL, LANE_DOWN);
	TRY(ipc_send(trust->idp, message));
	TRY(ipc_flush(trust->idp));
	if (ipc_wants_write(trust->idp))
		watch_events(trust->loop, &trust->watch, EPOLLIN | EPOLLOUT);
	return OK;
}

struct status trust_connect(struct trust *trust, int fd)
{
	struct status st;

	disconnect(trust);
	st = ipc_new(fd, &trust->idp);
	if (st.code != STATUS_OK) {
		(void)close(fd);
		return st;
	}
	trust->watch = (struct watch){ .fd = fd, .events = EPOLLIN, .ready = idp_ready };
	return watch_add(trust->loop, &trust->watch);
}
