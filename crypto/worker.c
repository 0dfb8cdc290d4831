/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker says: its first message, an answer to each request, and the two other sockets.  Its threads are in
 * worker_pool.c. */
#include "crypto/worker.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/role.h"
#include "crypto/worker_loop.h"
#include "crypto/wrap.h"

/* ---- one request -------------------------------------------------------------------------------- */

static struct status open_device(struct worker *w, const struct ipc_message *m, struct worker_answer *answer)
{
	struct worker_info info = { 0 };

	ENSURE(bytes_equal(m->part[0], ipc_build_id()), IPC_BUILD);
	ENSURE(m->part[1].len <= WORKER_STATE_MAX && m->part[2].len == WORKER_TAG_BYTES, IPC_MALFORMED);
	TRY(w->ops->open(w->self, m->part[1], m->part[2], &info, &answer->part[2]));
	w->is_open = true;
	info.threads = w->ops->threads;
	buf_put(&answer->part[0], ipc_build_id());
	worker_info_put(&answer->part[1], &info);
	return OK;
}

static struct status do_generate(
	struct worker *w, const struct worker_request *rq, const struct ipc_message *m, struct worker_answer *answer)
{
	ENSURE(m->part[1].len <= WORKER_BLOB_MAX, IPC_MALFORMED);
	return w->ops->generate(w->self, rq, m->part[1], answer);
}

static struct status do_sign(
	struct worker *w, const struct worker_request *rq, const struct ipc_message *m, struct worker_answer *answer)
{
	struct reader r = reader_of(m->part[2]);
	struct bytes parent = reader_sized(&r, WORKER_BLOB_MAX);

	ENSURE(!r.bad && m->part[1].len <= WORKER_BLOB_MAX, IPC_MALFORMED);
	ENSURE(r.left.len > 0 && r.left.len <= PSA_HASH_MAX_BYTES, IPC_MALFORMED);
	return w->ops->sign(w->self, rq, m->part[1], parent, r.left, answer);
}

static struct status do_destroy(
	struct worker *w, const struct worker_request *rq, const struct ipc_message *m, struct worker_answer *answer)
{
	ENSURE(m->part[1].len <= WORKER_BLOB_MAX, IPC_MALFORMED);
	return w->ops->destroy(w->self, rq, m->part[1], answer);
}

static struct status do_parent(
	struct worker *w, const struct worker_request *rq, const struct ipc_message *m, struct worker_answer *answer)
{
	(void)m;
	ENSURE(w->ops->parent != NULL, DEVICE_UNSUPPORTED);
	return w->ops->parent(w->self, rq, answer);
}

static struct status do_random(
	struct worker *w, const struct worker_request *rq, const struct ipc_message *m, struct worker_answer *answer)
{
	(void)m;
	ENSURE(rq->bytes > 0 && rq->bytes <= WORKER_RANDOM_MAX, IPC_MALFORMED);
	return w->ops->random(w->self, rq->bytes, answer);
}

static struct status do_find(
	struct worker *w, const struct worker_request *rq, const struct ipc_message *m, struct worker_answer *answer)
{
	uint32_t count;

	(void)m;
	ENSURE(w->ops->find != NULL, DEVICE_UNSUPPORTED);
	TRY(w->ops->find(w->self, rq, &count));
	buf_put_u32(&answer->part[0], count);
	return OK;
}

static struct status do_clean(
	struct worker *w, const struct worker_request *rq, const struct ipc_message *m, struct worker_answer *answer)
{
	(void)m;
	(void)answer;
	ENSURE(w->ops->clean != NULL, DEVICE_UNSUPPORTED);
	return w->ops->clean(w->self, rq);
}

typedef struct status do_fn(
	struct worker *w, const struct worker_request *rq, const struct ipc_message *m, struct worker_answer *answer);

static do_fn *const acts[WORKER_TYPE_COUNT] = {
	[WORKER_GENERATE] = do_generate,
	[WORKER_SIGN] = do_sign,
	[WORKER_DESTROY] = do_destroy,
	[WORKER_PARENT] = do_parent,
	[WORKER_RANDOM] = do_random,
	[WORKER_FIND] = do_find,
	[WORKER_CLEAN] = do_clean,
};

struct status worker_act(struct worker *w, const struct ipc_message *m, struct worker_answer *answer)
{
	struct worker_request rq;

	TRY(worker_request_get(m->part[0], &rq));
	ENSURE(m->deadline_us == 0 || clock_mono_us() < m->deadline_us, QUEUE_DEADLINE);
	return acts[m->type](w, &rq, m, answer);
}

void worker_answer_init(struct worker_answer *answer)
{
	answer->part[0] = buf_make(WORKER_BLOB_MAX);
	answer->part[1] = buf_make(WORKER_BLOB_MAX);
	answer->part[2] = buf_make(WORKER_STATE_MAX);
}

void worker_answer_clear(struct worker_answer *answer)
{
	for (size_t i = 0; i < IPC_PARTS; i++)
		buf_clear(&answer->part[i]);
}

void worker_answer_done(struct worker_answer *answer)
{
	for (size_t i = 0; i < IPC_PARTS; i++)
		buf_done(&answer->part[i]);
}

/* The answer's message: parts on success, the thread's fault otherwise. */
struct ipc_message worker_reply(const struct ipc_message *m, struct status st, const struct worker_answer *answer)
{
	struct ipc_message reply = ipc_message_of(m->type, m->id);
	struct fault fault;

	for (size_t i = 0; i < IPC_PARTS && st.code == STATUS_OK; i++)
		st = buf_check(&answer->part[i]);
	reply.status = st.code;
	for (size_t i = 0; i < IPC_PARTS && st.code == STATUS_OK; i++)
		reply.part[i] = buf_bytes(&answer->part[i]);
	fault_take(&fault);
	if (st.code != STATUS_OK && fault.code == st.code)
		reply.native = (uint32_t)fault.native;
	return reply;
}

/* ---- start -------------------------------------------------------------------------------------- */

/* The first message.  A failure to open the device is the answer, and the worker's end. */
static struct status hello(
	struct worker *w, const struct ipc_message *m, char ret_text[sizeof(((struct worker_info *)0)->description)])
{
	struct worker_answer answer;
	struct ipc_message reply;
	struct worker_info info;
	struct status st;

	worker_answer_init(&answer);
	st = m->type == WORKER_HELLO ? open_device(w, m, &answer) : FAIL(IPC_MALFORMED);
	reply = worker_reply(m, st, &answer);
	if (st.code != STATUS_OK) /* for the caller, as if it had not been taken */
		st = status_fail(st.code, reply.native, __FILE__, __LINE__, __func__);
	else if (worker_info_get(buf_bytes(&answer.part[1]), &info).code == STATUS_OK)
		memcpy(ret_text, info.description, sizeof(info.description));
	if (ipc_send(w->lane, &reply).code != STATUS_OK || ipc_flush_wait(w->lane, WORKER_FOR_EVER).code != STATUS_OK)
		w->ended = true;
	worker_answer_done(&answer);
	return st;
}

static struct status say_ready(struct worker *w, const char *text)
{
	struct ipc_message ready = ipc_message_of(ROLE_READY, 0);

	ready.part[0] = bytes_from_text(text);
	TRY(ipc_send(w->ctl, &ready));
	return ipc_flush_wait(w->ctl, ROLE_START_MS);
}

/* ---- the other sockets -------------------------------------------------------------------------- */

static void wrap_replace(struct worker *w, int fd)
{
	ipc_free(w->wrap);
	w->wrap = NULL;
	if (fd >= 0 && ipc_new(fd, &w->wrap).code != STATUS_OK)
		(void)close(fd);
}

/* keyreeved brings a new socket to a software worker that was started again. */
static void serve_ctl(struct worker *w)
{
	struct status received = ipc_receive(w->ctl);
	struct ipc_message m;
	bool have = true;

	while (ipc_next(w->ctl, &m, &have).code == STATUS_OK && have)
		if (m.type == ROLE_FD && bytes_equal(m.part[0], BYTES_LITERAL("wrap")) && w->ops->wrap != NULL)
			wrap_replace(w, ipc_take_fd(w->ctl, &m));
	if (received.code != STATUS_OK)
		w->ended = true;
}

static struct status answer_wrap(struct worker *w, const struct ipc_message *m)
{
	struct worker_answer answer;
	struct ipc_message reply;
	struct status st;

	worker_answer_init(&answer);
	st = wrap_check(m);
	if (st.code == STATUS_OK)
		st = w->ops->wrap(w->self, m, &answer);
	reply = worker_reply(m, st, &answer);
	st = ipc_send(w->wrap, &reply);
	if (st.code == STATUS_OK)
		st = ipc_flush_wait(w->wrap, WRAP_WAIT_MS);
	worker_answer_done(&answer);
	return st;
}

/* Whatever goes wrong here ends this socket, not the worker. */
static void serve_wrap(struct worker *w)
{
	struct status received = ipc_receive(w->wrap);
	struct ipc_message m;
	struct status st;
	bool have = true;

	for (;;) {
		st = ipc_next(w->wrap, &m, &have);
		if (st.code != STATUS_OK || !have)
			break;
		st = answer_wrap(w, &m);
		if (st.code != STATUS_OK)
			break;
	}
	if (received.code != STATUS_OK || st.code != STATUS_OK)
		wrap_replace(w, -1);
}

enum { POLL_LANE, POLL_CTL, POLL_WRAP, POLL_COUNT };

struct status worker_wait(struct worker *w)
{
	for (;;) {
		struct pollfd fds[POLL_COUNT] = {
			[POLL_LANE] = { .fd = ipc_fd(w->lane), .events = POLLIN },
			[POLL_CTL] = { .fd = ipc_fd(w->ctl), .events = POLLIN },
			[POLL_WRAP] = { .fd = w->wrap != NULL && w->is_open ? ipc_fd(w->wrap) : -1, .events = POLLIN },
		};
		int n = poll(fds, POLL_COUNT, WORKER_FOR_EVER);

		if (n < 0 && errno != EINTR)
			return FAIL_RC(IO, errno);
		if (n > 0 && fds[POLL_CTL].revents != 0)
			serve_ctl(w);
		if (n > 0 && fds[POLL_WRAP].revents != 0 && w->wrap != NULL)
			serve_wrap(w);
		if (w->ended || (n > 0 && fds[POLL_LANE].revents != 0))
			return OK;
	}
}

/* ------------------------------------------------------------------------------------------------- */

static struct status first_message(struct worker *w, struct ipc_message *ret_message)
{
	for (;;) {
		struct status received = ipc_receive(w->lane);
		bool have;

		TRY(ipc_next(w->lane, ret_message, &have));
		if (have)
			return OK;
		w->ended = w->ended || received.code != STATUS_OK;
		if (w->ended)
			return OK;
		TRY(worker_wait(w));
	}
}

struct status worker_run(const struct worker_ops *ops, void *self, struct ipc *ctl, struct ipc *lane, int wrap_fd,
	struct worker_page *page)
{
	struct worker w = { .ops = ops, .self = self, .ctl = ctl, .lane = lane, .page = page };
	char text[sizeof(((struct worker_info *)0)->description)] = "";
	struct ipc_message m;
	struct status st;

	if (ops->threads == 0 || ops->threads > WORKER_THREADS_MAX) {
		if (wrap_fd >= 0)
			(void)close(wrap_fd);
		return FAIL(LIMIT);
	}
	wrap_replace(&w, wrap_fd);
	st = first_message(&w, &m);
	if (st.code == STATUS_OK && !w.ended)
		st = hello(&w, &m, text);
	if (st.code == STATUS_OK && !w.ended)
		st = say_ready(&w, text);
	if (st.code == STATUS_OK && !w.ended)
		st = worker_pool_run(&w);
	ipc_free(w.wrap);
	/* The agent, or keyreeved, is gone: that is how a worker ends. */
	return st.code == STATUS_IPC_CLOSED ? OK : st;
}
