/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/loop.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

/* ---- posts ------------------------------------------------------------------------------------ */

void post_push_chain(struct loop *loop, struct post *head, struct post *tail)
{
	bool was_empty;

	tail->next = NULL;
	pthread_mutex_lock(&loop->post_lock);
	was_empty = loop->post_head == NULL;
	if (was_empty)
		loop->post_head = head;
	else
		loop->post_tail->next = head;
	loop->post_tail = tail;
	pthread_mutex_unlock(&loop->post_lock);
	if (was_empty) {
		uint64_t one = 1;

		/* Fails only when the counter is full, and then the loop is awake anyway. */
		if (write(loop->wake_fd, &one, sizeof(one)) < 0)
			return;
	}
}

void post_push(struct loop *loop, struct post *post)
{
	post_push_chain(loop, post, post);
}

static void run_posts(struct loop *loop)
{
	struct post *post;

	pthread_mutex_lock(&loop->post_lock);
	post = loop->post_head;
	loop->post_head = NULL;
	loop->post_tail = NULL;
	pthread_mutex_unlock(&loop->post_lock);
	while (post != NULL) {
		struct post *next = post->next; /* done() may free or push it again */

		post->done(post);
		post = next;
	}
}

static void woken(struct watch *watch, uint32_t events)
{
	struct loop *loop = (struct loop *)((char *)watch - offsetof(struct loop, wake));
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) > 0)
		run_posts(loop);
}

/* ---- life ------------------------------------------------------------------------------------- */

struct status loop_init(struct loop *loop)
{
	*loop = (struct loop){ .epoll_fd = -1, .strangers_fd = -1, .wake_fd = -1 };
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return FAIL_RC(IO, errno);
	loop->strangers_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->strangers_fd < 0)
		return FAIL_RC(IO, errno);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return FAIL_RC(IO, errno);
	ENSURE(pthread_mutex_init(&loop->post_lock, NULL) == 0, NO_MEMORY);
	loop->wake = (struct watch){ .fd = loop->wake_fd, .events = EPOLLIN, .ready = woken };
	loop->strangers = (struct watch){ .fd = loop->strangers_fd, .events = EPOLLIN };
	loop->now_us = clock_mono_us();
	loop->next_second_us = loop->now_us + US_PER_S;
	TRY(watch_add(loop, &loop->strangers));
	return watch_add(loop, &loop->wake);
}

void loop_done(struct loop *loop)
{
	if (loop->wake_fd >= 0)
		(void)close(loop->wake_fd);
	if (loop->strangers_fd >= 0)
		(void)close(loop->strangers_fd);
	if (loop->epoll_fd >= 0)
		(void)close(loop->epoll_fd);
	(void)pthread_mutex_destroy(&loop->post_lock);
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

/* ---- watches ---------------------------------------------------------------------------------- */

static int set_of(const struct loop *loop, const struct watch *watch)
{
	return watch->is_stranger ? loop->strangers_fd : loop->epoll_fd;
}

struct status watch_add(struct loop *loop, struct watch *watch)
{
	struct epoll_event event = { .events = watch->events, .data.ptr = watch };

	if (epoll_ctl(set_of(loop, watch), EPOLL_CTL_ADD, watch->fd, &event) < 0)
		return FAIL_RC(IO, errno);
	watch->added = true;
	return OK;
}

void watch_events(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (!watch->added || watch->events == events)
		return;
	watch->events = events;
	/* Changing what is already there needs no memory: it cannot fail for a descriptor that is open. */
	(void)epoll_ctl(set_of(loop, watch), EPOLL_CTL_MOD, watch->fd, &event);
}

void watch_remove(struct loop *loop, struct watch *watch)
{
	if (watch->added)
		(void)epoll_ctl(set_of(loop, watch), EPOLL_CTL_DEL, watch->fd, NULL);
	watch->added = false;
}

/* ---- deadlines -------------------------------------------------------------------------------- */

void deadline_arm(struct loop *loop, struct deadline *deadline, enum deadline_kind kind)
{
	deadline_disarm(loop, deadline);
	deadline->kind = kind;
	deadline->at_us = loop->now_us + loop->length_us[kind];
	deadline->armed = true;
	deadline->next = NULL;
	deadline->previous = loop->tail[kind];
	if (loop->tail[kind] != NULL)
		loop->tail[kind]->next = deadline;
	else
		loop->head[kind] = deadline;
	loop->tail[kind] = deadline;
}

void deadline_disarm(struct loop *loop, struct deadline *deadline)
{
	enum deadline_kind kind = deadline->kind;

	if (!deadline->armed)
		return;
	if (deadline->previous != NULL)
		deadline->previous->next = deadline->next;
	else
		loop->head[kind] = deadline->next;
	if (deadline->next != NULL)
		deadline->next->previous = deadline->previous;
	else
		loop->tail[kind] = deadline->previous;
	deadline->armed = false;
	deadline->previous = NULL;
	deadline->next = NULL;
}

struct deadline *deadline_first(struct loop *loop, enum deadline_kind kind)
{
	return loop->head[kind];
}

static void run_deadlines(struct loop *loop)
{
	for (int kind = 0; kind < DEADLINE_KIND_COUNT; kind++)
		for (int i = 0; i < LOOP_EXPIRIES; i++) {
			struct deadline *due = loop->head[kind];

			if (due == NULL || due->at_us > loop->now_us)
				break;
			deadline_disarm(loop, due);
			due->expired(due);
		}
}

/* Milliseconds until something is due, rounded up so that it is due when we wake. */
static int sleep_ms(const struct loop *loop)
{
	uint64_t at = loop->next_second_us;
	uint64_t now = clock_mono_us();

	for (int kind = 0; kind < DEADLINE_KIND_COUNT; kind++)
		if (loop->head[kind] != NULL && loop->head[kind]->at_us < at)
			at = loop->head[kind]->at_us;
	return at <= now ? 0 : (int)((at - now + US_PER_MS - 1) / US_PER_MS);
}

/* What is ready in a set.  Of strangers, too, each that was asked for has its turn: the kernel puts it last then. */
static void run_ready(struct loop *loop, const struct epoll_event events[], int count, bool *ret_has_strangers)
{
	for (int i = 0; i < count; i++) {
		struct watch *watch = events[i].data.ptr;

		if (watch == &loop->strangers)
			*ret_has_strangers = true;
		else if (watch->added)
			watch->ready(watch, events[i].events);
	}
}

struct status loop_run(struct loop *loop)
{
	struct epoll_event events[LOOP_EVENTS];

	while (!loop->stopping) {
		int count = epoll_wait(loop->epoll_fd, events, LOOP_EVENTS, sleep_ms(loop));
		bool has_strangers = false;

		if (count < 0 && errno != EINTR)
			return FAIL_RC(IO, errno);
		loop->now_us = clock_mono_us();
		run_ready(loop, events, count, &has_strangers);
		if (has_strangers)
			run_ready(loop, events, epoll_wait(loop->strangers_fd, events, LOOP_STRANGERS, 0),
				&has_strangers);
		run_deadlines(loop);
		if (loop->now_us >= loop->next_second_us) {
			loop->next_second_us = loop->now_us + US_PER_S;
			if (loop->second != NULL)
				loop->second(loop->context);
		}
		if (loop->turn != NULL)
			loop->turn(loop->context);
	}
	return OK;
}
