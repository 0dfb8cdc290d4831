/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"

void lane_init(struct lane *lane, struct loop *loop, const char *name, uint8_t provider_kind, size_t queue_max)
{
	*lane = (struct lane){ .loop = loop,
		.provider_kind = provider_kind,
		.queue_max = queue_max,
		.next_id = 1,
		.is_configured = true,
		.state_kept = buf_make(WORKER_STATE_MAX),
		.watch = { .fd = -1 } };
	(void)snprintf(lane->name, sizeof(lane->name), "%s", name);
	(void)snprintf(lane->reason, sizeof(lane->reason), "its worker has not started yet");
}

/* ---- the two lists ------------------------------------------------------------------------------ */

static void queue_append(struct lane *lane, struct lane_call *call)
{
	call->next = NULL;
	call->previous = lane->queue_tail;
	if (lane->queue_tail != NULL)
		lane->queue_tail->next = call;
	else
		lane->queue_head = call;
	lane->queue_tail = call;
	lane->queue_count++;
}

static void queue_prepend(struct lane *lane, struct lane_call *call)
{
	call->previous = NULL;
	call->next = lane->queue_head;
	if (lane->queue_head != NULL)
		lane->queue_head->previous = call;
	else
		lane->queue_tail = call;
	lane->queue_head = call;
	lane->queue_count++;
}

static void queue_remove(struct lane *lane, struct lane_call *call)
{
	if (call->previous != NULL)
		call->previous->next = call->next;
	else
		lane->queue_head = call->next;
	if (call->next != NULL)
		call->next->previous = call->previous;
	else
		lane->queue_tail = call->previous;
	lane->queue_count--;
}

static void window_append(struct lane *lane, struct lane_call *call)
{
	call->next = NULL;
	call->previous = lane->window_tail;
	if (lane->window_tail != NULL)
		lane->window_tail->next = call;
	else
		lane->window_head = call;
	lane->window_tail = call;
	lane->window_count++;
}

static void window_remove(struct lane *lane, struct lane_call *call)
{
	if (call->previous != NULL)
		call->previous->next = call->next;
	else
		lane->window_head = call->next;
	if (call->next != NULL)
		call->next->previous = call->previous;
	else
		lane->window_tail = call->previous;
	lane->window_count--;
}

static void finish(struct lane_call *call, struct status st, int64_t native)
{
	static const struct bytes nothing[IPC_PARTS];

	call->done(call, st, native, nothing);
}

/* ---- a worker comes and goes -------------------------------------------------------------------- */

bool lane_is_executing(const struct lane *lane, const struct lane_call *call)
{
	if (lane->page == NULL || call->handed_us == 0)
		return false;
	for (size_t i = 0; i < WORKER_THREADS_MAX; i++)
		if (atomic_load(&lane->page->executing[i]) == call->id)
			return true;
	return false;
}

static void disconnect(struct lane *lane)
{
	watch_remove(lane->loop, &lane->watch);
	ipc_free(lane->ipc);
	lane->ipc = NULL;
	if (lane->page != NULL)
		(void)munmap((void *)(uintptr_t)lane->page, sizeof(*lane->page));
	lane->page = NULL;
}

/* Back into the queue, or failed: from the last to the first, so that the order stays. */
static void return_calls(struct lane *lane)
{
	struct lane_call *failed = NULL;

	while (lane->window_tail != NULL) {
		struct lane_call *call = lane->window_tail;
		bool again = call->repeatable && !call->repeated && !lane_is_executing(lane, call);

		window_remove(lane, call);
		call->handed_us = 0;
		if (again) {
			call->repeated = true;
			queue_prepend(lane, call);
		} else {
			call->next = failed;
			failed = call;
		}
	}
	disconnect(lane);
	while (failed != NULL) {
		struct lane_call *call = failed;

		failed = call->next;
		finish(call, FAIL(LANE_DIED), 0);
	}
}

static void worker_lost(struct lane *lane)
{
	if (lane->ipc == NULL)
		return;
	log_warning("provider %s: its worker is gone; %zu calls were with it", lane->name, lane->window_count);
	lane->winds_up = false;
	lane->state = LANE_STARTING;
	(void)snprintf(lane->reason, sizeof(lane->reason), "its worker died and is being restarted");
	return_calls(lane);
}

void lane_expect(struct lane *lane)
{
	lane->is_given_up = false;
	if (lane->state == LANE_DOWN)
		lane->state = LANE_STARTING;
}

void lane_give_up(struct lane *lane, const char *reason)
{
	worker_lost(lane);
	lane->state = LANE_DOWN;
	lane->is_given_up = true;
	(void)snprintf(lane->reason, sizeof(lane->reason), "%s", reason);
	while (lane->queue_head != NULL) {
		struct lane_call *call = lane->queue_head;

		queue_remove(lane, call);
		finish(call, FAIL(LANE_DOWN), 0);
	}
}

void lane_wind_up(struct lane *lane)
{
	lane->winds_up = true;
}

/* The worker has nothing more to do, or is gone. */
static bool is_wound_up(const struct lane *lane)
{
	if (lane->ipc == NULL)
		return true;
	return lane->window_count == 0 && (lane->is_configured || lane->queue_head == NULL);
}

static void end_worker(struct lane *lane)
{
	lane->winds_up = false;
	if (lane->ipc != NULL)
		lane->kill(lane, lane->is_configured ? "its configuration changed" : "it is not configured any more");
	if (lane->is_configured)
		worker_lost(lane);
	else
		lane_give_up(lane, "it is not configured any more");
}

void lane_done(struct lane *lane)
{
	if (lane->loop == NULL)
		return;
	disconnect(lane);
	buf_done(&lane->state_kept);
}

struct lane *lane_find(struct lane *lanes, size_t count, struct bytes name)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_equal(name, bytes_from_text(lanes[i].name)))
			return &lanes[i];
	return NULL;
}

static struct status say_hello(struct lane *lane)
{
	struct ipc_message hello = ipc_message_of(WORKER_HELLO, 0);

	hello.part[0] = ipc_build_id();
	hello.part[1] = buf_bytes(&lane->state_kept);
	hello.part[2] = bytes_of(lane->tag, sizeof(lane->tag));
	TRY(ipc_send(lane->ipc, &hello));
	return ipc_flush(lane->ipc);
}

static struct status take_hello(struct lane *lane, const struct ipc_message *message)
{
	ENSURE(lane->state == LANE_STARTING, IPC_MALFORMED);
	if (message->status != STATUS_OK) {
		/* It stays connected and would say the same again: keyreeved hears the reason and decides. */
		return FAIL_RC(LANE_DOWN, message->native);
	}
	ENSURE(bytes_equal(message->part[0], ipc_build_id()), IPC_BUILD);
	TRY(worker_info_get(message->part[1], &lane->info));
	ENSURE(message->part[2].len <= WORKER_STATE_MAX, IPC_MALFORMED);
	lane->state = LANE_RECOVERING;
	lane->is_given_up = false;
	lane->reason[0] = '\0';
	log_info("provider %s: %s", lane->name, lane->info.description);
	lane->hello(lane, message->part[2]);
	return OK;
}

static struct lane_call *find_call(struct lane *lane, uint64_t id)
{
	struct lane_call *call = lane->window_head;

	while (call != NULL && call->id != id)
		call = call->next;
	return call;
}

static struct status take_answer(struct lane *lane, const struct ipc_message *message)
{
	struct lane_call *call = find_call(lane, message->id);
	const struct bytes nothing[IPC_PARTS] = { 0 };
	bool good = message->status == STATUS_OK;

	ENSURE(call != NULL && message->type == call->type, IPC_MALFORMED);
	window_remove(lane, call);
	call->done(call, (struct status){ message->status }, message->native, good ? message->part : nothing);
	return OK;
}

static struct status take_messages(struct lane *lane)
{
	for (;;) {
		struct ipc_message message;
		bool have;

		if (lane->ipc == NULL)
			return OK; /* a callback gave the lane up */
		TRY(ipc_next(lane->ipc, &message, &have));
		if (!have)
			return OK;
		if (message.type == WORKER_HELLO)
			TRY(take_hello(lane, &message));
		else
			TRY(take_answer(lane, &message));
	}
}

static void lane_ready(struct watch *watch, uint32_t events)
{
	struct lane *lane = (struct lane *)((char *)watch - offsetof(struct lane, watch));
	struct status received = OK, st;

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		received = ipc_receive(lane->ipc);
	st = take_messages(lane); /* also what came before the end */
	if (lane->ipc == NULL)
		return;
	if (st.code != STATUS_OK) {
		char text[LOG_FAULT_BYTES];
		struct fault fault;

		fault_take(&fault);
		log_warning("provider %s: %s", lane->name, log_fault_text(&fault, text));
		worker_lost(lane);
	} else if (received.code != STATUS_OK) {
		worker_lost(lane);
	}
}

struct status lane_connect(struct lane *lane, int fd, int page_fd)
{
	AUTO(own_close) int socket_fd = fd;
	AUTO(own_close) int memory_fd = page_fd;
	void *page;

	worker_lost(lane);
	page = mmap(NULL, sizeof(struct worker_page), PROT_READ, MAP_SHARED, memory_fd, 0);
	if (page == MAP_FAILED)
		return FAIL_RC(IO, errno);
	lane->page = page;
	lane->state = LANE_STARTING;
	TRY(ipc_new(socket_fd, &lane->ipc));
	(void)own_take_fd(&socket_fd);
	lane->watch = (struct watch){ .fd = ipc_fd(lane->ipc), .events = EPOLLIN, .ready = lane_ready };
	TRY(watch_add(lane->loop, &lane->watch));
	return lane->awaits_state ? OK : say_hello(lane);
}

void lane_state_came(struct lane *lane, struct bytes state)
{
	buf_clear(&lane->state_kept);
	buf_put(&lane->state_kept, state);
	lane->awaits_state = false;
	if (lane->ipc != NULL && (lane->state_kept.bad || say_hello(lane).code != STATUS_OK))
		worker_lost(lane);
}

/* ---- calls -------------------------------------------------------------------------------------- */

/* The worker gets the call; false when it cannot take more. */
static bool hand_over(struct lane *lane, struct lane_call *call)
{
	struct ipc_message message = ipc_message_of((uint16_t)call->type, call->id);
	uint8_t raw[WORKER_REQUEST_BYTES];
	struct buf request = { .data = raw, .room = sizeof(raw), .max_bytes = sizeof(raw) };

	worker_request_put(&request, &call->request);
	message.deadline_us = call->deadline_us;
	message.part[0] = buf_bytes(&request);
	message.part[1] = call->part[0];
	message.part[2] = call->part[1];
	if (ipc_send(lane->ipc, &message).code != STATUS_OK)
		return false;
	call->handed_us = lane->loop->now_us;
	window_append(lane, call);
	return true;
}

static bool may_hand_over(const struct lane *lane)
{
	return lane->state == LANE_UP && (!lane->winds_up || !lane->is_configured);
}

void lane_turn(struct lane *lane)
{
	if (lane->winds_up && is_wound_up(lane))
		end_worker(lane);
	if (lane->ipc == NULL || lane->state < LANE_RECOVERING)
		return;
	while (may_hand_over(lane) && lane->queue_head != NULL && lane->window_count < LANE_WINDOW) {
		struct lane_call *call = lane->queue_head;

		queue_remove(lane, call);
		if (!hand_over(lane, call)) {
			queue_prepend(lane, call);
			break;
		}
	}
	if (ipc_wants_write(lane->ipc) && ipc_flush(lane->ipc).code != STATUS_OK) {
		worker_lost(lane);
		return;
	}
	watch_events(lane->loop, &lane->watch, EPOLLIN | (ipc_wants_write(lane->ipc) ? EPOLLOUT : 0u));
}

void lane_open(struct lane *lane)
{
	if (lane->state == LANE_RECOVERING)
		lane->state = LANE_UP;
}

struct status lane_submit(struct lane *lane, struct lane_call *call)
{
	ENSURE(lane->state != LANE_DOWN, LANE_DOWN);
	ENSURE(lane->queue_count < lane->queue_max, QUEUE_FULL);
	call->id = lane->next_id++;
	call->handed_us = 0;
	call->repeated = false;
	queue_append(lane, call);
	return OK;
}

struct status lane_submit_recovery(struct lane *lane, struct lane_call *call)
{
	ENSURE(lane->ipc != NULL && lane->state == LANE_RECOVERING, LANE_DOWN);
	call->id = lane->next_id++;
	call->repeatable = false;
	ENSURE(hand_over(lane, call), QUEUE_FULL);
	return OK;
}

bool lane_recall(struct lane *lane, struct lane_call *call)
{
	if (call->handed_us != 0)
		return false;
	queue_remove(lane, call);
	return true;
}
