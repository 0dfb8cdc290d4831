/* SPDX-License-Identifier: Apache-2.0
 *
 * Role keyreeve-idp: keeps a stream of key documents open to the SPIFFE Workload API and hands them, undecoded, to the
 * agent.  The only role that maps gRPC; it holds no keys and decides nothing about tokens.
 *
 * Two threads of ours.  The watching one speaks gRPC and writes what is in force into struct news; the main one
 * owns the sockets to keyreeved and to the agent and says what is in force whenever it has changed, or when the
 * agent is a new one.  Snapshots replace each other, so that a slow agent misses steps and never the end.  Where the
 * agent asks for the Workload API's opinion of tokens, idp_validate.c has threads for that. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "base/ipc.h"
#include "base/log.h"
#include "base/own.h"
#include "base/role.h"
#include "base/sandbox.h"
#include "spiffe/endpoint.h"
#include "spiffe/idp_msg.h"
#include "spiffe/idp_validate.h"
#include "spiffe/workload.h"

/* What is in force.  The watching thread writes, the main thread reads. */
struct news {
	pthread_mutex_t lock;
	int wake;			    /* eventfd: something below has changed */
	char server[WORKLOAD_REASON_BYTES]; /* whose words come now */
	char from[WORKLOAD_REASON_BYTES];   /* said the list */
	struct buf list;
	bool has_list;
	bool was_withdrawn; /* and has not been replaced since */
	char why[WORKLOAD_REASON_BYTES];
	uint64_t version; /* of list, has_list, was_withdrawn and why; 0: nothing heard yet */
	enum workload_state state;
	char reason[WORKLOAD_REASON_BYTES];
	uint64_t state_version;
	uint64_t heard; /* valid messages, also those that repeat the one before */
};

struct idp {
	struct role_start start;
	struct ipc *agent; /* NULL while there is none */
	struct news news;
	uint64_t sent_version; /* to this agent */
	uint64_t sent_state;
	uint64_t sent_heard;
	struct workload_watch *watch;
	struct validator *validator;
	pthread_t watcher;
};

/* ---- the watching thread ------------------------------------------------------------------------------ */

static void copy_text(char to[WORKLOAD_REASON_BYTES], const char *from)
{
	(void)snprintf(to, WORKLOAD_REASON_BYTES, "%s", from);
}

static void changed(struct news *news)
{
	(void)pthread_mutex_unlock(&news->lock);
	(void)eventfd_write(news->wake, 1); /* fails only when it is full, which also wakes */
}

static void on_bundles(void *context, struct bytes list)
{
	struct news *news = context;

	log_info("key documents received bytes=%zu", list.len);
	(void)pthread_mutex_lock(&news->lock);
	copy_text(news->from, news->server);
	buf_clear(&news->list);
	buf_put(&news->list, list);
	/* No memory for new keys is no reason to go on with old ones. */
	news->has_list = !news->list.bad;
	news->was_withdrawn = news->list.bad;
	copy_text(news->why, news->list.bad ? "out of memory" : "");
	news->version++;
	changed(news);
}

static void on_server(void *context, const char *who)
{
	struct news *news = context;

	copy_text(news->server, who); /* the watching thread's own */
}

static void on_withdrawn(void *context, const char *reason)
{
	struct news *news = context;

	log_warning("key documents withdrawn: %s", reason);
	(void)pthread_mutex_lock(&news->lock);
	buf_done(&news->list);
	news->has_list = false;
	news->was_withdrawn = true;
	copy_text(news->why, reason);
	news->version++;
	changed(news);
}

static void log_state(enum workload_state state, const char *reason)
{
	switch (state) {
	case WORKLOAD_CONNECTING:
	case WORKLOAD_CONNECTED:
		log_info("Workload API: %s", workload_state_name(state));
		return;
	case WORKLOAD_DISCARDED:
	case WORKLOAD_BACKING_OFF:
		log_warning("Workload API: %s: %s", workload_state_name(state), reason);
		return;
	case WORKLOAD_REFUSED:
		log_error("Workload API: %s, next try in minutes: %s", workload_state_name(state), reason);
		return;
	case WORKLOAD_STRANGER: /* the agent's alarm */
		return;
	}
}

/* Said once as long as it stays the same, however often it is tried. */
static void on_state(void *context, enum workload_state state, const char *reason)
{
	struct news *news = context;
	bool same;

	(void)pthread_mutex_lock(&news->lock);
	news->heard += state == WORKLOAD_CONNECTED;
	same = news->state_version > 0 && news->state == state && strcmp(news->reason, reason) == 0;
	if (!same) {
		news->state = state;
		copy_text(news->reason, reason);
		news->state_version++;
	}
	changed(news);
	if (!same)
		log_state(state, reason);
}

static void *watch_main(void *context)
{
	struct idp *idp = context;

	workload_watch_run(idp->watch);
	return NULL;
}

/* ---- the agent ------------------------------------------------------------------------------------------ */

static struct status send_text(struct ipc *agent, uint16_t type, uint64_t id, const char *text)
{
	struct ipc_message message = ipc_message_of(type, id);

	message.part[0] = bytes_from_text(text);
	return ipc_send(agent, &message);
}

static struct status send_list(struct ipc *agent, const struct news *news)
{
	struct ipc_message message = ipc_message_of(IDP_BUNDLES, 0);

	message.part[0] = bytes_from_text(news->from);
	message.part[1] = buf_bytes(&news->list);
	return ipc_send(agent, &message);
}

static struct status send_hello(struct ipc *agent)
{
	struct ipc_message message = ipc_message_of(IDP_HELLO, 0);

	message.part[0] = ipc_build_id();
	return ipc_send(agent, &message);
}

/* Queue whatever the agent has not been told; the documents first, since they decide. */
static struct status send_news(struct idp *idp)
{
	struct news *news = &idp->news;

	if (news->version > idp->sent_version) {
		if (news->has_list)
			TRY(send_list(idp->agent, news));
		else
			TRY(send_text(idp->agent, IDP_WITHDRAWN, 0, news->why));
		idp->sent_version = news->version;
		idp->sent_heard = news->heard;
	}
	if (news->heard > idp->sent_heard) {
		struct ipc_message confirmed = ipc_message_of(IDP_CONFIRMED, 0);

		TRY(ipc_send(idp->agent, &confirmed));
		idp->sent_heard = news->heard;
	}
	if (news->state_version > idp->sent_state) {
		TRY(send_text(idp->agent, IDP_STATE, (uint64_t)news->state, news->reason));
		idp->sent_state = news->state_version;
	}
	return OK;
}

/* Only when the agent has read everything before: what it has not read yet is replaced, not queued. */
static struct status tell_agent(struct idp *idp)
{
	struct status st;

	if (idp->agent == NULL)
		return OK;
	TRY(validator_tell(idp->validator, idp->agent));
	TRY(ipc_flush(idp->agent));
	if (ipc_wants_write(idp->agent))
		return OK;
	(void)pthread_mutex_lock(&idp->news.lock);
	st = send_news(idp);
	(void)pthread_mutex_unlock(&idp->news.lock);
	TRY(st);
	return ipc_flush(idp->agent);
}

static void drop_agent(struct idp *idp)
{
	ipc_free(idp->agent);
	idp->agent = NULL;
}

/* A first agent, or the one that was started after the last one died: it knows nothing. */
static struct status take_agent(struct idp *idp, int fd)
{
	struct status st;

	drop_agent(idp);
	validator_forget(idp->validator);
	st = ipc_new(fd, &idp->agent);
	if (st.code != STATUS_OK) {
		(void)close(fd);
		return st;
	}
	idp->sent_version = 0;
	idp->sent_state = 0;
	idp->sent_heard = 0;
	return send_hello(idp->agent);
}

/* The agent says its hello and asks about tokens; anything else, or its end, ends the connection. */
static struct status read_agent(struct idp *idp)
{
	struct ipc_message message;
	struct status st = ipc_receive(idp->agent);
	bool have;

	for (;;) {
		TRY(ipc_next(idp->agent, &message, &have));
		if (!have)
			return st;
		if (message.type == IDP_VALIDATE) {
			validator_ask(idp->validator, &message);
			continue;
		}
		ENSURE(message.type == IDP_HELLO, IPC_MALFORMED);
		ENSURE(bytes_equal(message.part[0], ipc_build_id()), IPC_BUILD);
	}
}

static void serve_agent(struct idp *idp, short events)
{
	struct status st = OK;

	if (idp->agent == NULL)
		return;
	if ((events & (POLLIN | POLLHUP | POLLERR)) != 0)
		st = read_agent(idp);
	if (st.code == STATUS_OK)
		st = ipc_flush(idp->agent);
	if (st.code == STATUS_OK)
		st = tell_agent(idp);
	if (st.code == STATUS_OK)
		return;
	log_notice("agent's connection ended: %s", status_text(st.code));
	drop_agent(idp);
}

/* ---- keyreeved --------------------------------------------------------------------------------------------- */

/* A later ROLE_FD named "agent" replaces the agent's socket; the end of the stream ends the role. */
static struct status read_ctl(struct idp *idp)
{
	struct ipc_message message;
	struct status st = ipc_receive(idp->start.ctl);
	bool have;

	for (;;) {
		TRY(ipc_next(idp->start.ctl, &message, &have));
		if (!have)
			return st;
		ENSURE(message.type == ROLE_FD && message.fd >= 0, IPC_MALFORMED);
		ENSURE(bytes_equal(message.part[0], BYTES_LITERAL("agent")), IPC_MALFORMED);
		if (take_agent(idp, ipc_take_fd(idp->start.ctl, &message)).code != STATUS_OK)
			drop_agent(idp);
	}
}

/* Until keyreeved closes its end. */
static struct status serve(struct idp *idp)
{
	enum { CTL, WAKE, AGENT, COUNT };

	for (;;) {
		struct pollfd wait[COUNT] = {
			[CTL] = { .fd = ipc_fd(idp->start.ctl), .events = POLLIN },
			[WAKE] = { .fd = idp->news.wake, .events = POLLIN },
			[AGENT] = { .fd = idp->agent == NULL ? -1 : ipc_fd(idp->agent), .events = POLLIN },
		};
		eventfd_t ignored;

		if (idp->agent != NULL && ipc_wants_write(idp->agent))
			wait[AGENT].events |= POLLOUT;
		if (poll(wait, COUNT, -1) < 0 && errno != EINTR)
			return FAIL_RC(IO, errno);
		if (wait[WAKE].revents != 0)
			(void)eventfd_read(idp->news.wake, &ignored); /* only a counter */
		serve_agent(idp, wait[AGENT].revents);
		if (wait[CTL].revents != 0) {
			struct status st = read_ctl(idp);

			if (st.code != STATUS_OK)
				return st;
			serve_agent(idp, 0);
		}
	}
}

/* ---- begin and end ------------------------------------------------------------------------------------------ */

static struct status begin_watch(struct idp *idp, const struct endpoint_section *section)
{
	const struct workload_events events = { &idp->news, on_bundles, on_withdrawn, on_state, on_server };
	struct workload_timing timing = { .max_age_ms = section->max_age_s * 1000 };

	timing.confirm_ms = timing.max_age_ms / 2; /* heard again before it is too old */
	return workload_watch_new(&section->endpoint, &events, &timing, &idp->watch);
}

static struct status begin(struct idp *idp)
{
	AUTO(own_close) int fd = role_take_fd(&idp->start, "agent");
	struct endpoint_section section;

	idp->news.list = buf_make(WORKLOAD_LIST_MAX);
	(void)pthread_mutex_init(&idp->news.lock, NULL); /* cannot fail for a default mutex */
	idp->news.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (idp->news.wake < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	TRY(endpoint_section_get(buf_bytes(&idp->start.config), &section));
	TRY(validator_new(&section.endpoint, idp->news.wake, &idp->validator));
	if (fd >= 0)
		TRY(take_agent(idp, own_take_fd(&fd)));
	TRY(begin_watch(idp, &section));
	if (pthread_create(&idp->watcher, NULL, watch_main, idp) != 0) {
		workload_watch_free(TAKE(idp->watch));
		return FAIL(NO_MEMORY);
	}
	return OK;
}

static void end(struct idp *idp)
{
	if (idp->watch != NULL) {
		workload_watch_stop(idp->watch);
		(void)pthread_join(idp->watcher, NULL); /* our own thread, never detached */
		workload_watch_free(idp->watch);
	}
	drop_agent(idp);
	validator_free(idp->validator);
	buf_done(&idp->news.list);
	own_close(&idp->news.wake);
	(void)pthread_mutex_destroy(&idp->news.lock);
}

static struct status run(struct idp *idp)
{
	struct status st = begin(idp);

	if (st.code != STATUS_OK)
		role_failed(&idp->start, st, "spiffe.endpoint cannot be used");
	else
		st = role_ready(&idp->start, "watching the Workload API");
	if (st.code == STATUS_OK)
		st = serve(idp);
	end(idp);
	return st;
}

int main(int argc, char **argv)
{
	static struct idp idp;
	struct sandbox_options options;
	struct status st;

	if (role_version(argc, argv, "keyreeve-idp"))
		return 0;
	if (role_begin("keyreeve-idp", &idp.start).code != STATUS_OK)
		return 1;
	options = sandbox_options_none();
	st = sandbox_enter(SANDBOX_IDP, &options, NULL);
	if (st.code == STATUS_OK) {
		workload_library_begin(); /* its threads inherit the sandbox */
		/* Foreign bytes come from here on. */
		st = run(&idp);
		workload_library_end();
	} else {
		role_failed(&idp.start, st, "the sandbox cannot be entered on this kernel");
	}
	role_end(&idp.start);
	return st.code == STATUS_IPC_CLOSED ? 0 : 1;
}
