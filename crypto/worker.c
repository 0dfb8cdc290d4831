/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop of every worker.  With one thread, requests run where they are read.  With more, the calling thread reads
 * and `threads` others work: everything they share, the lane too, is under one lock that nobody holds while the
 * provider works. */
#include "crypto/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/role.h"
#include "crypto/wrap.h"

enum {
	FLUSH_ANSWERS = 4, /* sent together at most */
	JOBS_MAX = 256,	   /* read and not answered; the agent hands over 64 at once */
	FOR_EVER = -1,
};

/* A request that waits for a thread, with its own copy of the bytes. */
struct job {
	struct job *next;
	struct ipc_message message; /* parts point into bytes */
	struct buf bytes;	    /* owned */
};

struct queue {
	struct job *head, *tail;
};

struct worker {
	const struct worker_ops *ops; /* borrowed, as all that worker_run() is given */
	void *self;
	struct ipc *ctl, *lane;
	struct ipc *wrap; /* owned; NULL when there is none */
	struct worker_page *page;
	bool is_open; /* the device has answered the hello: before that nothing can be wrapped */
	bool ended;   /* the other end closed the lane, or keyreeved is gone */
	/* of the lane's lock, when there are threads */
	pthread_mutex_t lock;
	pthread_cond_t work, space;
	unsigned unflushed;	  /* answers */
	uint64_t unflushed_us;	  /* when the oldest answer that is not flushed was queued; 0 none */
	struct queue quick, slow; /* slow: key generation, which may not take every thread */
	unsigned slow_running;
	struct job *spare;
	struct status failed; /* first failure of a thread */
	bool stopping;
};

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

static struct status act(struct worker *w, const struct ipc_message *m, struct worker_answer *answer)
{
	struct worker_request rq;

	TRY(worker_request_get(m->part[0], &rq));
	ENSURE(m->deadline_us == 0 || clock_mono_us() < m->deadline_us, QUEUE_DEADLINE);
	return acts[m->type](w, &rq, m, answer);
}

static void answer_init(struct worker_answer *answer)
{
	answer->part[0] = buf_make(WORKER_BLOB_MAX);
	answer->part[1] = buf_make(WORKER_BLOB_MAX);
	answer->part[2] = buf_make(WORKER_STATE_MAX);
}

static void answer_clear(struct worker_answer *answer)
{
	for (size_t i = 0; i < IPC_PARTS; i++)
		buf_clear(&answer->part[i]);
}

static void answer_done(struct worker_answer *answer)
{
	for (size_t i = 0; i < IPC_PARTS; i++)
		buf_done(&answer->part[i]);
}

/* The answer's message: parts on success, the thread's fault otherwise. */
static struct ipc_message reply_of(const struct ipc_message *m, struct status st, const struct worker_answer *answer)
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

/* May what is queued wait for this request?  Only a short one: see WORKER_FLUSH_US. */
static bool is_quick(const struct ipc_message *m)
{
	struct worker_request rq;

	return m->type == WORKER_SIGN && worker_request_get(m->part[0], &rq).code == STATUS_OK && rq.key.bits <= 256;
}

/* The functions from here to the next rule are called with the lane's lock held where there are threads. */

static struct status flush(struct worker *w)
{
	w->unflushed_us = 0;
	w->unflushed = 0;
	return ipc_flush_wait(w->lane, FOR_EVER);
}

static struct status queue_reply(struct worker *w, const struct ipc_message *reply, uint64_t started_us)
{
	uint64_t now = clock_mono_us();

	TRY(ipc_send(w->lane, reply));
	if (w->unflushed_us == 0)
		w->unflushed_us = now;
	w->unflushed++;
	/* A slow device: the next request would make this answer wait too long.  And a few answers are worth a wake-up:
	 * while the agent serves them the next ones are made (docs/BENCHMARKS.md). */
	if (now - started_us >= WORKER_FLUSH_US || now - w->unflushed_us >= WORKER_FLUSH_US ||
		w->unflushed >= FLUSH_ANSWERS)
		return flush(w);
	return OK;
}

static struct status flush_before(struct worker *w, const struct ipc_message *m)
{
	return w->unflushed_us != 0 && !is_quick(m) ? flush(w) : OK;
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

	answer_init(&answer);
	st = m->type == WORKER_HELLO ? open_device(w, m, &answer) : FAIL(IPC_MALFORMED);
	reply = reply_of(m, st, &answer);
	if (st.code != STATUS_OK) /* for the caller, as if it had not been taken */
		st = status_fail(st.code, reply.native, __FILE__, __LINE__, __func__);
	else if (worker_info_get(buf_bytes(&answer.part[1]), &info).code == STATUS_OK)
		memcpy(ret_text, info.description, sizeof(info.description));
	if (ipc_send(w->lane, &reply).code != STATUS_OK || flush(w).code != STATUS_OK)
		w->ended = true;
	answer_done(&answer);
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

	answer_init(&answer);
	st = wrap_check(m);
	if (st.code == STATUS_OK)
		st = w->ops->wrap(w->self, m, &answer);
	buf_clear(&answer.part[1]);
	buf_put_text(&answer.part[1], w->ops->role);
	reply = reply_of(m, st, &answer);
	st = ipc_send(w->wrap, &reply);
	if (st.code == STATUS_OK)
		st = ipc_flush_wait(w->wrap, WRAP_WAIT_MS);
	answer_done(&answer);
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

/* Wait until the lane has something; serve the others meanwhile. */
static struct status wait_for_lane(struct worker *w)
{
	for (;;) {
		struct pollfd fds[POLL_COUNT] = {
			[POLL_LANE] = { .fd = ipc_fd(w->lane), .events = POLLIN },
			[POLL_CTL] = { .fd = ipc_fd(w->ctl), .events = POLLIN },
			[POLL_WRAP] = { .fd = w->wrap != NULL && w->is_open ? ipc_fd(w->wrap) : -1, .events = POLLIN },
		};
		int n = poll(fds, POLL_COUNT, FOR_EVER);

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

static struct status check_type(const struct ipc_message *m)
{
	ENSURE(m->type > WORKER_HELLO && m->type < WORKER_TYPE_COUNT, IPC_MALFORMED);
	return OK;
}

/* ---- one thread --------------------------------------------------------------------------------- */

static struct status execute(struct worker *w, const struct ipc_message *m, struct worker_answer *answer)
{
	uint64_t started_us = clock_mono_us();
	struct ipc_message reply;
	struct status st;

	TRY(check_type(m));
	TRY(flush_before(w, m));
	atomic_store(&w->page->executing[0], m->id);
	answer_clear(answer);
	st = act(w, m, answer);
	reply = reply_of(m, st, answer);
	st = queue_reply(w, &reply, started_us);
	atomic_store(&w->page->executing[0], 0);
	return st;
}

/* Everything that has arrived. */
static struct status execute_batch(struct worker *w, struct worker_answer *answer)
{
	struct status received = ipc_receive(w->lane);

	if (received.code != STATUS_OK)
		w->ended = true;
	for (;;) {
		struct ipc_message m;
		bool have;

		TRY(ipc_next(w->lane, &m, &have));
		if (!have)
			break;
		TRY(execute(w, &m, answer));
	}
	return w->unflushed_us != 0 ? flush(w) : OK;
}

static struct status run_alone(struct worker *w)
{
	struct worker_answer answer;
	struct status st = OK;

	answer_init(&answer);
	while (st.code == STATUS_OK && !w->ended) {
		st = execute_batch(w, &answer);
		if (st.code == STATUS_OK && !w->ended)
			st = wait_for_lane(w);
	}
	answer_done(&answer);
	return st;
}

/* ---- several threads ---------------------------------------------------------------------------- */

static void queue_put(struct queue *queue, struct job *job)
{
	job->next = NULL;
	if (queue->head == NULL)
		queue->head = job;
	else
		queue->tail->next = job;
	queue->tail = job;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->head;

	if (job != NULL)
		queue->head = job->next;
	return job;
}

/* One slow job at a time goes first; more of them only where a thread stays free for the quick ones. */
static struct job *job_take(struct worker *w, bool *ret_slow)
{
	struct job *job = NULL;

	*ret_slow = false;
	if (w->slow.head != NULL && w->slow_running == 0)
		job = queue_take(&w->slow);
	if (job == NULL) {
		job = queue_take(&w->quick);
		if (job != NULL)
			return job;
		if (w->slow_running + 1 < w->ops->threads)
			job = queue_take(&w->slow);
	}
	*ret_slow = job != NULL;
	return job;
}

struct thread {
	struct worker *worker;
	pthread_t id;
	unsigned number;
};

static struct status run_job(struct worker *w, unsigned number, struct job *job, struct worker_answer *answer)
{
	uint64_t started_us = clock_mono_us();
	struct ipc_message reply;
	struct status st;

	TRY(flush_before(w, &job->message));
	atomic_store(&w->page->executing[number], job->message.id);
	(void)pthread_mutex_unlock(&w->lock);
	answer_clear(answer);
	st = act(w, &job->message, answer);
	reply = reply_of(&job->message, st, answer);
	(void)pthread_mutex_lock(&w->lock);
	st = queue_reply(w, &reply, started_us);
	atomic_store(&w->page->executing[number], 0);
	return st;
}

static void thread_failed(struct worker *w, struct status st)
{
	if (w->failed.code == STATUS_OK)
		w->failed = st;
	w->stopping = true;
	(void)pthread_cond_broadcast(&w->work);
	(void)pthread_cond_broadcast(&w->space);
}

static void *thread_run(void *context)
{
	struct thread *thread = context;
	struct worker *w = thread->worker;
	struct worker_answer answer;
	struct status st = OK;

	answer_init(&answer);
	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		bool slow = false;
		struct job *job = w->stopping ? NULL : job_take(w, &slow);

		if (job == NULL && w->unflushed_us != 0)
			st = flush(w);
		if (w->stopping || st.code != STATUS_OK)
			break;
		if (job == NULL) {
			(void)pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		w->slow_running += slow ? 1 : 0;
		st = run_job(w, thread->number, job, &answer);
		w->slow_running -= slow ? 1 : 0;
		job->next = w->spare;
		w->spare = job;
		(void)pthread_cond_signal(&w->space);
		if (st.code != STATUS_OK)
			break;
	}
	if (st.code != STATUS_OK)
		thread_failed(w, st);
	(void)pthread_mutex_unlock(&w->lock);
	answer_done(&answer);
	return NULL;
}

static struct status job_fill(struct job *job, const struct ipc_message *m)
{
	size_t at = 0;

	buf_clear(&job->bytes);
	for (size_t i = 0; i < IPC_PARTS; i++)
		buf_put(&job->bytes, m->part[i]);
	TRY(buf_check(&job->bytes));
	job->message = *m;
	for (size_t i = 0; i < IPC_PARTS; i++) {
		job->message.part[i] = bytes_of(job->bytes.data + at, m->part[i].len);
		at += m->part[i].len;
	}
	return OK;
}

/* Hand over what has arrived, waiting for a spare job when all are in use.  With the lock held; the threads are woken
 * when it is free again, so that they do not run into it. */
static struct status enqueue_batch(struct worker *w, unsigned *ret_queued)
{
	struct status received = ipc_receive(w->lane);

	if (received.code != STATUS_OK)
		w->ended = true;
	for (;;) {
		struct ipc_message m;
		struct job *job;
		bool have;

		while (w->spare == NULL && !w->stopping) {
			(void)pthread_cond_broadcast(&w->work);
			(void)pthread_cond_wait(&w->space, &w->lock);
		}
		if (w->stopping)
			return OK;
		TRY(ipc_next(w->lane, &m, &have));
		if (!have)
			return OK;
		TRY(check_type(&m));
		job = w->spare;
		TRY(job_fill(job, &m));
		w->spare = job->next;
		queue_put(m.type == WORKER_GENERATE ? &w->slow : &w->quick, job);
		(*ret_queued)++;
	}
}

static struct status read_lane(struct worker *w)
{
	struct status st = OK;

	while (st.code == STATUS_OK && !w->ended) {
		unsigned queued = 0;

		(void)pthread_mutex_lock(&w->lock);
		st = enqueue_batch(w, &queued);
		if (w->stopping)
			w->ended = true;
		(void)pthread_mutex_unlock(&w->lock);
		for (unsigned i = 0; i < queued && i < w->ops->threads; i++)
			(void)pthread_cond_signal(&w->work);
		if (st.code == STATUS_OK && !w->ended)
			st = wait_for_lane(w);
	}
	return st;
}

static struct status start_threads(struct worker *w, struct thread *threads, unsigned *ret_started)
{
	for (unsigned i = 0; i < w->ops->threads; i++) {
		int rc;

		threads[i] = (struct thread){ .worker = w, .number = i };
		rc = pthread_create(&threads[i].id, NULL, thread_run, &threads[i]);
		if (rc != 0)
			return FAIL_RC(NO_MEMORY, rc);
		*ret_started = i + 1;
	}
	return OK;
}

static struct status run_threads(struct worker *w)
{
	struct thread threads[WORKER_THREADS_MAX];
	struct job *jobs = calloc(JOBS_MAX, sizeof(*jobs));
	unsigned started = 0;
	struct status st;

	ENSURE(jobs != NULL, NO_MEMORY);
	for (size_t i = 0; i < JOBS_MAX; i++) {
		jobs[i].bytes = buf_make(4 * WORKER_BLOB_MAX);
		jobs[i].next = w->spare;
		w->spare = &jobs[i];
	}
	(void)pthread_mutex_init(&w->lock, NULL); /* these three cannot fail with default attributes */
	(void)pthread_cond_init(&w->work, NULL);
	(void)pthread_cond_init(&w->space, NULL);
	st = start_threads(w, threads, &started);
	if (st.code == STATUS_OK)
		st = read_lane(w);
	(void)pthread_mutex_lock(&w->lock);
	w->stopping = true;
	(void)pthread_cond_broadcast(&w->work);
	(void)pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i].id, NULL);
	for (size_t i = 0; i < JOBS_MAX; i++)
		buf_done(&jobs[i].bytes);
	free(jobs);
	(void)pthread_cond_destroy(&w->space);
	(void)pthread_cond_destroy(&w->work);
	(void)pthread_mutex_destroy(&w->lock);
	return st.code != STATUS_OK ? st : w->failed;
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
		TRY(wait_for_lane(w));
	}
}

struct status worker_run(const struct worker_ops *ops, void *self, struct ipc *ctl, struct ipc *lane, int wrap_fd,
	struct worker_page *page)
{
	struct worker w = { .ops = ops, .self = self, .ctl = ctl, .lane = lane, .page = page, .failed = OK };
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
		st = ops->threads == 1 ? run_alone(&w) : run_threads(&w);
	ipc_free(w.wrap);
	/* The agent, or keyreeved, is gone: that is how a worker ends. */
	return st.code == STATUS_IPC_CLOSED ? OK : st;
}
