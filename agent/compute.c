/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/compute.h"

#include <stdlib.h>

struct compute {
	struct loop *loop; /* borrowed */
	pthread_t threads[COMPUTE_THREADS];
	unsigned thread_count;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct compute_job *queue, **queue_tail;
	bool stopping;
};

static struct compute_job *take(struct compute *c)
{
	struct compute_job *job;

	pthread_mutex_lock(&c->lock);
	while (c->queue == NULL && !c->stopping)
		pthread_cond_wait(&c->work, &c->lock);
	job = c->queue;
	if (job != NULL) {
		c->queue = job->next;
		if (c->queue == NULL)
			c->queue_tail = &c->queue;
	}
	pthread_mutex_unlock(&c->lock);
	return job;
}

static void *thread_main(void *arg)
{
	struct compute *c = arg;
	struct compute_job *job;

	while ((job = take(c)) != NULL) {
		job->run(job);
		post_push(c->loop, &job->post);
	}
	return NULL;
}

struct status compute_start(struct loop *loop, struct compute **ret_compute)
{
	struct compute *c = calloc(1, sizeof(*c));

	ENSURE(c != NULL, NO_MEMORY);
	c->loop = loop;
	c->queue_tail = &c->queue;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->work, NULL);
	for (; c->thread_count < COMPUTE_THREADS; c->thread_count++)
		if (pthread_create(&c->threads[c->thread_count], NULL, thread_main, c) != 0) {
			compute_stop(c);
			return FAIL(NO_MEMORY);
		}
	*ret_compute = c;
	return OK;
}

void compute_stop(struct compute *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->thread_count; i++)
		(void)pthread_join(c->threads[i], NULL);
	(void)pthread_mutex_destroy(&c->lock);
	(void)pthread_cond_destroy(&c->work);
	free(c);
}

void compute_submit(struct compute *c, struct compute_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&c->lock);
	*c->queue_tail = job;
	c->queue_tail = &job->next;
	pthread_mutex_unlock(&c->lock);
	pthread_cond_signal(&c->work);
}
