/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/accept.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "wire/frame.h"

/* ---- who is not read ---------------------------------------------------------------------------- */

/* Its answer (the same for want of a place), and the end.  What it has sent is taken out first, since closing a socket
 * with unread input turns the answer's end of file into a reset; whoever sends more than a token's worth has that. */
static void refuse(int fd)
{
	uint8_t waste[ACCEPT_WASTE_BYTES];
	struct buf frame = buf_make(FRAME_HEADER_BYTES);

	frame_response_put(&frame, NULL, status_wire(STATUS_PENALTY_BOXED), (struct bytes){ 0 });
	if (send(fd, frame.data, frame.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		(void)recv(fd, waste, sizeof(waste), MSG_DONTWAIT); /* whatever there is */
	buf_done(&frame);
	(void)close(fd);
}

static void parked_arm(struct agent *agent)
{
	uint64_t due_us = park_due_us(&agent->park);

	if (due_us == UINT64_MAX)
		return;
	deadline_arm(&agent->loop, &agent->parked, DEADLINE_PARKED);
	agent->parked.at_us = due_us; /* the only one of its kind */
}

void accept_parked_due(struct deadline *deadline)
{
	struct agent *agent = (struct agent *)((char *)deadline - offsetof(struct agent, parked));
	/* The one that it was armed for may have gone before. */
	int fd = park_due_us(&agent->park) <= agent->loop.now_us ? park_take_due(&agent->park) : -1;

	if (fd >= 0)
		refuse(fd);
	parked_arm(agent);
}

/* Connections come first. */
static bool has_room(const struct agent *agent)
{
	return agent->park.count + agent->conn_count * agent->descriptors_each < agent->descriptors;
}

static bool park(struct agent *agent, int fd, uid_t uid)
{
	if (!has_room(agent) ||
		!park_put(&agent->park, fd, uid, agent->loop.now_us + (uint64_t)ACCEPT_PARKED_MS * US_PER_MS))
		return false;
	if (!agent->parked.armed || park_due_us(&agent->park) < agent->parked.at_us)
		parked_arm(agent);
	return true;
}

/* ---- who comes ---------------------------------------------------------------------------------- */

static struct status boxed(const struct agent *agent, const struct principal *peer)
{
	ENSURE(!penalty_is_boxed(agent->penalties, peer, agent->loop.now_us), PENALTY_BOXED);
	return OK;
}

/* The cheapest question first: most of those who come in a storm are one process, and that is not let in. */
static struct status admit(struct listener *listener, int fd, struct principal *peer)
{
	struct agent *agent = listener->agent;

	if (principal_is_again(fd, &agent->boxed)) {
		*peer = agent->boxed;
		peer->pidfd = -1;
		TRY(boxed(agent, peer));
	}
	TRY(principal_take(fd, &agent->facts, peer));
	if (penalty_is_boxed(agent->penalties, peer, agent->loop.now_us)) {
		principal_done(&agent->boxed);
		agent->boxed = *peer;
		peer->pidfd = -1;
	}
	TRY(boxed(agent, peer));
	return conn_new(listener, fd, peer, share_take);
}

/* Is it let in?  Whoever may not have one more waits unread, and only where there is no room for that he loses his
 * oldest for it. */
static bool came(struct listener *listener, int fd)
{
	struct agent *agent = listener->agent;
	struct principal peer;
	struct status st = admit(listener, fd, &peer);
	bool waits = (st.code == STATUS_PENALTY_BOXED || st.code == STATUS_QUEUE_FULL) && park(agent, fd, peer.uid);

	if (st.code == STATUS_QUEUE_FULL && !waits)
		st = conn_new(listener, fd, &peer, share_take_own);
	if (st.code == STATUS_OK) {
		while (!has_room(agent) && agent->park.count > 0)
			refuse(park_take(&agent->park));
		return true;
	}
	principal_done(&peer);
	audit_count(agent->audit, peer.uid, NULL, st.code, NULL);
	if (!waits)
		(void)close(fd);
	return false;
}

/* For want of a descriptor somebody goes: who is refused anyway, else one of whoever has most. */
static bool make_room(struct agent *agent)
{
	int parked = park_take(&agent->park);
	struct share_seat *seat = parked < 0 ? share_first_to_leave(agent->shares) : NULL;

	if (parked >= 0)
		refuse(parked);
	else if (seat != NULL)
		conn_leave(seat);
	return parked >= 0 || seat != NULL;
}

static void listener_ready(struct watch *watch, uint32_t events)
{
	struct listener *listener = (struct listener *)((char *)watch - offsetof(struct listener, watch));
	struct agent *agent = listener->agent;

	(void)events;
	for (int i = 0, served = 0; i < ACCEPT_BATCH && served < ACCEPT_SERVED; i++) {
		int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
			/* They wait in the backlog until a connection ends; one of ours cures a lack of our own only.
			 */
			if (errno != EMFILE || !make_room(agent))
				accept_pause(agent);
			return;
		}
		if (fd < 0)
			return;
		if (!came(listener, fd))
			continue;
		if (agent->conn_count <= 1)
			return; /* a quiet hour: the call that finds nobody would be half of them */
		served++;
	}
}

void accept_pause(struct agent *agent)
{
	static struct log_limit limit = { .burst = 1 };

	if (log_allowed(&limit))
		log_warning("no descriptors left: new connections wait");
	agent->accept_paused = true;
	for (size_t i = 0; i < agent->listener_count; i++)
		watch_events(&agent->loop, &agent->listeners[i]->watch, 0);
}

void accept_resume(struct agent *agent)
{
	agent->accept_paused = false;
	for (size_t i = 0; i < agent->listener_count; i++)
		watch_events(&agent->loop, &agent->listeners[i]->watch, EPOLLIN);
}

/* ---- listeners ---------------------------------------------------------------------------------- */

struct status listener_open(struct agent *agent, const char *path, int fd, struct listener **ret_listener)
{
	AUTO(own_close) int given = fd;
	struct listener *listener = calloc(1, sizeof(*listener));
	struct status st;

	ENSURE(listener != NULL, NO_MEMORY);
	listener->agent = agent;
	listener->path = strdup(path);
	listener->watch = (struct watch){ .fd = fd, .events = 0, .is_stranger = true, .ready = listener_ready };
	st = listener->path != NULL ? watch_add(&agent->loop, &listener->watch) : FAIL(NO_MEMORY);
	if (st.code != STATUS_OK) {
		free(listener->path);
		free(listener);
		return st;
	}
	(void)own_take_fd(&given);
	*ret_listener = listener;
	return OK;
}

void listener_close(struct listener *listener)
{
	if (listener == NULL)
		return;
	watch_remove(&listener->agent->loop, &listener->watch);
	own_close(&listener->watch.fd);
	listener->is_closed = true;
	listener->next_closed = listener->agent->closed_listeners;
	listener->agent->closed_listeners = listener;
	conn_close_idle(listener->agent, listener);
}

void listeners_bury(struct agent *agent)
{
	struct listener **at = &agent->closed_listeners;

	while (*at != NULL) {
		struct listener *listener = *at;

		if (listener->conn_count > 0) {
			at = &listener->next_closed;
			continue;
		}
		*at = listener->next_closed;
		free(listener->path);
		free(listener);
	}
}
