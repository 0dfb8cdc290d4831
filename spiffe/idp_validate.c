/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/idp_validate.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "spiffe/id.h"
#include "spiffe/idp_msg.h"
#include "spiffe/workload.h"
#include "spiffe/workload_jwt.h"

enum { THREADS = 4 };

struct question {
	struct question *next;
	uint64_t id, deadline_us;
	uint64_t asker; /* which agent's */
	struct buf audience, token;
	enum workload_verdict verdict;
	struct buf spiffe_id;
	char reason[WORKLOAD_REASON_BYTES];
};

struct queue {
	struct question *head, *tail;
};

struct validator {
	struct endpoint endpoint;
	int wake;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct queue asked, answered;
	unsigned count; /* asked, under way and answered */
	uint64_t asker;
	bool is_ending;
	pthread_t threads[THREADS];
	unsigned thread_count;
};

static void queue_put(struct queue *queue, struct question *question)
{
	question->next = NULL;
	*(queue->tail != NULL ? &queue->tail->next : &queue->head) = question;
	queue->tail = question;
}

static struct question *queue_take(struct queue *queue)
{
	struct question *question = queue->head;

	if (question != NULL)
		queue->head = question->next;
	if (queue->head == NULL)
		queue->tail = NULL;
	return question;
}

static void question_free(struct question *question)
{
	buf_done(&question->audience);
	buf_done(&question->token);
	buf_done(&question->spiffe_id);
	free(question);
}

/* ---- the threads ------------------------------------------------------------------------------------ */

static void validate(const struct validator *v, struct question *question)
{
	uint64_t now = clock_mono_us();
	uint64_t left_ms = question->deadline_us > now ? (question->deadline_us - now) / US_PER_MS : 0;
	const struct workload_question asked = { &v->endpoint, buf_bytes(&question->audience),
		buf_bytes(&question->token), left_ms < IDP_VALIDATE_MS ? (int)left_ms : IDP_VALIDATE_MS };

	(void)snprintf(question->reason, sizeof(question->reason), "too many tokens wait for the Workload API");
	if (asked.deadline_ms > 0)
		question->verdict = workload_validate_jwt(&asked, &question->spiffe_id, question->reason);
}

static void *validator_main(void *context)
{
	struct validator *v = context;

	(void)pthread_mutex_lock(&v->lock);
	for (;;) {
		struct question *question = queue_take(&v->asked);

		if (question == NULL && v->is_ending)
			break;
		if (question == NULL) {
			(void)pthread_cond_wait(&v->more, &v->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&v->lock);
		validate(v, question);
		(void)pthread_mutex_lock(&v->lock);
		queue_put(&v->answered, question);
		(void)eventfd_write(v->wake, 1); /* fails only when it is full, which also wakes */
	}
	(void)pthread_mutex_unlock(&v->lock);
	return NULL;
}

/* ---- the main thread ---------------------------------------------------------------------------------- */

struct status validator_new(const struct endpoint *endpoint, int wake, struct validator **ret_validator)
{
	struct validator *v = calloc(1, sizeof(*v));

	ENSURE(v != NULL, NO_MEMORY);
	v->endpoint = *endpoint;
	v->wake = wake;
	(void)pthread_mutex_init(&v->lock, NULL); /* cannot fail for defaults, nor can the condition */
	(void)pthread_cond_init(&v->more, NULL);
	*ret_validator = v;
	return OK;
}

void validator_free(struct validator *v)
{
	struct question *question;

	if (v == NULL)
		return;
	(void)pthread_mutex_lock(&v->lock);
	v->is_ending = true;
	while ((question = queue_take(&v->asked)) != NULL)
		question_free(question);
	(void)pthread_cond_broadcast(&v->more);
	(void)pthread_mutex_unlock(&v->lock);
	for (unsigned i = 0; i < v->thread_count; i++)
		(void)pthread_join(v->threads[i], NULL); /* our own, never detached */
	while ((question = queue_take(&v->answered)) != NULL)
		question_free(question);
	(void)pthread_cond_destroy(&v->more);
	(void)pthread_mutex_destroy(&v->lock);
	free(v);
}

/* As many threads as there are questions, up to THREADS; none of them ends before the role does. */
static void more_threads(struct validator *v)
{
	if (v->thread_count < THREADS && v->thread_count < v->count &&
		pthread_create(&v->threads[v->thread_count], NULL, validator_main, v) == 0)
		v->thread_count++;
}

static struct question *question_of(const struct validator *v, const struct ipc_message *message)
{
	struct question *question = calloc(1, sizeof(*question));

	if (question == NULL)
		return NULL;
	*question = (struct question){ .id = message->id,
		.deadline_us = message->deadline_us,
		.asker = v->asker,
		.audience = buf_make(IDP_AUDIENCE_MAX),
		.token = buf_make(WORKLOAD_TOKEN_MAX),
		.spiffe_id = buf_make(SPIFFE_ID_MAX_BYTES) };
	buf_put(&question->audience, message->part[0]);
	buf_put(&question->token, message->part[1]);
	return question;
}

void validator_ask(struct validator *v, const struct ipc_message *message)
{
	struct question *question = question_of(v, message);

	if (question == NULL)
		return; /* the agent's own deadline answers it */
	(void)pthread_mutex_lock(&v->lock);
	v->count++;
	more_threads(v);
	if (v->count > IDP_VALIDATIONS_MAX || v->thread_count == 0 || buf_check(&question->token).code != STATUS_OK ||
		buf_check(&question->audience).code != STATUS_OK) {
		(void)snprintf(question->reason, sizeof(question->reason), "too many tokens wait for the Workload API");
		queue_put(&v->answered, question);
		(void)eventfd_write(v->wake, 1); /* fails only when it is full, which also wakes */
	} else {
		queue_put(&v->asked, question);
		(void)pthread_cond_signal(&v->more);
	}
	(void)pthread_mutex_unlock(&v->lock);
}

void validator_forget(struct validator *v)
{
	struct question *question;

	(void)pthread_mutex_lock(&v->lock);
	v->asker++;
	while ((question = queue_take(&v->asked)) != NULL) {
		question_free(question);
		v->count--;
	}
	(void)pthread_mutex_unlock(&v->lock);
}

static struct question *take_answered(struct validator *v)
{
	struct question *question;

	(void)pthread_mutex_lock(&v->lock);
	question = queue_take(&v->answered);
	v->count -= question != NULL;
	(void)pthread_mutex_unlock(&v->lock);
	return question;
}

static struct status send_verdict(struct ipc *agent, const struct question *question)
{
	static const enum status_code statuses[] = { [WORKLOAD_UNDECIDED] = STATUS_JWT_UNDECIDED,
		[WORKLOAD_GOOD] = STATUS_OK,
		[WORKLOAD_BAD] = STATUS_JWT_REMOTE,
		[WORKLOAD_UNASKED] = STATUS_JWT_STRANGER };
	struct ipc_message message = ipc_message_of(IDP_VERDICT, question->id);

	message.status = statuses[question->verdict];
	message.part[0] = question->verdict == WORKLOAD_GOOD ? buf_bytes(&question->spiffe_id)
							     : bytes_from_text(question->reason);
	return ipc_send(agent, &message);
}

struct status validator_tell(struct validator *v, struct ipc *agent)
{
	struct question *question;
	struct status st = OK;

	while (st.code == STATUS_OK && (question = take_answered(v)) != NULL) {
		if (question->asker == v->asker)
			st = send_verdict(agent, question);
		question_free(question);
	}
	return st;
}
