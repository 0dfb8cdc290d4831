/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's one epoll loop, its deadlines, and the way back into it from other threads.
 *
 * Deadlines of one kind all last equally long, so each kind is a list in order of arrival and the next to expire is
 * its head: arming and disarming cost nothing.  Those that expire together take several turns.  struct loop and struct
 * deadline belong to the loop's thread; only post_push() may be called from others. */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include <pthread.h>

#include "base/status.h"

struct loop;

enum {
	LOOP_EVENTS = 64,
	LOOP_STRANGERS = 4, /* of their events in one turn */
	LOOP_EXPIRIES = 8,  /* of each kind in one turn */
};

/* Something with a descriptor.  What was removed in a turn is freed after it (loop.turn), never within.  A stranger's
 * comes after all others, a few in each turn: however many there are, they stand in nobody else's way for long. */
struct watch {
	int fd;
	uint32_t events; /* EPOLLIN, EPOLLOUT */
	bool is_stranger;
	void (*ready)(struct watch *watch, uint32_t events);
	bool added;
};

enum deadline_kind {
	DEADLINE_ARRIVE,   /* first byte of a request to its last */
	DEADLINE_IDLE,	   /* a kept connection between requests */
	DEADLINE_FINISH,   /* complete request to answer */
	DEADLINE_GENERATE, /* the same for key generation */
	DEADLINE_LINE,	   /* a create's audit line to the disk */
	DEADLINE_PARKED,   /* connections that are not read, until they are refused */
	DEADLINE_TURN,	   /* tokens of a throttled uid wait */
	DEADLINE_DRAIN,	   /* after the answer, until the peer has closed */
	DEADLINE_KIND_COUNT
};

/* A place in one deadline list; zero when not armed. */
struct deadline {
	struct deadline *previous, *next;
	uint64_t at_us;
	enum deadline_kind kind;
	bool armed;
	void (*expired)(struct deadline *deadline); /* disarmed already */
};

/* A result that another thread hands back. */
struct post {
	struct post *next;
	void (*done)(struct post *post); /* on the loop's thread */
};

struct loop {
	int epoll_fd, strangers_fd;
	int wake_fd;
	uint64_t now_us; /* monotonic, read once per turn */
	struct watch wake, strangers;
	struct deadline *head[DEADLINE_KIND_COUNT], *tail[DEADLINE_KIND_COUNT];
	uint64_t length_us[DEADLINE_KIND_COUNT];
	pthread_mutex_t post_lock;
	struct post *post_head, *post_tail;
	void (*turn)(void *context); /* at the end of each turn: hand over batches */
	void (*second)(void *context);
	void *context;
	uint64_t next_second_us;
	bool stopping;
};

struct status loop_init(struct loop *loop);
void loop_done(struct loop *loop);
/* Runs until loop_stop(). */
struct status loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

struct status watch_add(struct loop *loop, struct watch *watch);
void watch_events(struct loop *loop, struct watch *watch, uint32_t events);
void watch_remove(struct loop *loop, struct watch *watch);

void deadline_arm(struct loop *loop, struct deadline *deadline, enum deadline_kind kind);
void deadline_disarm(struct loop *loop, struct deadline *deadline);
/* The one of this kind that expires first; NULL when none is armed. */
struct deadline *deadline_first(struct loop *loop, enum deadline_kind kind);

/* From any thread: run post->done on the loop. */
void post_push(struct loop *loop, struct post *post);
/* A chain of posts at once. */
void post_push_chain(struct loop *loop, struct post *head, struct post *tail);

#endif
