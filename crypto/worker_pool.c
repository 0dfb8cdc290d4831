/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads of a worker.  Everything they share, the lane too, is under one lock that nobody holds while the
 * provider works.  Who has nothing to do reads the lane, one thread at a time, and goes on with what it has read: a
 * request that arrives alone is read, executed and answered by one thread, and others are woken only where there is
 * work for them.  A worker with one thread is the same with nobody to wake. */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "crypto/worker_loop.h"

enum {
	FLUSH_ANSWERS = 4, /* sent together at most */
	SPREAD_JOBS = 4,   /* quick jobs that are worth another thread's wake-up */
	JOBS_MAX = 256,	   /* read and not answered; the agent hands over 64 at once */
	QUICK_BITS = 256,  /* signing with no more bits than this takes microseconds */
};

/* A request that waits for a thread, with its own copy of the bytes. */
struct job {
	struct job *next;
	struct ipc_message message; /* parts point into bytes */
	struct buf bytes;	    /* owned */
	bool is_quick;
};

struct queue {
	struct job *head, *tail;
	size_t count;
};

struct pool {
	struct worker *worker;
	pthread_mutex_t lock;
	pthread_cond_t work;
	/* all under the lock */
	struct queue quick, slow; /* slow: key generation, which may not take every thread */
	struct job *spare;
	unsigned slow_running, idle; /* threads */
	unsigned unflushed;	     /* answers */
	uint64_t unflushed_us;	     /* when the oldest of them was queued */
	bool reading, stopping;
	struct status failed; /* first failure of a thread */
	struct job jobs[JOBS_MAX];
};

/* ---- the queues --------------------------------------------------------------------------------- */

static void queue_put(struct queue *queue, struct job *job)
{
	job->next = NULL;
	if (queue->head == NULL)
		queue->head = job;
	else
		queue->tail->next = job;
	queue->tail = job;
	queue->count++;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->head;

	if (job != NULL) {
		queue->head = job->next;
		queue->count--;
	}
	return job;
}

static bool may_take_slow(const struct pool *p)
{
	return p->slow.head != NULL && (p->slow_running == 0 || p->slow_running + 1 < p->worker->ops->threads);
}

static bool have_job(const struct pool *p)
{
	return p->quick.head != NULL || may_take_slow(p);
}

/* One slow job at a time goes first; more of them only where a thread stays free for the quick ones. */
static struct job *job_take(struct pool *p, bool *ret_slow)
{
	*ret_slow = may_take_slow(p) && (p->slow_running == 0 || p->quick.head == NULL);
	return queue_take(*ret_slow ? &p->slow : &p->quick);
}

static bool is_quick(const struct ipc_message *m)
{
	struct worker_request rq;

	return m->type == WORKER_SIGN && worker_request_get(m->part[0], &rq).code == STATUS_OK &&
	       rq.key.bits <= QUICK_BITS;
}

static struct status job_fill(struct job *job, const struct ipc_message *m)
{
	size_t at = 0;

	buf_clear(&job->bytes);
	for (size_t i = 0; i < IPC_PARTS; i++)
		buf_put(&job->bytes, m->part[i]);
	TRY(buf_check(&job->bytes));
	job->message = *m;
	job->is_quick = is_quick(m);
	for (size_t i = 0; i < IPC_PARTS; i++) {
		job->message.part[i] = bytes_of(job->bytes.data + at, m->part[i].len);
		at += m->part[i].len;
	}
	return OK;
}

static struct status enqueue(struct pool *p, const struct ipc_message *m)
{
	struct job *job = p->spare;
	bool slow = m->type == WORKER_GENERATE && p->worker->ops->threads > 1;

	ENSURE(m->type > WORKER_HELLO && m->type < WORKER_TYPE_COUNT, IPC_MALFORMED);
	TRY(job_fill(job, m));
	p->spare = job->next;
	queue_put(slow ? &p->slow : &p->quick, job);
	return OK;
}

/* ---- the lane ----------------------------------------------------------------------------------- */

static struct status flush(struct pool *p)
{
	if (p->unflushed == 0)
		return OK;
	p->unflushed = 0;
	return ipc_flush_wait(p->worker->lane, WORKER_FOR_EVER);
}

static struct status queue_reply(struct pool *p, const struct ipc_message *reply, uint64_t started_us)
{
	uint64_t now = clock_mono_us();

	TRY(ipc_send(p->worker->lane, reply));
	if (p->unflushed++ == 0)
		p->unflushed_us = now;
	/* A slow device: the next request would make this answer wait too long.  And a few answers are worth a wake-up:
	 * while the agent serves them the next ones are made (docs/BENCHMARKS.md). */
	if (now - started_us >= WORKER_FLUSH_US || now - p->unflushed_us >= WORKER_FLUSH_US ||
		p->unflushed >= FLUSH_ANSWERS)
		return flush(p);
	return OK;
}

/* Everything that has arrived, as jobs; what finds no spare one waits in the lane. */
static struct status read_arrived(struct pool *p)
{
	struct worker *w = p->worker;
	struct status received = ipc_receive(w->lane);
	struct ipc_message m;
	bool have;

	if (received.code != STATUS_OK)
		w->ended = true;
	while (p->spare != NULL) {
		TRY(ipc_next(w->lane, &m, &have));
		if (!have)
			break;
		TRY(enqueue(p, &m));
	}
	return OK;
}

/* This thread reads until there is a job or the end. */
static struct status read_lane(struct pool *p)
{
	struct status st;

	p->reading = true;
	st = read_arrived(p);
	while (st.code == STATUS_OK && !have_job(p) && !p->worker->ended && !p->stopping) {
		(void)pthread_mutex_unlock(&p->lock);
		st = worker_wait(p->worker);
		(void)pthread_mutex_lock(&p->lock);
		if (st.code == STATUS_OK && !p->worker->ended)
			st = read_arrived(p);
	}
	p->reading = false;
	p->stopping = p->stopping || p->worker->ended;
	return st;
}

/* ---- the threads -------------------------------------------------------------------------------- */

struct thread {
	struct pool *pool;
	pthread_t id;
	unsigned number;
};

/* While this job runs: is there work for another thread, or must one read what comes? */
static void share(struct pool *p, const struct job *job)
{
	if (p->idle > 0 && (!job->is_quick || p->quick.count >= SPREAD_JOBS || may_take_slow(p)))
		(void)pthread_cond_signal(&p->work);
}

static struct status run_job(struct pool *p, unsigned number, struct job *job, struct worker_answer *answer)
{
	struct worker *w = p->worker;
	uint64_t started_us = clock_mono_us();
	struct ipc_message reply;
	struct status st;

	if (!job->is_quick)
		TRY(flush(p)); /* what is queued may not wait for it */
	share(p, job);
	atomic_store(&w->page->executing[number], job->message.id);
	(void)pthread_mutex_unlock(&p->lock);
	worker_answer_clear(answer);
	st = worker_act(w, &job->message, answer);
	reply = worker_reply(&job->message, st, answer);
	(void)pthread_mutex_lock(&p->lock);
	st = queue_reply(p, &reply, started_us);
	atomic_store(&w->page->executing[number], 0);
	return st;
}

static void await_work(struct pool *p)
{
	p->idle++;
	(void)pthread_cond_wait(&p->work, &p->lock);
	p->idle--;
}

/* A job if there is one, else the lane if nobody reads it, else sleep. */
static struct status step(struct pool *p, unsigned number, struct worker_answer *answer)
{
	bool slow;
	struct job *job = job_take(p, &slow);
	struct status st;

	if (job == NULL) {
		TRY(flush(p));
		if (!p->reading)
			return read_lane(p);
		await_work(p);
		return OK;
	}
	p->slow_running += slow ? 1 : 0;
	st = run_job(p, number, job, answer);
	p->slow_running -= slow ? 1 : 0;
	job->next = p->spare;
	p->spare = job;
	return st;
}

static void *thread_run(void *context)
{
	struct thread *thread = context;
	struct pool *p = thread->pool;
	struct worker_answer answer;
	struct status st = OK;

	worker_answer_init(&answer);
	(void)pthread_mutex_lock(&p->lock);
	while (st.code == STATUS_OK && !p->stopping)
		st = step(p, thread->number, &answer);
	if (st.code == STATUS_OK)
		st = flush(p);
	if (p->failed.code == STATUS_OK)
		p->failed = st;
	p->stopping = true;
	(void)pthread_cond_broadcast(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
	worker_answer_done(&answer);
	return NULL;
}

/* Thread 0 is the caller's. */
static struct status run_threads(struct pool *p)
{
	struct thread threads[WORKER_THREADS_MAX];
	unsigned started = 1;
	struct status st = OK;

	threads[0] = (struct thread){ .pool = p };
	for (; started < p->worker->ops->threads && st.code == STATUS_OK; started++) {
		int rc;

		threads[started] = (struct thread){ .pool = p, .number = started };
		rc = pthread_create(&threads[started].id, NULL, thread_run, &threads[started]);
		if (rc != 0) {
			st = FAIL_RC(NO_MEMORY, rc);
			break;
		}
	}
	if (st.code == STATUS_OK)
		(void)thread_run(&threads[0]);
	(void)pthread_mutex_lock(&p->lock);
	p->stopping = true;
	(void)pthread_cond_broadcast(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
	for (unsigned i = 1; i < started; i++)
		(void)pthread_join(threads[i].id, NULL);
	return st.code != STATUS_OK ? st : p->failed;
}

struct status worker_pool_run(struct worker *w)
{
	struct pool *p = calloc(1, sizeof(*p));
	struct status st;

	ENSURE(p != NULL, NO_MEMORY);
	p->worker = w;
	p->failed = OK;
	for (size_t i = 0; i < JOBS_MAX; i++) {
		p->jobs[i].bytes = buf_make(4 * WORKER_BLOB_MAX);
		p->jobs[i].next = p->spare;
		p->spare = &p->jobs[i];
	}
	(void)pthread_mutex_init(&p->lock, NULL); /* cannot fail with default attributes, as the next */
	(void)pthread_cond_init(&p->work, NULL);
	st = run_threads(p);
	for (size_t i = 0; i < JOBS_MAX; i++)
		buf_done(&p->jobs[i].bytes);
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
	return st;
}
